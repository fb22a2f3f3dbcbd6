"""`make up` in a fresh clone with empty caches: cold, again, after a change of the code; and the verbs around it."""

import os
import socket
import stat
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from dev.vm.machine import free_port
from dev.vm.places import ROOT
from tests.bench.table import Row, write

COLD_SECONDS_MAX = 20 * 60
AGAIN_SECONDS_MAX = 3 * 60
CHANGED_SECONDS_MAX = 8 * 60
CHANGED = Path("src/att/kernel/errors.py")


@dataclass(frozen=True)
class Clone:
    """A clone of this repository, and the environment its `make` runs in."""

    folder: Path
    environment: dict[str, str]

    def make(self, *words: str, **more: str) -> tuple[int, str, float]:
        """Runs make; gives its exit code, everything it said and the seconds it took."""
        started = time.monotonic()
        done = subprocess.run(
            ["make", *words],
            cwd=self.folder,
            env=self.environment | more,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=3600,
            check=False,
        )
        return done.returncode, done.stdout, time.monotonic() - started

    def up_within(self, seconds_max: float) -> float:
        """Brings the appliance up, well and in time; gives the seconds."""
        code, said, seconds = self.make("up")
        assert code == 0, said[-3000:]
        assert "attctl status: ok" in said
        assert seconds < seconds_max, said[-3000:]
        return seconds


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    """A fresh clone whose caches are empty and whose appliance is down at the end."""
    folder = tmp_path_factory.mktemp("clone")
    # Make gives its targets what these tests must find out by themselves.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "VIRTUAL_ENV"))}
    caches = {name: str(folder / name) for name in ("ATT_CACHE", "UV_CACHE_DIR", "npm_config_cache")}
    ports = {"CONSOLE_PORT": str(free_port()), "SSH_PORT": str(free_port())}
    subprocess.run(["git", "clone", "-q", str(ROOT), str(folder / "att")], check=True, timeout=300)
    found = Clone(folder / "att", inherited | caches | ports | {"YES": "1"})
    yield found
    found.make("down")


def test_up_is_quick_enough_cold_again_and_after_a_change_of_the_code(clone: Clone) -> None:
    cold = clone.up_within(COLD_SECONDS_MAX)
    assert clone.make("down")[0] == 0
    again = clone.up_within(AGAIN_SECONDS_MAX)
    with (clone.folder / CHANGED).open("a") as source:
        source.write("\n# A change of the code.\n")
    changed = clone.up_within(CHANGED_SECONDS_MAX)
    rows = [
        Row("cold: fresh clone, no cache", f"{cold:.0f} s", f"{COLD_SECONDS_MAX} s"),
        Row("again, after make down", f"{again:.0f} s", f"{AGAIN_SECONDS_MAX} s"),
        Row("after a change of the code", f"{changed:.0f} s", f"{CHANGED_SECONDS_MAX} s"),
    ]
    write("make-up", "YES=1 make up", rows)


def test_up_of_a_running_appliance_says_so_and_prints_its_doors_again(clone: Clone) -> None:
    code, said, _ = clone.make("up")
    assert code == 0, said
    assert "the appliance is running already" in said
    for door in (
        "console      https://127.0.0.1:",
        "certificate  SHA-256",
        "claim code",
        "API token    att_",
        "SSH   ",
    ):
        assert door in said


def test_keys_and_token_are_for_their_owner_alone(clone: Clone) -> None:
    state = clone.folder / ".state/vm"
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    for name in ("token", "id_ed25519"):
        assert stat.S_IMODE((state / name).stat().st_mode) == 0o600, name
    status = subprocess.run(
        ["git", "status", "--porcelain", "--", ".state"], cwd=clone.folder, capture_output=True, check=True, timeout=60
    )
    assert status.stdout == b""


def test_ssh_opens_a_shell_as_operator_and_down_ends_the_machine(clone: Clone) -> None:
    opened = subprocess.run(
        ["make", "ssh"],
        cwd=clone.folder,
        env=clone.environment,
        input="whoami; attctl status --json; exit $?\n",
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert opened.returncode == 0, opened.stderr
    assert "operator" in opened.stdout
    assert '"status": "ok"' in opened.stdout
    assert clone.make("down")[0] == 0
    code, said, _ = clone.make("ssh")
    assert code != 0
    assert "cannot open a shell: no appliance is running" in said


def test_a_taken_port_is_told_before_anything_is_built(clone: Clone) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, said, _ = clone.make("up", CONSOLE_PORT=port)
    assert code != 0
    assert f"cannot forward the console: 127.0.0.1:{port} is taken" in said
    assert "CONSOLE_PORT" in said
    assert "APPLIANCE_STEP" not in said
