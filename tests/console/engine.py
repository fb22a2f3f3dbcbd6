"""A fake upgrade engine: the real socket protocol in front of transactions that a test moves by hand."""

import os
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

from att.kernel.errors import AttError, Conflict, NotFound
from att.kernel.ids import new_id
from att.upgrade.door import Door
from att.upgrade.schema import Failure, Passage, Plan, PlanCheck, Release, ReleasePage, Transaction, Verdict
from att.upgrade.wire import Ask, Peer

STEPS = ("VERIFIED", "STAGED", "PREFLIGHT", "SNAPSHOT", "SWITCHED", "RESTARTED", "PROBATION", "COMMITTED")
WATCH_PAUSE_SECONDS = 0.02
CURRENT, PREVIOUS, NEXT = "0.2.0", "0.1.0", "0.3.0"


class FakeEngine:
    """Answers at `path`. `received` counts the bytes of each bundle that came."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(64)
        self._door = Door(self._listener, self._serve, who=lambda _: Peer(0, "att", operator=True, api=True))
        self._thread = threading.Thread(target=self._door.run, args=(lambda: None, 0.05), daemon=True)
        self._lock = threading.RLock()
        self.transactions: list[Transaction] = []
        self.received: list[int] = []
        self.plan_error: AttError | None = None
        self.plan_failure: Failure | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._door.stop()
        self._thread.join(5)
        self._listener.close()

    # What a test does

    def reset(self) -> None:
        """Forget every transaction and refusal."""
        with self._lock:
            self.transactions.clear()
            self.received.clear()
            self.plan_error = self.plan_failure = None

    def record(self, *words: str, notes: str | None = None, percent: float | None = None) -> None:
        """Append journal records to the newest transaction: `STAGED?` is an intent, `STAGED` its end."""
        with self._lock:
            for word in words:
                newest = self.transactions[0]
                state, phase = word.rstrip("?"), "intent" if word.endswith("?") else "done"
                passage = Passage(state=state, phase=phase, at=datetime.now(UTC), cursor=len(newest.passages) + 1)
                values: dict[str, Any] = {"state": state, "phase": phase, "notes": notes, "percent": percent}
                values |= {"passages": [*newest.passages, passage], "target": newest.target or NEXT}
                values["deadline"] = datetime.now(UTC) + timedelta(seconds=90)
                self.transactions[0] = newest.model_copy(update=values)

    def pass_through(self, last: str) -> None:
        """Record every step that is not done yet, up to the end of `last`."""
        done = {passage.state for passage in self.transactions[0].passages if passage.phase == "done"}
        begun = {passage.state for passage in self.transactions[0].passages}
        for step in STEPS[: STEPS.index(last) + 1]:
            if step not in done:
                self.record(*([] if step in begun else [step + "?"]), step)

    def end(self, verdict: Verdict, failure: Failure | None = None) -> None:
        """Give the newest transaction its verdict."""
        states = {"rolled_back": "ROLLED_BACK", "failed_safe": "FAILED_SAFE", "refused": "REFUSED"}
        with self._lock:
            if verdict == "committed":
                self.pass_through("COMMITTED")
            else:
                self.record(states[verdict])
            ended = {"verdict": verdict, "failure": failure, "finished": datetime.now(UTC), "deadline": None}
            self.transactions[0] = self.transactions[0].model_copy(update={**ended, "notes": None, "percent": None})

    # What the API asks

    def _serve(self, ask: Ask, _peer: Peer, fd: int | None) -> Any:
        match ask.verb:
            case "status":
                return self._status()
            case "plan":
                return self._plan(fd)
            case "apply":
                return self._begin("upgrade", "", fd)
            case "rollback":
                return self._begin("rollback", ask.text("to") or PREVIOUS, None)
            case "show":
                return self._find(ask.text("transaction") or "newest").model_dump(mode="json")
            case "watch":
                return self._watch(ask.text("transaction") or "", int(ask.args.get("cursor") or 0))
            case "history":
                limit = ask.count("limit", 20, 200)
                return {"transactions": [one.model_dump(mode="json") for one in self.transactions[:limit]]}
            case "releases":
                return self._releases().model_dump(mode="json")
            case _:
                raise NotFound("not_found", f"cannot {ask.verb}: the fake does not")

    def _status(self) -> dict[str, Any]:
        newest = self.transactions[0] if self.transactions else None
        running = newest is not None and newest.verdict == "running"
        return {
            "state": newest.state if newest else "IDLE",
            "transaction": newest.id if newest and running else None,
            "failed_safe": newest is not None and newest.verdict == "failed_safe",
            "current": CURRENT,
            "previous": PREVIOUS,
        }

    def _plan(self, fd: int | None) -> dict[str, Any]:
        if self.plan_error is not None:
            raise self.plan_error
        size = os.fstat(fd).st_size if fd is not None else 0
        failed = self.plan_failure
        return Plan(
            version=NEXT,
            digest="7f" * 32,
            current=CURRENT,
            kind="upgrade",
            schema_version=4,
            schema_class="additive",
            build_time=datetime(2026, 11, 20, 12, tzinfo=UTC),
            commit="1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d",
            size_bytes=size,
            signed_by=["release-2026"],
            local=False,
            refusal=failed,
            checks=[
                PlanCheck(name="bundle", status="failed" if failed else "ok", detail=failed.detail if failed else ""),
                PlanCheck(name="baseline", status="ok"),
            ],
        ).model_dump(mode="json")

    def _begin(self, kind: str, target: str, fd: int | None) -> dict[str, Any]:
        with self._lock:
            if self.transactions and self.transactions[0].verdict == "running":
                raise Conflict("upgrade_running", "cannot begin: another one is running")
            if fd is not None:
                self.received.append(os.fstat(fd).st_size)
            begun = Transaction(
                id=new_id("txn"),
                kind=kind,
                state="VERIFIED",
                phase="intent",
                verdict="running",
                source=CURRENT,
                target=target,
                schema_class="additive",
                started=datetime.now(UTC),
                by="att(uid 990)",
            )
            self.transactions.insert(0, begun)
            self.record("VERIFIED?")
            return {"transaction": begun.id}

    def _find(self, name: str) -> Transaction:
        with self._lock:
            for found in self.transactions:
                if name in ("newest", found.id):
                    return found
        raise NotFound("not_found", f"cannot find the transaction {name}")

    def _watch(self, name: str, cursor: int) -> Iterator[tuple[str, Any]]:
        while True:
            found = self._find(name)
            for passage in found.passages[cursor:]:
                cursor = passage.cursor
                yield "event", {**passage.model_dump(mode="json"), "notes": found.notes, "percent": found.percent}
            if found.verdict != "running":
                yield "result", found.model_dump(mode="json")
                return
            time.sleep(WATCH_PAUSE_SECONDS)

    def _releases(self) -> ReleasePage:
        built = datetime(2026, 11, 1, tzinfo=UTC)
        common: dict[str, Any] = {"build_time": built, "commit": "c0ffee" * 6 + "c0ff", "size_bytes": 61_000_000}
        return ReleasePage(
            releases=[
                Release(version=CURRENT, current=True, previous=False, schema_version=4, **common),
                Release(version=PREVIOUS, current=False, previous=True, schema_version=3, **common),
            ]
        )
