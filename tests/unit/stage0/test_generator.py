"""The units that systemd gets, for the release that journal and disk decide."""

import json
from pathlib import Path

import pytest
from tests.crash.machine import Crash, Machine
from tests.crash.releases import Content

from att_stage0 import generator, which_release
from att_stage0.layout import Layout
from att_stage0.world import SystemClock

FACTS = Path(__file__).parents[3] / "appliance" / "appliance.toml"
OLD, NEW = Content("1.0.0"), Content("1.1.0", services=("att-api.service", "att-upgraded.service", "att-app@.service"))


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(tmp_path / "m")
    made.install(OLD)
    made.first_boot()
    made.effects.clear()
    return made


def generated(machine: Machine) -> dict[str, str]:
    out = machine.root / f"out-{len(list(machine.root.glob('out-*')))}"
    out.mkdir()
    generator.generate(machine.layout, out, generator.chosen(machine.layout, machine.clock.boot_id()))
    return {str(path.relative_to(out)): str(path.readlink()) for path in out.rglob("*") if path.is_symlink()}


def wants_of(links: dict[str, str]) -> set[str]:
    folder = f"{generator.TARGET}.wants/"
    return {name.removeprefix(folder) for name in links if name.startswith(folder)}


def stopped_after(machine: Machine, effect: str, content: Content = NEW) -> None:
    seen: list[str] = []

    def tick(name: str) -> None:
        if seen and seen[-1] == effect:
            raise Crash(name)
        seen.append(name)

    machine.tick = tick  # type: ignore[method-assign,assignment]  # the test stops the machine there
    with pytest.raises(Crash):
        machine.apply(content)


def test_services_come_with_resolved_paths_and_sockets_only_where_their_service_is(machine: Machine) -> None:
    links = generated(machine)
    assert links["att-api.service"] == str(machine.layout.releases / "1.0.0/systemd/att-api.service")
    assert {"att-launcher.socket", "att-local.socket", "att-upgraded.socket"} <= wants_of(links)


def test_with_the_machine_starts_the_api_alone_whoever_has_a_socket_waits_to_be_asked(machine: Machine) -> None:
    assert {name for name in wants_of(generated(machine)) if name.endswith(".service")} == {"att-api.service"}


def test_a_service_that_no_socket_starts_starts_with_the_machine(machine: Machine) -> None:
    machine.apply(Content("1.1.0", services=("att-api.service", "att-clock.service")))
    assert {"att-api.service", "att-clock.service"} <= wants_of(generated(machine))


def test_in_a_trial_every_service_starts_with_the_machine(machine: Machine) -> None:
    stopped_after(machine, "journal RESTARTED done", Content("1.1.0"))
    assert {"att-api.service", "att-launcher.service", "att-upgraded.service"} <= wants_of(generated(machine))


def test_a_release_without_a_launcher_gets_none_of_its_sockets(machine: Machine) -> None:
    machine.apply(NEW)
    links = generated(machine)
    assert "att-app@.service" in links
    assert not [name for name in links if "launcher" in name or "local" in name or "wants/att-app" in name]
    assert machine.active_sockets == {"att-api.socket", "att-upgraded.socket"}


def test_the_former_engine_is_loaded_and_wanted_until_the_commit(machine: Machine) -> None:
    stopped_after(machine, "journal RESTARTED done")
    links = generated(machine)
    assert "releases/1.1.0/" in links["att-api.service"]
    assert "releases/1.0.0/" in links["att-upgraded.service"]
    assert "att.target.wants/att-upgraded.service" in links


def test_in_the_middle_of_a_switch_the_former_release_is_loaded(machine: Machine) -> None:
    stopped_after(machine, "switch current")
    assert machine.world().links().current == "1.1.0"
    assert "releases/1.0.0/" in generated(machine)["att-api.service"]


def test_without_any_release_nothing_is_loaded(tmp_path: Path) -> None:
    assert generated(Machine(tmp_path / "m")) == {}


def test_main_reads_the_facts_and_writes_only_its_own_folder(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    out = machine.root / "normal"
    out.mkdir()
    read = Layout.read
    monkeypatch.setattr(Layout, "read", lambda facts: read(facts, machine.root))
    assert generator.main([str(out)], FACTS) == 0
    assert (out / "att-api.service").is_symlink()
    assert generator.main([], FACTS) == 2


def test_a_journal_that_cannot_be_read_still_boots_the_current_release(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = machine.root / "normal"
    out.mkdir()
    read = Layout.read

    def broken(layout: Layout, boot: str) -> object:
        raise RuntimeError("broken")

    monkeypatch.setattr(Layout, "read", lambda facts: read(facts, machine.root))
    monkeypatch.setattr(generator, "chosen", broken)
    assert generator.main([str(out)], FACTS) == 0
    assert "releases/1.0.0/" in str((out / "att-api.service").readlink())


def test_which_release_names_the_directory(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    read = Layout.read
    monkeypatch.setattr(Layout, "read", lambda facts: read(facts, machine.root))
    monkeypatch.setattr(SystemClock, "boot_id", lambda _: "boot")  # no sandbox shows the machine's
    assert which_release.main(FACTS) == 0
    assert capsys.readouterr().out.strip() == str(machine.layout.releases / "1.0.0")
    machine.layout.release("1.0.0").joinpath(".complete").unlink()
    assert which_release.main(FACTS) == 4


def test_an_empty_complete_file_is_no_complete_release(machine: Machine) -> None:
    complete = machine.layout.release("1.0.0") / ".complete"
    complete.chmod(0o644)
    complete.write_text("")
    assert machine.world().links().releases == {}
    assert json.loads((machine.layout.release("1.0.0") / "metadata.json").read_text())["version"] == "1.0.0"
