"""Shows, compares and applies the settings file; writes through the engine where there is one."""

import os
from collections.abc import Mapping
from typing import Any

import anyio.to_thread

from att.appliance import Facts
from att.config import decision, json_schema
from att.config.changes import changes, unified
from att.config.check import check, layers_of
from att.config.document import dotted
from att.config.layers import Origin, value_at
from att.config.ports import Engine
from att.config.schema import ConfigApplied, ConfigChange, ConfigDiff, ConfigShown, ConfigValid, ConfigValue
from att.config.store import apply, current_text, holding
from att.kernel.errors import InvalidInput


class ConfigService:
    """The settings of one appliance; without `engine` (as in `make dev`) the file is this process's own."""

    def __init__(self, facts: Facts, engine: Engine | None = None, environ: Mapping[str, str] | None = None) -> None:
        self._facts = facts
        self._engine = engine
        self._environ = dict(os.environ if environ is None else environ)

    async def show(self, section: str | None) -> ConfigShown:
        """Return every setting with its value and who set it, or those of one section."""
        return await anyio.to_thread.run_sync(self._show, section)

    def validate(self, text: str) -> ConfigValid:
        """Return how many settings `text` sets, else raise InvalidInput("config_invalid")."""
        layers = check(text, {}, "the file")
        settings = sum(origin.source == "file" for origin in layers.origins.values())
        return ConfigValid(settings=settings, notes=list(layers.notes))

    async def diff(self, text: str) -> ConfigDiff:
        """Return how `text` differs from the file in force."""
        return await anyio.to_thread.run_sync(self._diff, text)

    async def apply(self, text: str, door: str) -> ConfigApplied:
        """Make `text` the settings file; see `att.config.store.apply` for what it refuses."""
        check(text, {}, "the proposed file")
        if self._engine is not None:
            return ConfigApplied.model_validate(await self._engine.call("config_apply", {"text": text}))
        applied = await anyio.to_thread.run_sync(apply, text, self._facts, door)
        return ConfigApplied.model_validate(applied.as_json())

    def _show(self, section: str | None) -> ConfigShown:
        path = self._facts.paths.config
        schema = json_schema.load()
        if section is not None and section not in schema["properties"]:
            known = ", ".join(schema["properties"])
            raise InvalidInput("invalid_input", f"cannot show {section}: the sections are {known}", field="section")
        layers = layers_of(current_text(path), self._environ)
        problems = [str(problem) for problem in layers.problems]
        if problems:
            layers = layers_of("", {})
        items = []
        for where, leaf in decision.leaves(schema):
            if section in (None, where[0]):
                origin = layers.origins[where]
                items.append(
                    ConfigValue(
                        setting=dotted(where),
                        value=value_at(layers.values, where),
                        origin=origin.source,
                        where=_where(origin, path.name),
                        reload=leaf["reload"],
                        door=leaf.get("door"),
                        description=leaf["description"],
                    )
                )
        return ConfigShown(path=str(path), items=items, problems=problems, notes=list(layers.notes))

    def _diff(self, text: str) -> ConfigDiff:
        path = self._facts.paths.config
        after = check(text, {}, "the proposed file")
        before = current_text(path)
        found: list[Any] = [vars(one) for one in changes(holding(path).values, after.values)]
        return ConfigDiff(
            changed=before != text,
            changes=[ConfigChange.model_validate(one) for one in found],
            unified=unified(before, text),
        )


def _where(origin: Origin, name: str) -> str | None:
    if origin.place:
        return f"{name}:{origin.place.line}"
    return origin.name
