"""Status gathers what answers, and a sick part never makes it fail."""

import os
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from att.appliance import Facts, facts
from att.diagnostics.decision import Certificate, Disk, Unit
from att.diagnostics.operations import OPERATIONS
from att.diagnostics.schema import Status, StatusRequest
from att.diagnostics.service import ENGINE_SECONDS, StatusService
from att.diagnostics.world import Machine, parse_units, validity
from att.effects.http import NoAnswer
from att.effects.room import tell_held
from att.kernel.errors import Unavailable
from att.kernel.operation import Caller, Context, Role

pytestmark = pytest.mark.anyio
ENGINE = {"state": "COMMITTED", "transaction": None, "failed_safe": False, "current": "1.2.0", "previous": "1.1.0"}


@dataclass
class FakeWorld:
    """The machine as a test wants it."""

    answers: dict[str, tuple[int, Any]] = field(
        default_factory=lambda: {
            "/healthz": (200, {"status": "ok"}),
            "/readyz": (200, {"status": "ok", "release": "1.2.0", "checks": {"database": {"status": "ok"}}}),
        }
    )
    states: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    carried: tuple[str, ...] = ("att-api", "att-front", "att-upgraded", "att-launcher", "att-watchdog")
    use: tuple[float, int] = (40.0, 5000)
    seen: bool = True

    def units(self, names: list[str]) -> tuple[Unit, ...] | None:
        if not self.seen:
            return None
        found = []
        for name in names:
            known = name.rpartition(".")[0] in self.carried or name.endswith(".socket")
            found.append(Unit(name, *self.states.get(name, ("loaded" if known else "not-found", "active", "running"))))
        return tuple(found)

    def get(self, _socket: Path, target: str) -> tuple[int, Any]:
        if target not in self.answers:
            raise NoAnswer(f"cannot ask for {target}")
        return self.answers[target]

    def disk(self, path: Path) -> Disk | None:
        return Disk(str(path), *self.use)

    def clock_jump_seconds(self, stamp: Path) -> float | None:
        assert stamp.name == "clock"
        return 0.0

    def clock_synchronised(self) -> bool | None:
        return True

    def certificate(self, path: Path) -> Certificate | None:
        assert path.name == "server.crt"
        return Certificate(-100.0, 100.0)

    last_backup: tuple[float | None, str, bool] | None = (0.5, "cannot write", True)

    def days_since(self, path: Path) -> float | None:
        assert path.name == "att.yaml"
        return 5.0

    def backup(self, path: Path) -> tuple[float | None, str, bool] | None:
        assert path.name == "last.json"
        return self.last_backup


class FakeEngine:
    def __init__(self, answer: dict[str, Any] | Exception) -> None:
        self._answer = answer
        self.seconds = 0.0

    async def call(self, verb: str, _args: dict[str, Any] | None = None, *, seconds: float) -> dict[str, Any]:
        assert verb == "status"
        self.seconds = seconds
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


@pytest.fixture
def rooted(tmp_path: Path) -> Facts:
    return facts().rooted(tmp_path)


async def status(rooted: Facts, world: FakeWorld, engine: Any = None) -> Status:
    service = StatusService(rooted, engine or FakeEngine(ENGINE), world=world)
    caller = Caller("u", "ann", Role.VIEWER)
    told: Status = await OPERATIONS[0].answer(Context(caller, "req_1", {StatusService: service}), StatusRequest())
    return told


async def test_a_healthy_appliance_is_ok_and_exits_0(rooted: Facts) -> None:
    told = await status(rooted, FakeWorld())
    assert (told.status, told.reasons, told.release, told.previous) == ("ok", [], "1.2.0", "1.1.0")
    assert OPERATIONS[0].exit_code
    assert OPERATIONS[0].exit_code(told) == 0
    assert told.upgrade is None


async def test_sockets_whose_service_the_release_does_not_carry_are_not_asked_for(rooted: Facts) -> None:
    told = await status(rooted, FakeWorld(states={"att-router.socket": ("loaded", "inactive", "dead")}))
    assert told.status == "ok"
    assert "att-router.socket" not in {one.name for one in told.units}
    assert {"att-api.socket", "att-front.service", "att-watchdog.timer"} <= {one.name for one in told.units}


