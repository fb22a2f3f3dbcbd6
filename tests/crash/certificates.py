"""The certificate that a machine makes for itself by a wrong clock, and what status says of it then and after."""

import importlib.util
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

from dev.vm.places import ROOT
from tests.crash.ailing import Seen

from att.diagnostics.decision import Certificate, Limits, judge
from att.diagnostics.decision import Seen as Looked
from att.diagnostics.world import Machine, validity
from att.effects.processes import run

_ADDRESSES = '[{"flags": ["UP"], "addr_info": [{"local": "10.1.2.3", "scope": "global"}]}]'
RIGHT = datetime.now(UTC)
WRONG = (datetime(1970, 1, 1, 0, 0, 10, tzinfo=UTC), RIGHT.replace(year=RIGHT.year + 5, day=1))


def certificate_of_a_wrong_clock(folder: Path) -> Seen:
    """Boot for the first time by a wrong clock, and look by the right one."""
    said = ""
    for clock in WRONG:
        public = _booted(folder / str(clock.year), clock)
        seen = Machine().certificate(public)
        assert seen is not None
        assert _judged(seen) == ("ok", f"good for {seen.days_left:.0f} days")
        assert _booted(folder / str(clock.year), RIGHT).read_bytes() == public.read_bytes(), "it stays what it was"
        by_the_wrong = _seen(public, WRONG[0])
        level, told = _judged(by_the_wrong)
        assert (level, "`attctl time show`" in told) == ("degraded", True)
        said = told.partition(":")[0].replace(f" {by_the_wrong.days_early:.1f} ", " 20,000 ")
    return Seen(
        f"made at 1970 or five years ahead, it is good by the right clock; at 1970 status says that it {said}",
        "none lost, its fingerprint stays",
        "the clock was set right",
    )


def _booted(root: Path, clock: datetime) -> Path:
    """Run the first boot's step at `clock`; real openssl."""
    module = _module()

    def program(command: Sequence[str], **_: object) -> str:
        return _ADDRESSES if command[0] == "ip" else str(module.run_program(command))

    machine = module.Machine(ROOT / "appliance/appliance.toml", root, program, chown=False)
    machine.now = lambda: clock
    machine.path("tls").mkdir(parents=True, exist_ok=True)
    module.make_certificate(machine)
    return Path(machine.path("tls")) / "server.crt"


def _module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("firstboot", ROOT / "appliance/firstboot/firstboot.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _seen(public: Path, now: datetime) -> Certificate:
    command = ["openssl", "x509", "-noout", "-startdate", "-enddate", "-dateopt", "iso_8601", "-in", str(public)]
    found = validity(run(command, timeout_seconds=20).output, now)
    assert found is not None
    return found


def _judged(seen: Certificate) -> tuple[str, str]:
    (found,) = judge(Looked(Limits(85, 95, 500), certificate=seen)).findings
    return found.level, found.detail
