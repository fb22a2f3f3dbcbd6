"""The settings as JSON Schema: `render` makes the committed file from the model, `load` reads it without pydantic."""

import json
from functools import cache
from importlib import resources
from typing import Any

from att.config.migration.decision import KEY, VERSION

FILE = "att.schema.json"
_ID = "urn:att:att.schema.json"


@cache
def load() -> dict[str, Any]:
    """Return the committed schema of the settings that travels with this code; `version` is not one of them."""
    schema: dict[str, Any] = json.loads(resources.files("att.config").joinpath(FILE).read_bytes())
    del schema["properties"][KEY]
    return schema


def render() -> str:
    """Return the text of the schema file as the settings model says now."""
    from att.config.settings import Settings

    raw = Settings.model_json_schema()
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": _ID,
        "title": "att.yaml",
        **_section(raw, raw.get("$defs", {}), ()),
    }
    about = "For which version of the settings the file was written; an older one is migrated when it is applied"
    schema["properties"][KEY] = {"type": "integer", "description": about, "minimum": 1, "maximum": VERSION}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def variable(path: tuple[str, ...]) -> str:
    """Return the environment variable of a setting: ("disk", "warn_percent") → `ATT_DISK_WARN_PERCENT`."""
    return "_".join(("ATT", *path)).upper()


def _section(node: dict[str, Any], defs: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    properties = {}
    for name, inner in node["properties"].items():
        where = (*path, name)
        if "$ref" in inner:
            properties[name] = _section(defs[inner["$ref"].rpartition("/")[2]], defs, where)
        else:
            leaf = {key: value for key, value in inner.items() if key != "title"}
            leaf["env"] = [variable(where), *inner.get("env", [])]
            properties[name] = leaf
    return {
        "type": "object",
        "description": node["description"],
        "additionalProperties": False,
        "properties": properties,
    }