async def test_an_api_masked_and_stopped_is_an_error_and_exits_4(rooted: Facts) -> None:
    states = {"att-api.service": ("masked", "inactive", "dead"), "att-api.socket": ("loaded", "inactive", "dead")}
    told = await status(rooted, FakeWorld(answers={}, states=states))
    assert told.status == "error"
    assert OPERATIONS[0].exit_code
    assert OPERATIONS[0].exit_code(told) == 4
    assert {reason.partition(":")[0] for reason in told.reasons} == {
        "api",
        "unit att-api.socket",
        "unit att-api.service",
    }


async def test_a_disk_threshold_in_the_settings_degrades_and_exits_3(rooted: Facts) -> None:
    rooted.paths.config.parent.mkdir(parents=True)
    rooted.paths.config.write_text("disk: {warn_percent: 30}")
    told = await status(rooted, FakeWorld())
    assert told.status == "degraded"
    assert OPERATIONS[0].exit_code
    assert OPERATIONS[0].exit_code(told) == 3


async def test_a_raised_minimum_of_free_space_degrades(rooted: Facts) -> None:
    rooted.paths.config.parent.mkdir(parents=True)
    rooted.paths.config.write_text("disk: {free_mb_min: 999999}")
    assert (await status(rooted, FakeWorld())).status == "degraded"


async def test_broken_settings_degrade_and_the_defaults_judge(rooted: Facts) -> None:
    rooted.paths.config.parent.mkdir(parents=True)
    rooted.paths.config.write_text("disk: {warn_percent: x}")
    assert [one.partition(":")[0] for one in (await status(rooted, FakeWorld())).reasons] == ["config"]
    rooted.paths.config.write_bytes(b"\xff")
    assert [one.partition(":")[0] for one in (await status(rooted, FakeWorld())).reasons] == ["config"]


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ({"/healthz": (500, None), "/readyz": (503, None)}, "api: /healthz answered 500"),
        ({"/healthz": (200, None), "/readyz": (503, None)}, "api: not ready: not ready"),
        (
            {
                "/healthz": (200, None),
                "/readyz": (503, {"checks": {"database": {"status": "failed", "detail": "locked"}}}),
            },
            "api: not ready: database: locked",
        ),
    ],
)
async def test_what_the_api_answers_is_told(rooted: Facts, answers: dict[str, Any], reason: str) -> None:
    assert (await status(rooted, FakeWorld(answers=answers))).reasons == [reason]


async def test_a_caller_who_may_not_ask_the_api_does_not_call_it_dead(rooted: Facts) -> None:
    class Closed(FakeWorld):
        def get(self, _socket: Path, target: str) -> tuple[int, Any]:
            raise NoAnswer(target) from PermissionError(13, "Permission denied")

    assert (await status(rooted, Closed())).status == "ok"


async def test_an_engine_that_does_not_answer_is_told_and_the_api_names_the_release(rooted: Facts) -> None:
    told = await status(rooted, FakeWorld(), FakeEngine(Unavailable("engine_unavailable", "cannot reach it")))
    assert (told.status, told.reasons, told.release) == ("degraded", ["engine: cannot reach it"], "1.2.0")


async def test_the_engine_gets_a_bounded_time(rooted: Facts) -> None:
    engine = FakeEngine(ENGINE)
    await status(rooted, FakeWorld(), engine)
    assert engine.seconds == ENGINE_SECONDS


async def test_a_running_upgrade_is_shown_and_failed_safe_is_an_error(rooted: Facts) -> None:
    running = {**ENGINE, "state": "PROBATION", "transaction": "txn_1"}
    told = await status(rooted, FakeWorld(), FakeEngine(running))
    assert told.upgrade == {"transaction": "txn_1", "state": "PROBATION"}
    assert (await status(rooted, FakeWorld(), FakeEngine({**ENGINE, "failed_safe": True}))).status == "error"


async def test_where_the_service_manager_cannot_be_asked_units_are_left_out(rooted: Facts) -> None:
    told = await status(rooted, FakeWorld(seen=False))
    assert (told.status, told.units) == ("ok", [])


async def test_one_file_system_is_told_once(rooted: Facts) -> None:
    assert len((await status(rooted, FakeWorld())).disks) == 1


