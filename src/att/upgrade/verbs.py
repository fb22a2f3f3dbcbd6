"""What each verb of the engine's socket does."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from att.appliance import Facts
from att.config import store as config_store
from att.kernel.errors import InvalidInput, NotFound
from att.machine.audit.record import write_audit
from att.secrets.check import check as secrets_check
from att.upgrade.approvals.ports import Workshop
from att.upgrade.approvals.releasing import Releases
from att.upgrade.approvals.service import Proposals
from att.upgrade.approvals.verbs import BootstrapVerbs
from att.upgrade.door import newest_of, operators
from att.upgrade.service import Asked, Engine
from att.upgrade.spool import spool
from att.upgrade.tools import Tools
from att.upgrade.wire import Ask, Peer, there
from att_stage0.audit import tail, turn
from att_stage0.policy.decision import Override

_NEWEST_BYTES = 65_536
WATCH_SECONDS = 0.2
WATCH_SECONDS_MAX = 240.0


class Verbs:
    """The verbs over one engine. Call it with a request: a result, or an iterator of (kind, value) lines.

    `people` counts those who could approve a change of the appliance by itself, which `workshop` unpacks and builds.
    """

    def __init__(
        self,
        engine: Engine,
        tools: Tools,
        facts: Facts,
        workshop: Workshop[Any],
        people: Callable[[], int] = lambda: len(operators()),
    ) -> None:
        self._engine = engine
        self._tools = tools
        self._facts = facts
        proposals = Proposals(tools, workshop, people)
        self.releases = Releases(proposals, engine)
        self._table: Mapping[str, Callable[[Ask, Peer, int | None], Any]] = {
            "status": lambda _ask, _peer, _fd: engine.status(),
            "plan": self._plan,
            "apply": self._apply,
            "show": lambda ask, _peer, _fd: engine.show(ask.text("transaction") or "newest").model_dump(mode="json"),
            "watch": self._watch,
            "history": self._history,
            "rollback": self._rollback,
            "repair": self._repair,
            "releases": lambda _ask, _peer, _fd: engine.releases().model_dump(mode="json"),
            "config_apply": self._config_apply,
            "config_read": self._config_read,
            "secrets_check": lambda _ask, _peer, _fd: secrets_check(facts).as_json(),
            "reset_admin": self._reset_admin,
            "audit": self._audit,
            "sweep": self._sweep,
            "prepare": lambda _ask, _peer, _fd: {"database": engine.prepare()},
            **BootstrapVerbs(proposals, self.releases).table(),
        }

    def __call__(self, ask: Ask, peer: Peer, fd: int | None) -> Any:
        """Do what was asked; the door has checked that the peer may and that a file came where one is needed."""
        return self._table[ask.verb](ask, peer, fd)

    def _plan(self, ask: Ask, _peer: Peer, fd: int | None) -> Any:
        return self._engine.plan(there(fd), force=ask.flag("force")).model_dump(mode="json")

    def _apply(self, ask: Ask, peer: Peer, fd: int | None) -> Any:
        asked = Asked(
            by=peer.told,
            request_id=ask.request_id,
            force=ask.flag("force"),
            despite_baseline=ask.flag("despite_baseline"),
        )
        self._engine.demand_idle()
        directory, bytes_max = self._tools.world.layout.spool, self._facts.limits.bundle_bytes_max
        path, spooled = spool(there(fd), directory, bytes_max)

        def done() -> None:
            os.close(spooled)
            # Where the disk takes nothing any more, whoever ends the transaction removes it.
            with suppress(OSError):
                path.unlink()

        return {"transaction": self._engine.apply(spooled, asked, done)}

    def _watch(self, ask: Ask, _peer: Peer, _fd: int | None) -> Iterator[tuple[str, Any]]:
        name = ask.text("transaction")
        if not name:
            raise InvalidInput("invalid_input", "cannot watch: which transaction?", field="transaction")
        self._engine.show(name)
        return self._states(name, ask.count("cursor", 1, 1 << 62) if ask.args.get("cursor") else 0)

    def _states(self, name: str, cursor: int) -> Iterator[tuple[str, Any]]:
        told: tuple[Any, ...] = ()
        until = time.monotonic() + WATCH_SECONDS_MAX
        while time.monotonic() < until:
            # Asked before the look, so that what is over is shown with its last record.
            unfinished = self._engine.status()["transaction"]
            found = self._engine.show(name)
            left = None if found.deadline is None else max(0.0, found.deadline.timestamp() - time.time())
            for passage in found.passages:
                if passage.cursor > cursor:
                    cursor = passage.cursor
                    ids = found.release_ids()
                    yield "event", {**passage.model_dump(mode="json"), "deadline_seconds": left, **ids}
            if found.verdict != "running" and unfinished != found.id:
                yield "result", found.model_dump(mode="json")
                return
            now = (found.state, found.notes, found.percent)
            if now != told and (found.notes or found.percent is not None):
                told = now
                yield (
                    "event",
                    {"state": found.state, "notes": found.notes, "percent": found.percent, "deadline_seconds": left},
                )
            time.sleep(WATCH_SECONDS)

    def _history(self, ask: Ask, _peer: Peer, _fd: int | None) -> Any:
        found = self._engine.history(ask.count("limit", 20, 200))
        return {"transactions": [one.model_dump(mode="json") for one in found]}

    def _rollback(self, ask: Ask, peer: Peer, _fd: int | None) -> Any:
        to = ask.text("to")
        override = Override.ALLOW if ask.flag("override") else Override.NONE
        asked = Asked(by=peer.told, request_id=ask.request_id, override=override)
        return {"transaction": self._engine.rollback(to, asked)}

    def _repair(self, ask: Ask, peer: Peer, _fd: int | None) -> Any:
        done = self._engine.repair()
        self._record("repair", ask, peer, healthy=done.healthy)
        return done.model_dump(mode="json")

    def _config_apply(self, ask: Ask, peer: Peer, _fd: int | None) -> Any:
        text = ask.text("text")
        if text is None:
            raise InvalidInput("invalid_input", "cannot apply the settings: text is missing", field="text")
        applied = config_store.apply(text, self._facts, peer.door).as_json()
        self._record("config.apply", ask, peer, changes=[one["path"] for one in applied["changes"]])
        return applied

    def _config_read(self, _ask: Ask, _peer: Peer, _fd: int | None) -> Any:
        return {"text": config_store.current_text(self._facts.paths.config)}

    def _reset_admin(self, ask: Ask, peer: Peer, _fd: int | None) -> Any:
        links = self._tools.world.links()
        if links.current is None or links.database is None:
            raise NotFound("database_missing", "cannot make a token: there is no database yet")
        made = self._tools.databases.reset_admin(links.current, links.database)
        self._record("token.reset_admin", ask, peer, token=made.get("id", ""))
        return made

    def _audit(self, ask: Ask, _peer: Peer, _fd: int | None) -> Any:
        path, limit = self._tools.world.layout.audit, ask.count("limit", 100, 1000)
        with turn(path.parent, shared=True):
            text = tail(path, 1_000 * limit + _NEWEST_BYTES)
        return {"entries": newest_of(text, limit)}

    def _sweep(self, ask: Ask, peer: Peer, _fd: int | None) -> Any:
        self._engine.sweep()
        self._record("release.sweep", ask, peer)
        return {}

    def _record(self, action: str, ask: Ask, peer: Peer, **extra: Any) -> None:
        path = self._tools.world.layout.audit
        write_audit(path, action, by=peer.told, door=peer.door, request_id=ask.request_id, **extra)
