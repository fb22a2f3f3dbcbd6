"""Reads configs in the project's sandbox and has NAT's worker judge them."""

from collections.abc import AsyncIterator, Mapping
from typing import Any, Protocol

import anyio
import structlog

from att.configs.schema import Components, ComponentsRequest, ConfigText, Graph, Validation
from att.events.schema import ATTEvent, EventType
from att.kernel.errors import AttError, InvalidInput, NotFound
from att.nat.schema import Component, ConfigProblem, Edge, Node, Severity
from att.projects.ports import Places
from att.workspace.place import Place
from att.workspace.ports import Agents

PATIENCE_SECONDS = 40.0
START_PATIENCE_SECONDS = 180.0
"""Who starts an app waits for the worker: without it nobody knows whether the config is right."""
SETTLE_SECONDS = 30.0
"""How long after the API's start a worker that nobody asked for is kept back: it takes a processor for seconds, and
clients that waited through a restart come first."""
BASES_MAX = 8
CONFIG_NAME = "config.yml"
_FINDINGS_MAX = 20
_PACKAGE = ("sources", "whole", "package")
GIVEN = frozenset({"ATT_ROUTER_URL", "ATT_ROUTER_KEY", "HOME", "PATH", "TMPDIR", "LANG", "LC_ALL"})
"""Variables that every app has."""
log = structlog.get_logger()


class Nat(Protocol):
    """What is asked of `att.nat.seam.NatSeam`."""

    async def ask(
        self, verb: str, arguments: Mapping[str, Any], *, patience_seconds: float = PATIENCE_SECONDS
    ) -> dict[str, Any]:
        """Return the worker's answer; raises TooMany, Unavailable, Failed."""

    def wake(self) -> None:
        """Have the worker started before somebody asks."""


class Bus(Protocol):
    """What is asked of `att.events.service.Events`."""

    def subscribe(self) -> AsyncIterator[ATTEvent]:
        """Yield what happens from this call on, until the process stops."""


class Configs:
    """The configs of all projects."""

    def __init__(
        self, places: Places, agents: Agents, nat: Nat, events: Bus, *, settle_seconds: float = SETTLE_SECONDS
    ) -> None:
        self._settle_seconds = settle_seconds
        self._places = places
        self._agents = agents
        self._nat = nat
        self._events = events

    async def run(self) -> None:
        """Have the worker started once there is a project, so that its first start need not wait for it."""
        told = self._events.subscribe()
        await anyio.sleep(self._settle_seconds)
        try:
            projects = await self._places.all()
        except AttError as error:
            log.warning("NAT's worker is not started yet", code=error.code)
            projects = []
        if projects or await _is_made(told):
            self._nat.wake()

    async def read(self, project: str, path: str | None) -> ConfigText:
        """Return the config's text; raises NotFound(project_unknown|nat_config_missing|file_unknown)."""
        place = await self._places.place(project)
        found = await self._collect(place, path)
        return ConfigText(project_id=place.project_id, path=found["path"], text=found["text"])

    async def validate(self, project: str, path: str | None = None, text: str | None = None) -> Validation:
        """Check the project's config, or `text` in its place."""
        place = await self._places.place(project)
        path, verdict = await self._judge(place, path, text)
        problems = [ConfigProblem.model_validate(one) for one in verdict["problems"]]
        errors = sum(one.severity is Severity.ERROR for one in problems)
        return Validation(
            valid=not errors, path=path, errors=errors, warnings=len(problems) - errors, problems=problems
        )

    async def graph(self, project: str, path: str | None = None, text: str | None = None) -> Graph:
        """Return what the config makes, as far as it can be read."""
        place = await self._places.place(project)
        path, verdict = await self._judge(place, path, text)
        return Graph(
            path=path,
            nodes=[Node.model_validate(one) for one in verdict["nodes"]],
            edges=[Edge.model_validate(one) for one in verdict["edges"]],
            problems=[ConfigProblem.model_validate(one) for one in verdict["problems"]],
        )

    async def components(self, request: ComponentsRequest) -> Components:
        """Return the components of the release, and of a project when one is named."""
        asked: dict[str, Any] = {"kind": request.kind, "name": request.name, "query": request.query}
        asked["schema"] = request.fields
        if request.project_id is not None:
            place = await self._places.place(request.project_id)
            found = await self._agents.of(place).call("configs.collect", only_sources=True)
            asked |= {name: found[name] for name in _PACKAGE}
        told = await self._nat.ask("components", asked)
        return Components(
            digest=told["digest"],
            components=[Component.model_validate(one) for one in told["components"]],
            problems=[ConfigProblem.model_validate(one) for one in told["problems"]],
        )

    async def checked(self, place: Place, config: str | None) -> str:
        """Return the path of a config that may be started; None asks for the project's own.

        Raises InvalidInput(config_invalid), whose `data["findings"]` are its errors, and what `read` raises.
        """
        path, verdict = await self._judge(place, config, None, patience_seconds=START_PATIENCE_SECONDS)
        errors = [one for one in verdict["problems"] if one["severity"] == Severity.ERROR]
        if not errors:
            return path
        first = errors[0]
        where = f"{first['file']}:{first['line']}:{first['column']}"
        field = f" {first['path']}:" if first["path"] else ""
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        raise InvalidInput(
            "nat_config_invalid",
            f"cannot use {path}: {where}:{field} {first['message']}{more}",
            hint=first["hint"] or None,
            field="config",
            data={"findings": errors[:_FINDINGS_MAX]},
        )

    async def _judge(
        self, place: Place, path: str | None, text: str | None, *, patience_seconds: float = PATIENCE_SECONDS
    ) -> tuple[str, dict[str, Any]]:
        """Return the config's path and the worker's verdict on it."""
        found = await self._collect(place, path, text)
        path = str(found["path"])
        files: dict[str, str | None] = {path: found["text"]}
        asked = {
            "file": path,
            "files": files,
            **{name: found[name] for name in _PACKAGE},
            "variables": sorted({*GIVEN, *await self._places.secrets(place.project_id)}),
        }
        for _ in range(BASES_MAX):
            verdict = await self._nat.ask("validate", asked, patience_seconds=patience_seconds)
            if "needs" not in verdict:
                return path, verdict
            files[verdict["needs"]] = await self._base(place, verdict["needs"])
        raise InvalidInput("nat_config_invalid", f"cannot check {path}: it has more than {BASES_MAX} bases")

    async def _collect(self, place: Place, path: str | None, text: str | None = None) -> dict[str, Any]:
        """Return what the sandbox has; `text` stands in for the file."""
        agent = self._agents.of(place)
        if text is None:
            found: dict[str, Any] = await agent.call("configs.collect", path=path or "")
            return found
        found = await agent.call("configs.collect", only_sources=True)
        return {**found, "path": path or CONFIG_NAME, "text": text}

    async def _base(self, place: Place, path: str) -> str | None:
        """Return the text of a base, None when it cannot be read."""
        try:
            read = await self._agents.of(place).call("files.read", path=path)
        except AttError as error:
            if isinstance(error, NotFound) and error.code == "file_unknown":
                return None
            raise
        return str(read["content"])


async def _is_made(told: AsyncIterator[ATTEvent]) -> bool:
    """Return once a project was made, or False when the process stops before, or the history cannot be read."""
    try:
        async for event in told:
            if event.event_type is EventType.PROJECT_CREATED:
                return True
    except AttError as error:  # the worker is started when it is first asked
        log.warning("nobody waits for a first project", code=error.code)
    return False
