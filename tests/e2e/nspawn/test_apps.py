"""NAT apps on the appliance itself: from a template to an answer with attctl alone, through an upgrade and a reboot."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from dev.bundle.identity import identify
from dev.vm.machine import wait_until
from dev.vm.places import ARTIFACTS, ROOT
from tests.appliance.nspawn import template
from tests.appliance.nspawn.container import Container, overlay
from tests.fakes.bundles import derive_bundle

PROJECT = "my-bot"
QUESTION = ("--message", "What is 17 * 23?")
APP_SECONDS_MAX = 120.0


@pytest.fixture(scope="module")
def whole_bundle(able: None) -> Path:
    """The bundle of this checkout with NAT in it, as users get it."""
    path = ARTIFACTS / f"att-{identify(ROOT, release=False).version}.attb"
    if not path.exists():
        subprocess.run([sys.executable, "-m", "dev.bundle"], cwd=ROOT, check=True, timeout=1800)
    return path


@pytest.fixture(scope="module")
def machine(whole_bundle: Path, trust_key: Path) -> Iterator[Container]:
    with overlay(template.appliance_root(whole_bundle, trust_key), template.folder()) as container:
        container.boot()
        yield container


def attctl(machine: Container, *words: str) -> Any:
    done = machine.attctl("--json", *words, check=False)
    assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    return json.loads(done.stdout)


def answer(machine: Container) -> str:
    return str(attctl(machine, "runtime", "ask", PROJECT, *QUESTION))


def unit(machine: Container) -> str:
    shown = machine.run("systemctl", "list-units", "--plain", "--no-legend", "att-app@*").stdout.split()
    return machine.run("systemctl", "show", "-P", "InvocationID", shown[0]).stdout.strip()


def test_an_app_is_made_changed_tested_reviewed_merged_and_answers(machine: Container) -> None:
    attctl(machine, "project", "create", "My bot", "--template", "chatbot")
    attctl(machine, "git", "branch", PROJECT, "greeting")
    machine.write("/home/operator/README.md", "# My bot\n\nIt counts.\n")
    attctl(machine, "code", "write", PROJECT, "README.md", "/home/operator/README.md")
    tested = attctl(machine, "test", "run", PROJECT, "--wait")
    counts = tested["report"]["counts"]
    assert counts["passed"] == counts["total"] > 10, counts
    attctl(machine, "git", "commit", PROJECT, "--all", "--message", "docs: greeting")
    attctl(machine, "git", "push", PROJECT, "--wait")
    attctl(machine, "git", "pr", "create", PROJECT, "--title", "Greeting")
    wait_until(lambda: checks(machine) == {"passed"}, APP_SECONDS_MAX, "the checks to pass", every_seconds=1)
    attctl(machine, "git", "pr", "approve", PROJECT, "1")
    attctl(machine, "git", "pr", "merge", PROJECT, "1")
    attctl(machine, "runtime", "start", PROJECT, "--wait")
    assert "391" in answer(machine)


def checks(machine: Container) -> set[str]:
    return {one["state"] for one in attctl(machine, "git", "pr", "checks", PROJECT, "1")["checks"]}


def test_the_app_answers_on_while_the_appliance_is_upgraded(
    machine: Container, whole_bundle: Path, signing_key: Ed25519PrivateKey, tmp_path: Path
) -> None:
    before = unit(machine)
    newer = derive_bundle(whole_bundle, "9.0.0", key=signing_key, output=tmp_path, thin=True)
    assert newer.stat().st_size < whole_bundle.stat().st_size / 20
    (machine.root / "home/operator/newer.attb").write_bytes(newer.read_bytes())
    attctl(machine, "upgrade", "apply", "/home/operator/newer.attb", "--wait")
    assert unit(machine) == before, "the same run of the same process"
    assert "391" in answer(machine)


def test_the_app_comes_back_after_a_reboot(machine: Container) -> None:
    machine.reboot()
    wait_until(
        lambda: attctl(machine, "runtime", "status", PROJECT)["healthy"], APP_SECONDS_MAX, "the app", every_seconds=1
    )
    assert "391" in answer(machine)