async def test_without_a_machine_only_disk_and_settings_are_judged(rooted: Facts) -> None:
    told = await StatusService(rooted, None, machine=False, world=FakeWorld(answers={})).status()
    assert told.status == "ok"
    assert [one.name.partition(" ")[0] for one in told.checks] == ["disk"]
    assert told.release


def test_the_blocks_of_systemctl_are_read() -> None:
    text = "Id=a.service\nLoadState=loaded\nActiveState=active\nSubState=running\n\nId=b.socket\nLoadState=masked\n\n"
    assert parse_units(text) == (
        Unit("a.service", "loaded", "active", "running"),
        Unit("b.socket", "masked", "", ""),
    )
    assert parse_units("") == ()


def test_the_begin_and_the_end_of_a_certificate_are_read() -> None:
    now = datetime(2026, 11, 21, tzinfo=UTC)
    assert validity("notBefore=2026-11-20 00:00:00Z\nnotAfter=2026-11-22 12:00:00Z\n", now) == Certificate(-1.0, 1.5)
    assert validity("notAfter=2026-11-22 12:00:00Z\n", now) is None
    assert validity("notBefore=soon\nnotAfter=2026-11-22 12:00:00Z\n", now) is None
    assert validity("what?", now) is None


def test_the_machine_itself_can_be_looked_at(tmp_path: Path) -> None:
    machine = Machine()
    disk = machine.disk(tmp_path)
    assert disk
    assert 0 <= disk.used_percent <= 100
    assert machine.disk(tmp_path / "none") is None
    assert machine.days_since(tmp_path / "none") is None
    os.utime(tmp_path, (0, time.time() - 86_400))
    assert (machine.days_since(tmp_path) or 0) == pytest.approx(1, abs=0.1)
    assert machine.certificate(tmp_path / "none") is None
    (tmp_path / "junk").write_text("junk")
    assert machine.certificate(tmp_path / "junk") is None
    assert machine.clock_synchronised() in (True, False, None)
    assert machine.clock_jump_seconds(Path("/nonexistent/clock")) is None
    with pytest.raises(NoAnswer):
        machine.get(tmp_path / "none.sock", "/healthz")


async def test_a_scheduled_backup_that_failed_is_told(rooted: Facts) -> None:
    rooted.paths.config.parent.mkdir(parents=True, exist_ok=True)
    rooted.paths.config.write_text("backup:\n  schedule: daily\n")
    found = await status(rooted, FakeWorld())
    assert (found.status, found.reasons) == ("degraded", ["backup: the last scheduled one failed: cannot write"])


async def test_a_schedule_that_never_made_one_is_told_with_the_way_out(rooted: Facts) -> None:
    rooted.paths.config.parent.mkdir(parents=True, exist_ok=True)
    rooted.paths.config.write_text("backup:\n  schedule: weekly\n")
    world = FakeWorld()
    world.last_backup = None
    found = await status(rooted, world)
    assert found.status == "degraded"
    assert "none was made in the 5 days since it was set" in found.reasons[0]


def test_what_the_backups_file_says_is_read_and_anything_else_is_no_answer(tmp_path: Path) -> None:
    last = tmp_path / "last.json"
    assert Machine().backup(last) is None
    last.write_text('{"good": null, "problem": "x", "key_shown": false}')
    assert Machine().backup(last) == (None, "x", False)
    last.write_text('{"good": "2026-11-22T00:00:00Z", "problem": "", "key_shown": true}')
    told = Machine().backup(last)
    assert told is not None
    assert told[1:] == ("", True)
    for text in ("", "[]", "{}", '{"good": 7}', '{"good": "then", "problem": "", "key_shown": true}'):
        last.write_text(text)
        assert Machine().backup(last) is None


async def test_status_says_of_a_disk_what_the_api_does(rooted: Facts) -> None:
    world = FakeWorld()
    world.use = (94.0, 9_000)
    rooted.paths.state.mkdir(parents=True, exist_ok=True)
    assert (await status(rooted, world)).status == "degraded"
    tell_held(rooted.paths.run, [rooted.paths.state])
    found = await status(rooted, world)
    assert found.status == "error"
    assert "ATT only reads, until it is less than 93 %" in found.reasons[0]
