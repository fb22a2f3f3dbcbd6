"""`attctl config validate` without the room's models: the same check, in a third of the time."""

from att.config.check import check


def validate(text: str, name: str) -> dict[str, object]:
    """Return what the operation answers; InvalidInput("config_invalid") names file, setting, line and column."""
    layers = check(text, {}, name)
    return {"valid": True, "settings": sum(origin.source == "file" for origin in layers.origins.values())}
