"""The verdict on the appliance, case by case, and that the worst always wins."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from att.diagnostics.decision import Api, Backup, Certificate, Disk, Engine, Level, Limits, Seen, Unit, exit_code, judge

LIMITS = Limits(warn_percent=85, limit_percent=95, free_mb_min=256)
SOCKET = Unit("att-api.socket", "loaded", "active", "running", vital=True)
SERVICE = Unit("att-api.service", "loaded", "active", "running")
FRONT = Unit("att-front.service", "loaded", "active", "running", vital=True)
HEALTHY = Seen(
    limits=LIMITS,
    units=(SOCKET, SERVICE, FRONT, Unit("att-watchdog.timer", "loaded", "active", "waiting")),
    api=Api(alive=True, ready=True, release="1"),
    engine=Engine(state="COMMITTED", current="1", previous="0"),
    disks=(Disk("/var/lib/att", 50.0, 9000),),
    clock_synchronised=True,
    certificate=Certificate(-100.0, 300.0),
)


def test_a_healthy_appliance_is_ok_without_reasons() -> None:
    verdict = judge(HEALTHY)
    assert (verdict.level, verdict.reasons) == ("ok", [])
    assert [one.name for one in verdict.findings] == [
        "api",
        "engine",
        "units",
        "disk /var/lib/att",
        "certificate",
        "clock",
    ]


def test_nothing_seen_is_ok_for_there_is_nothing_to_complain_of() -> None:
    assert judge(Seen(limits=LIMITS)).level == "ok"


@pytest.mark.parametrize(
    ("api", "level", "reason"),
    [
        (Api(alive=False, problem="refused"), "error", "api: refused"),
        (Api(alive=False), "error", "api: does not answer"),
        (Api(alive=True, checks=("database: locked",)), "error", "api: not ready: database: locked"),
        (Api(alive=True, problem="503"), "error", "api: not ready: 503"),
        (Api(alive=True), "error", "api: not ready: not ready"),
        (Api(alive=True, ready=True, checks=("disk: full soon",)), "degraded", "api: ready, but: disk: full soon"),
    ],
)
def test_the_api_decides(api: Api, level: Level, reason: str) -> None:
    verdict = judge(replace(HEALTHY, api=api))
    assert (verdict.level, verdict.reasons) == (level, [reason])


def test_an_api_that_is_not_ready_during_an_upgrade_is_degraded() -> None:
    engine = Engine(state="RESTARTED", transaction="txn_1")
    verdict = judge(replace(HEALTHY, api=Api(alive=True), engine=engine))
    assert verdict.level == "degraded"
    assert verdict.findings[1].detail == "upgrade txn_1 runs: RESTARTED"


@pytest.mark.parametrize(
    ("engine", "level", "detail"),
    [
        (Engine(problem="cannot reach it"), "degraded", "cannot reach it"),
        (Engine(state="FAILED_SAFE"), "error", "FAILED_SAFE: run `attctl rollback` or `attctl repair`"),
        (Engine(state=""), "ok", "IDLE"),
        (Engine(state="ROLLED_BACK"), "ok", "ROLLED_BACK"),
    ],
)
def test_the_engine_decides(engine: Engine, level: Level, detail: str) -> None:
    verdict = judge(replace(HEALTHY, engine=engine))
    assert (verdict.level, verdict.findings[1].detail) == (level, detail)


@pytest.mark.parametrize(
    ("unit", "level", "detail"),
    [
        (replace(SOCKET, active="inactive", sub="dead"), "error", "is inactive"),
        (replace(SOCKET, active="failed", sub="failed"), "error", "failed (failed)"),
        (replace(SOCKET, load="masked", active="inactive"), "error", "is masked"),
        (replace(SERVICE, load="masked", active="inactive"), "degraded", "is masked"),
        (replace(SERVICE, active="activating", sub="auto-restart"), "degraded", "activating (auto-restart)"),
        (replace(SERVICE, active="failed", sub="failed"), "degraded", "failed (failed)"),
        (replace(FRONT, active="inactive", sub="dead"), "error", "is inactive"),
        (Unit("att-watchdog.timer", "loaded", "failed", "failed"), "degraded", "failed (failed)"),
        (Unit("att-local.socket", "loaded", "inactive", "dead"), "degraded", "is inactive"),
    ],
)
def test_a_unit_that_is_not_as_it_should_be_is_told(unit: Unit, level: Level, detail: str) -> None:
    verdict = judge(replace(HEALTHY, units=(unit,)))
    assert (verdict.level, verdict.reasons) == (level, [f"unit {unit.name}: {detail}"])


@pytest.mark.parametrize(
    "unit",
    [
        replace(SERVICE, active="inactive", sub="dead"),
        replace(SOCKET, active="activating"),
        Unit("att-watchdog.timer", "loaded", "inactive", "dead"),
        replace(FRONT, active="reloading"),
        Unit("att-router.socket", "not-found", "inactive", "dead"),
    ],
)
def test_who_waits_to_be_needed_and_a_unit_not_carried_are_fine(unit: Unit) -> None:
    assert judge(replace(HEALTHY, units=(unit,))).level == "ok"


def test_services_that_nobody_has_asked_for_yet_are_named_and_no_fault() -> None:
    idle = Unit("att-router.service", "loaded", "inactive", "dead")
    socket = Unit("att-router.socket", "loaded", "active", "listening")
    timed = Unit("att-watchdog.service", "loaded", "inactive", "dead")
    finding = judge(replace(HEALTHY, units=(SOCKET, SERVICE, socket, idle, timed))).findings[2]
    assert (finding.level, finding.detail) == ("ok", "5 as they should be, idle until asked: att-router")
    assert judge(replace(HEALTHY, units=(SOCKET, SERVICE))).findings[2].detail == "2 as they should be"


@pytest.mark.parametrize(
    ("used", "free", "level"),
    [(84.9, 300, "ok"), (85.0, 300, "degraded"), (94.9, 300, "degraded"), (95.0, 300, "error"), (10, 255, "degraded")],
)
def test_disk_thresholds_hold_from_their_value_on(used: float, free: int, level: Level) -> None:
    assert judge(replace(HEALTHY, disks=(Disk("/", used, free),))).level == level


def test_a_disk_is_as_full_as_its_inodes_and_says_what_follows() -> None:
    def told(disk: Disk) -> tuple[Level, list[str]]:
        verdict = judge(replace(HEALTHY, disks=(disk,)))
        return verdict.level, verdict.reasons

    says = "100 % of the inodes used; from 95 % on ATT only reads, until it is less than 93 %: see `attctl disk show`"
    assert told(Disk("/", 50.0, 9_000, inodes_percent=100.0)) == ("error", [f"disk /: {says}"])
    says = "90 % used, 900 MB free; the warning is at 85 %: see `attctl disk show`"
    assert told(Disk("/", 90.0, 900)) == ("degraded", [f"disk /: {says}"])
    says = "the file system is read-only: see `journalctl -k` for why"
    assert told(Disk("/", 1.0, 9_000, read_only=True)) == ("error", [f"disk /: {says}"])


@pytest.mark.parametrize(
    ("days", "early", "level", "detail"),
    [
        (-1.0, -9.0, "degraded", "expired 1 days ago: `attctl tls install` another; the clock: `attctl time show`"),
        (3.0, -9.0, "degraded", "expires in 3 days"),
        (14.0, -0.5, "ok", "good for 14 days"),
        (
            900.0,
            2.25,
            "degraded",
            "is not valid for another 2.2 days by this clock: see `attctl time show`, "
            "else `attctl tls install` another",
        ),
    ],
)
def test_the_certificate_warns_in_time(days: float, early: float, level: Level, detail: str) -> None:
    verdict = judge(replace(HEALTHY, certificate=Certificate(early, days)))
    assert (verdict.level, verdict.findings[-2].detail) == (level, detail)


def test_settings_that_do_not_validate_are_degraded() -> None:
    assert judge(replace(HEALTHY, config_problems=("disk.x: unknown",))).level == "degraded"


@pytest.mark.parametrize("jump", [-60.0, 60.0, 157_680_000.0])
def test_a_clock_that_was_set_since_boot_is_degraded(jump: float) -> None:
    verdict = judge(replace(HEALTHY, clock_jump_seconds=jump))
    assert verdict.level == "degraded"
    assert verdict.reasons == [f"clock: was set by {jump:+.0f} s since boot: see `attctl time show`"]


def test_a_clock_that_the_network_moved_a_little_is_fine() -> None:
    assert judge(replace(HEALTHY, clock_jump_seconds=-59.9)).level == "ok"


def test_a_clock_without_network_is_told_and_no_fault() -> None:
    verdict = judge(replace(HEALTHY, clock_synchronised=False))
    assert (verdict.level, verdict.findings[-1].detail) == ("ok", "not synchronised by the network")


def test_reasons_come_worst_first() -> None:
    verdict = judge(replace(HEALTHY, api=Api(alive=True, ready=True, checks=("a: b",)), disks=(Disk("/", 99, 1),)))
    assert [reason.partition(":")[0] for reason in verdict.reasons] == ["disk /", "api"]


def test_exit_codes_are_those_of_the_table() -> None:
    levels: tuple[Level, ...] = ("ok", "degraded", "error")
    assert [exit_code(level) for level in levels] == [0, 3, 4]


_units = st.builds(
    Unit,
    st.sampled_from(["att-api.socket", "att-api.service", "att-watchdog.timer"]),
    st.sampled_from(["loaded", "masked", "not-found"]),
    st.sampled_from(["active", "inactive", "failed", "activating"]),
    st.sampled_from(["running", "dead", "auto-restart"]),
    st.booleans(),
)
_seen = st.builds(
    Seen,
    limits=st.just(LIMITS),
    units=st.none() | st.lists(_units, max_size=3).map(tuple),
    api=st.none() | st.builds(Api, st.booleans(), st.booleans()),
    engine=st.none() | st.builds(Engine, st.sampled_from(["", "FAILED_SAFE", "PROBATION"])),
    disks=st.lists(st.builds(Disk, st.just("/"), st.floats(0, 100), st.integers(0, 999)), max_size=2).map(tuple),
)


@given(_seen)
def test_the_verdict_is_the_worst_finding_and_reasons_are_all_that_is_not_ok(seen: Seen) -> None:
    verdict = judge(seen)
    levels = {one.level for one in verdict.findings}
    worst = next((level for level in ("error", "degraded") if level in levels), "ok")
    assert verdict.level == worst
    assert len(verdict.reasons) == sum(one.level != "ok" for one in verdict.findings)


@pytest.mark.parametrize(
    ("used", "held", "level"),
    [
        (94.9, False, "degraded"),
        (95.0, False, "error"),
        (94.9, True, "error"),
        (93.0, True, "error"),
        (92.9, True, "degraded"),
    ],
)
def test_what_was_full_is_told_as_full_for_as_long_as_the_api_only_reads(used: float, held: bool, level: Level) -> None:
    disk = Disk("/var/lib/att", used, 9_000, held=held)
    (found,) = (one for one in judge(replace(HEALTHY, disks=(disk,))).findings if one.name.startswith("disk"))
    assert (found.level, "only reads, until it is less than 93 %" in found.detail) == (level, level == "error")


@pytest.mark.parametrize(
    ("backup", "level", "detail"),
    [
        (Backup("daily", 0.5, key_shown=True), "ok", "daily"),
        (Backup("weekly", None, key_shown=True), "ok", "weekly"),
        (Backup("daily", None, key_shown=True, set_days=1.9), "ok", "daily"),
        (Backup("weekly", 8.0, key_shown=True, set_days=30.0), "ok", "weekly"),
        (
            Backup("weekly", None, key_shown=True, set_days=3.2),
            "degraded",
            "none was made in the 3 days since it was set; see `systemctl list-timers att-backup.timer`, "
            "or make one: `attctl backup create --scheduled`",
        ),
        (Backup("weekly", 8.0, key_shown=True), "ok", "weekly"),
        (
            Backup("daily", 0.5, "cannot write", key_shown=True),
            "degraded",
            "the last scheduled one failed: cannot write",
        ),
        (Backup("daily", 3.0, key_shown=True), "degraded", "the last one was made 3 days ago"),
        (Backup("daily", 0.5), "degraded", "nobody has the recovery key yet: `attctl backup key`"),
    ],
)
def test_a_schedule_that_is_not_kept_is_degraded(backup: Backup, level: Level, detail: str) -> None:
    found = [one for one in judge(replace(HEALTHY, backup=backup)).findings if one.name == "backup"]
    assert [(one.level, one.detail) for one in found] == [(level, detail)]


def test_without_a_schedule_backups_are_no_matter_of_the_status() -> None:
    assert judge(replace(HEALTHY, backup=Backup("off", problem="long ago"))) == judge(HEALTHY)
