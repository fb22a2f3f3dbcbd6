"""The interfaces of a machine that is a folder, and what networkd and systemd are asked."""

import subprocess
from pathlib import Path

import pytest

from att.appliance import facts
from att.effects.processes import Finished
from att.machine.network import world
from att.machine.network.service import TRIAL_FILE
from att.machine.network.world import Networkd


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


def test_what_the_timer_runs_takes_the_trial_away_without_any_release(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[list[str]] = []

    def run(command: list[str], **_: object) -> Finished:
        commands.append(command)
        return Finished(0, "", "")

    monkeypatch.setattr(world, "run", run)
    links = Networkd(facts().rooted(tmp_path))
    assert links.arm("ens3", 120) == ""
    assert "--on-active=120" in commands[0]
    trial = tmp_path / TRIAL_FILE
    trial.parent.mkdir(parents=True)
    trial.write_text("")
    (tmp_path / "bin").mkdir()
    networkctl = tmp_path / "bin/networkctl"
    networkctl.write_text(f'#!/bin/sh\necho "$@" >>{tmp_path}/called\n')
    networkctl.chmod(0o755)
    shell = commands[0][commands[0].index("--") + 1 :]
    subprocess.run(shell, check=True, env={"PATH": f"{tmp_path}/bin:/usr/bin:/bin"}, timeout=10, capture_output=True)
    assert not trial.exists()
    assert (tmp_path / "called").read_text() == "reload\nreconfigure ens3\n"
    assert links.reload("ens3") == ""
    links.disarm()
    assert commands[-2] == ["systemctl", "stop", "att-network-revert.timer"]
