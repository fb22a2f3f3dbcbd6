"""NAT apps in the machine: the story, limits, what neighbours cannot do, an upgrade, a reboot, hostile repositories."""

from collections.abc import Iterator

import pytest
from tests.appliance.isolation import (
    app_is_out_of_reach,
    appliance_is_out_of_reach,
    neighbour,
    neighbour_is_out_of_reach,
    only_the_api_reaches_the_app,
    slot_of,
)
from tests.appliance.tasks import Tasks
from tests.appliance.vm.operated import Operated
from tests.appliance.vm.ssh_box import SshBox
from tests.e2e import hostile, limits, story
from tests.e2e.traps import Traps, packed, tried_with_plain_git

from att.projects.decision import SELF_SLUG

PROJECT, NEIGHBOUR = "my-bot", "neighbour"


@pytest.fixture(scope="module")
def box(booted: Operated) -> Iterator[SshBox]:
    """The machine, with only ATT's own project at the end: what comes after this module finds it as it was."""
    if booted.machine.pid() is None:
        booted.boot()
    booted.status_becomes_ok()
    yield booted.box
    for project in booted.box.told("project", "list")["projects"]:
        if project["slug"] == SELF_SLUG:
            continue
        booted.box.told("project", "delete", project["id"], "--yes")


@pytest.fixture(scope="module")
def tasks(box: SshBox) -> Tasks:
    return Tasks(box)


@pytest.fixture(scope="module")
def app(box: SshBox) -> str:
    """A project whose app runs, made as the operator makes one."""
    story.made(box, "My bot", PROJECT)
    story.started(box, PROJECT)
    return PROJECT


@pytest.fixture(scope="module")
def own(box: SshBox, app: str) -> int:
    """The slot of the project with the app."""
    return slot_of(box, app)


@pytest.fixture(scope="module")
def other(box: SshBox, app: str) -> int:
    """The slot of a second project, made after the first."""
    box.told("project", "create", "Neighbour", "--template", "chatbot")
    return slot_of(box, NEIGHBOUR)


@pytest.fixture(scope="module")
def traps(box: SshBox) -> Traps:
    """Traps that are armed: each payload was seen to work for plain git."""
    made = Traps(box)
    tried_with_plain_git(box, made)
    packed(box)
    return made


def test_an_app_is_made_changed_tested_reviewed_merged_and_answers(box: SshBox, app: str) -> None:
    assert story.answers(box, app)


def test_a_task_reaches_no_database_no_secret_and_no_door_of_the_appliance(tasks: Tasks, own: int) -> None:
    appliance_is_out_of_reach(tasks, own)


def test_nothing_of_a_project_is_reached_by_the_tasks_of_another(tasks: Tasks, own: int, other: int) -> None:
    with neighbour(tasks, other) as beside:
        only_the_api_reaches_the_app(tasks, beside)
        neighbour_is_out_of_reach(tasks, own, beside)


def test_the_port_the_sockets_and_the_key_of_an_app_are_of_no_use_to_another_project(
    tasks: Tasks, app: str, own: int, other: int
) -> None:
    assert story.answers(tasks.box, app), "the app itself asks the router with that key"
    app_is_out_of_reach(tasks, app, own, other)


def test_a_task_that_takes_more_than_its_memory_is_ended_and_says_so(tasks: Tasks, own: int) -> None:
    limits.memory_limit_ends_the_task(tasks, own)


def test_a_task_without_a_limit_of_its_own_leaves_the_appliance_its_memory(tasks: Tasks, other: int) -> None:
    limits.all_together_leave_the_appliance_its_memory(tasks, other)


def test_a_fork_bomb_ends_at_the_limit_while_the_api_and_the_app_answer(tasks: Tasks, app: str, other: int) -> None:
    limits.process_limit_ends_a_fork_bomb(tasks, other)
    assert story.answers(tasks.box, app)


def test_the_app_answers_on_while_the_appliance_is_upgraded(appliance: Operated, app: str) -> None:
    before = story.invocation(appliance.box, app)
    bundle, version = appliance.bundles.next("good_none")
    code, _, said = appliance.upgrade(bundle)
    assert code == 0, said
    assert appliance.release() == version
    assert story.invocation(appliance.box, app) == before, "the same run of the same process"
    assert story.answers(appliance.box, app)


def test_the_app_comes_back_after_a_reboot(appliance: Operated, app: str) -> None:
    before = story.invocation(appliance.box, app)
    appliance.reboot()
    story.came_back(appliance.box, app)
    assert story.invocation(appliance.box, app) != before
    assert story.answers(appliance.box, app)


def test_an_imported_repository_runs_nothing(box: SshBox, traps: Traps) -> None:
    hostile.an_imported_repository_runs_nothing(box, traps)


def test_what_a_project_sets_up_itself_stays_in_its_sandbox(box: SshBox, traps: Traps, tasks: Tasks) -> None:
    hostile.what_a_project_sets_up_itself_stays_in_its_sandbox(box, traps, tasks)


def test_archives_with_tricks_leave_nothing_outside(box: SshBox, traps: Traps) -> None:
    hostile.archives_with_tricks_leave_nothing_outside(box, traps)


def test_pushes_with_tricks_are_refused(box: SshBox, traps: Traps) -> None:
    hostile.pushes_with_tricks_are_refused(box, traps, "imported")
