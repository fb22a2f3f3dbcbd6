"""The interfaces of a machine that is a folder, and what networkd and systemd are asked."""

import subprocess
from pathlib import Path

import pytest

from att.appliance import facts
from att.effects.processes import Finished
from att.machine.network import world
from att.machine.network.service import ADMITTED_FILE, ADMITTED_TRIAL_FILE
from att.machine.network.world import Networkd
from att.site.kept import TRIAL_FILE


def link(root: Path, name: str, kind: str, *, device: bool) -> None:
    folder = root / "sys/class/net" / name
    folder.mkdir(parents=True)
    (folder / "type").write_text(f"{kind}\n")
    if device:
        (folder / "device").mkdir()


def test_wired_is_what_has_a_device_and_in_a_container_every_ethernet_link(tmp_path: Path) -> None:
    links = Networkd(facts().rooted(tmp_path))
    assert links.wired() == []
    link(tmp_path, "lo", "772", device=False)
    link(tmp_path, "host0", "1", device=False)
    (tmp_path / "sys/class/net/bonding_masters").write_text("")
    assert links.wired() == ["host0"]
    link(tmp_path, "ens4", "1", device=True)
    link(tmp_path, "ens3", "1", device=True)
    assert links.wired() == ["ens3", "ens4"]


def test_addresses_are_those_of_the_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = '[{"ifname": "ens3", "addr_info": [{"local": "192.0.2.7", "prefixlen": 24}, {}]}, {"ifname": "x"}]'
    monkeypatch.setattr(world, "run", lambda _command, **_: Finished(0, told, ""))
    assert Networkd(facts().rooted(tmp_path)).addresses() == ["ens3 192.0.2.7/24"]
    monkeypatch.setattr(world, "run", lambda _command, **_: Finished(1, "", "no"))
    links = Networkd(facts().rooted(tmp_path))
    assert links.addresses() == []
    assert links.reload("ens3") == "no"
    assert links.arm("ens3", 120) == "no"


@pytest.mark.parametrize("interface", ["ens3", ""])
@pytest.mark.parametrize("proxied", [ADMITTED_TRIAL_FILE, ADMITTED_FILE, ""])
def test_what_the_timer_runs_takes_the_trial_away_without_any_release(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interface: str, proxied: str
) -> None:
    commands: list[list[str]] = []

    def run(command: list[str], **_: object) -> Finished:
        commands.append(command)
        return Finished(0, "", "")

    monkeypatch.setattr(world, "run", run)
    links = Networkd(facts().rooted(tmp_path))
    assert links.arm(interface, 120) == ""
    assert {"--on-active=120", "--service-type=oneshot"} < set(commands[0])
    trial = tmp_path / TRIAL_FILE
    trial.parent.mkdir(parents=True)
    trial.write_text("")
    if proxied:
        (tmp_path / proxied).parent.mkdir(parents=True)
        (tmp_path / proxied).write_text("")
    (tmp_path / "bin").mkdir()
    for name in ("networkctl", "systemctl"):
        program = tmp_path / "bin" / name
        program.write_text(f'#!/bin/sh\necho "$@" >>{tmp_path}/called\n')
        program.chmod(0o755)
    shell = commands[0][commands[0].index("--") + 1 :]
    subprocess.run(shell, check=True, env={"PATH": f"{tmp_path}/bin:/usr/bin:/bin"}, timeout=10, capture_output=True)
    assert not trial.exists()
    assert not (tmp_path / ADMITTED_TRIAL_FILE).exists()
    assert (tmp_path / ADMITTED_FILE).exists() is (proxied == ADMITTED_FILE)
    called = ["reload", *(["reconfigure ens3"] if interface else []), *(["daemon-reload"] if proxied else [])]
    assert (tmp_path / "called").read_text().splitlines() == called
    commands.clear()
    assert links.reload(interface) == links.admit() == ""
    assert [" ".join(one[1:]) for one in commands][:-1] == called[: 1 + bool(interface)]
    assert commands[-1] == ["systemctl", "daemon-reload"]
    links.finish()
    assert commands[-3:-1] == [
        ["systemctl", "start", "att-network-revert.service"],
        ["systemctl", "stop", "att-network-revert.timer"],
    ]


def test_a_host_is_looked_for_until_name_servers_that_were_just_set_know_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [OSError(), [(2, 1, 6, "", ("10.1.2.3", 0)), (2, 1, 6, "", ("10.1.2.3", 0))]]

    def found(_host: str, _port: object, **_: object) -> object:
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, OSError):
            raise answer
        return answer

    monkeypatch.setattr("socket.getaddrinfo", found)
    monkeypatch.setattr(world, "_PAUSE_SECONDS", 0)
    links = Networkd(facts().rooted(tmp_path))
    assert links.find("proxy.test") == ["10.1.2.3"]
    answers[:] = [OSError()]
    monkeypatch.setattr(world, "FIND_SECONDS", 0)
    assert links.find("proxy.test") == []
