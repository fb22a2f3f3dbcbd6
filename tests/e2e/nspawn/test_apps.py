"""NAT apps on the appliance itself: from a template to an answer with attctl alone, through an upgrade and a reboot."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from dev.vm.machine import wait_until
from tests.appliance.nspawn import template
from tests.appliance.nspawn.conftest import built
from tests.appliance.nspawn.container import Container, overlay
from tests.fakes.bundles import derive_bundle

PROJECT = "my-bot"
QUESTION = ("--message", "What is 17 * 23?")
APP_SECONDS_MAX = 120.0


@pytest.fixture(scope="module")
def whole_bundle(able: None) -> Path:
    """The bundle of this checkout with NAT in it, as users get it."""
    return built()


@pytest.fixture(scope="module")
def machine(whole_bundle: Path, trust_key: Path) -> Iterator[Container]:
    with overlay(template.appliance_root(whole_bundle, trust_key), template.folder()) as container:
        container.boot()
        yield container


def answer(machine: Container) -> str:
    return str(machine.told("runtime", "ask", PROJECT, *QUESTION))


def unit(machine: Container) -> str:
    shown = machine.run("systemctl", "list-units", "--plain", "--no-legend", "att-app@*").stdout.split()
    return machine.run("systemctl", "show", "-P", "InvocationID", shown[0]).stdout.strip()


def test_an_app_is_made_changed_tested_reviewed_merged_and_answers(machine: Container) -> None:
    machine.told("project", "create", "My bot", "--template", "chatbot")
    machine.told("git", "branch", PROJECT, "greeting")
    machine.write("/home/operator/README.md", "# My bot\n\nIt counts.\n")
    machine.told("code", "write", PROJECT, "README.md", "/home/operator/README.md")
    tested = machine.told("test", "run", PROJECT, "--wait")
    counts = tested["report"]["counts"]
    assert counts["passed"] == counts["total"] > 10, counts
    machine.told("git", "commit", PROJECT, "--all", "--message", "docs: greeting")
    machine.told("git", "push", PROJECT, "--wait")
    machine.told("git", "pr", "create", PROJECT, "--title", "Greeting")
    wait_until(lambda: checks(machine) == {"passed"}, APP_SECONDS_MAX, "the checks to pass", every_seconds=1)
    machine.told("git", "pr", "approve", PROJECT, "1")
    machine.told("git", "pr", "merge", PROJECT, "1")
    machine.told("runtime", "start", PROJECT, "--wait")
    assert "391" in answer(machine)


def checks(machine: Container) -> set[str]:
    return {one["state"] for one in machine.told("git", "pr", "checks", PROJECT, "1")["checks"]}


def test_the_app_answers_on_while_the_appliance_is_upgraded(
    machine: Container, whole_bundle: Path, signing_key: Ed25519PrivateKey, tmp_path: Path
) -> None:
    before = unit(machine)
    newer = derive_bundle(whole_bundle, "9.0.0", key=signing_key, output=tmp_path, thin=True)
    assert newer.stat().st_size < whole_bundle.stat().st_size / 20
    (machine.root / "home/operator/newer.attb").write_bytes(newer.read_bytes())
    machine.told("upgrade", "apply", "/home/operator/newer.attb", "--wait")
    assert unit(machine) == before, "the same run of the same process"
    assert "391" in answer(machine)


def test_the_app_comes_back_after_a_reboot(machine: Container) -> None:
    machine.reboot()
    wait_until(
        lambda: machine.told("runtime", "status", PROJECT)["healthy"], APP_SECONDS_MAX, "the app", every_seconds=1
    )
    assert "391" in answer(machine)
