"""NAT apps on the appliance itself: from a template to an answer with attctl alone, through an upgrade and a reboot."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.appliance.isolation import app_is_out_of_reach, slot_of
from tests.appliance.nspawn import template
from tests.appliance.nspawn.container import Container, overlay
from tests.appliance.tasks import Tasks
from tests.bench.table import write
from tests.e2e import fast_logs, story
from tests.fakes.bundles import derive_bundle

PROJECT = "my-bot"
LINES_A_SECOND = 10_000


@pytest.fixture(scope="module")
def machine(whole_root: Path) -> Iterator[Container]:
    with overlay(whole_root, template.folder()) as container:
        container.boot()
        yield container


def test_an_app_is_made_changed_tested_reviewed_merged_and_answers(machine: Container) -> None:
    story.made(machine, "My bot", PROJECT)
    story.started(machine, PROJECT)
    assert story.answers(machine, PROJECT)


def test_the_port_the_sockets_and_the_key_of_the_app_are_of_no_use_to_another_project(machine: Container) -> None:
    machine.told("project", "create", "Neighbour", "--template", "chatbot")
    own, other = slot_of(machine, PROJECT), slot_of(machine, "neighbour")
    app_is_out_of_reach(Tasks(machine), PROJECT, own, other)


def test_the_app_answers_on_while_the_appliance_is_upgraded(
    machine: Container, whole_bundle: Path, signing_key: Ed25519PrivateKey, tmp_path: Path
) -> None:
    before = story.invocation(machine, PROJECT)
    newer = derive_bundle(whole_bundle, "9.0.0", key=signing_key, output=tmp_path, thin=True)
    assert newer.stat().st_size < whole_bundle.stat().st_size / 20
    (machine.root / "home/operator/newer.attb").write_bytes(newer.read_bytes())
    machine.told("upgrade", "apply", "/home/operator/newer.attb", "--wait")
    assert story.invocation(machine, PROJECT) == before, "the same run of the same process"
    assert story.answers(machine, PROJECT)


def test_the_app_comes_back_after_a_reboot(machine: Container) -> None:
    machine.reboot()
    story.came_back(machine, PROJECT)
    assert story.answers(machine, PROJECT)


def test_one_reader_gets_every_byte_of_a_fast_log_through_a_disconnect(machine: Container) -> None:
    machine.told("project", "create", fast_logs.NAME, "--template", "chatbot")
    source = machine.told("code", "read", fast_logs.PROJECT, fast_logs.SOURCE)["content"]
    machine.write("/home/operator/register.py", fast_logs.producing(source, rate=LINES_A_SECOND))
    machine.told("code", "write", fast_logs.PROJECT, fast_logs.SOURCE, "/home/operator/register.py")
    story.started(machine, fast_logs.PROJECT)
    token = machine.told("token", "create", "--name", "reader", "--role", "viewer")["token"]
    reader = fast_logs.Reader(machine.url(), token)
    machine.write("/home/operator/go", "")
    machine.told("code", "write", fast_logs.PROJECT, "go", "/home/operator/go")
    write("fast-logs-on-the-appliance", "make e2e", fast_logs.read_through_a_disconnect(reader, rate=LINES_A_SECOND))
