"""Log levels of a machine that is a folder."""

from pathlib import Path

import pytest

from att.appliance import Facts, facts
from att.config import store
from att.config.live import LiveSettings
from att.entrypoints.levels import LEVELS, follow_level, level_in
from att.kernel.errors import Conflict, InvalidInput
from att.machine.log.service import LogLevelService


@pytest.fixture
def machine(tmp_path: Path) -> Facts:
    found = facts().rooted(tmp_path)
    found.paths.config.parent.mkdir(parents=True)
    found.paths.config.write_text("# mine\nlog:\n  level: warning  # quiet\n")
    return found


def levels(machine: Facts) -> dict[str, str]:
    return {one.service: one.level for one in LogLevelService(machine).show().items}


def test_one_service_gets_a_level_of_its_own_and_gives_it_up_again(machine: Facts) -> None:
    service = LogLevelService(machine)
    done = service.set("router", "debug")
    assert (done.changed, [(one.level, one.origin) for one in done.items]) == (True, [("debug", "log.router")])
    assert levels(machine) == {"api": "warning", "router": "debug", "egress": "warning"}
    assert not service.set("router", "debug").changed
    service.set("router", "inherit")
    service.set(None, "error")
    assert levels(machine) == {"api": "error", "router": "error", "egress": "error"}
    assert "level: error  # quiet" in machine.paths.config.read_text()
    assert LiveSettings(machine.paths.config, {}).current().log.level_of("router") == "error"


@pytest.mark.parametrize(
    ("service", "level"), [(None, "inherit"), (None, "loud"), ("router", "loud"), ("att", "debug")]
)
def test_what_is_no_service_or_level_is_refused(machine: Facts, service: str | None, level: str) -> None:
    before = machine.paths.config.read_text()
    with pytest.raises(InvalidInput):
        LogLevelService(machine).set(service, level)
    assert machine.paths.config.read_text() == before


def test_what_somebody_else_wrote_meanwhile_is_not_lost(machine: Facts) -> None:
    read = store.current_text(machine.paths.config)
    machine.paths.config.write_text("log:\n  level: info\n")
    with pytest.raises(Conflict) as refused:
        store.apply("log:\n  level: debug\n", machine, "ssh", instead_of=read)
    assert refused.value.code == "file_changed"
    assert machine.paths.config.read_text() == "log:\n  level: info\n"


@pytest.mark.anyio
async def test_a_running_process_takes_a_level_up_by_itself(machine: Facts, monkeypatch: pytest.MonkeyPatch) -> None:
    now, told = [0.0], list[str]()
    settings = LiveSettings(machine.paths.config, {}, lambda: now[0])

    class Enough(Exception):
        pass

    async def pause(_seconds: float) -> None:
        now[0] += 5
        if now[0] == 10:
            LogLevelService(machine).set("egress", "debug")
        if now[0] > 20:
            raise Enough

    monkeypatch.setattr("att.entrypoints.levels.asyncio.sleep", pause)
    monkeypatch.setattr("att.effects.journal.set_level", told.append)
    with pytest.raises(Enough):
        await follow_level(lambda: settings.current().log.level_of("egress"))
    assert told == ["debug"]


@pytest.mark.parametrize("own", ["", *(f"  router: {level}\n" for level in ("inherit", *LEVELS))])
@pytest.mark.parametrize("level", LEVELS)
def test_a_process_without_the_settings_models_reads_the_same_level(machine: Facts, level: str, own: str) -> None:
    machine.paths.config.write_text(f"log:\n  level: {level}\n{own}")
    expected = LiveSettings(machine.paths.config, {}).current().log.level_of("router")
    assert level_in(machine.paths.config, "router") == expected


@pytest.mark.parametrize(
    "text", ["", "log:", "log: [x]", "- x", "log: {level: loud}", "log: {level: [1]}", ": : :", "a"]
)
def test_of_a_file_that_says_nothing_readable_the_level_is_info(machine: Facts, text: str) -> None:
    machine.paths.config.write_text(text)
    assert level_in(machine.paths.config, "router") == "info"


def test_without_a_file_the_level_is_info(machine: Facts) -> None:
    machine.paths.config.unlink()
    assert level_in(machine.paths.config, "router") == "info"
