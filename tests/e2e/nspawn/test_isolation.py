"""Hostile repositories and greedy tasks on real systemd in a container; the machine's own tests do the same there."""

import pytest
from tests.appliance.nspawn.container import Container
from tests.appliance.tasks import Tasks
from tests.e2e import hostile, limits
from tests.e2e.traps import Traps, packed, tried_with_plain_git


@pytest.fixture(scope="module")
def tasks(appliance: Container) -> Tasks:
    return Tasks(appliance)


@pytest.fixture(scope="module")
def traps(appliance: Container) -> Traps:
    """Traps that are armed: each payload was seen to work for plain git."""
    made = Traps(appliance)
    tried_with_plain_git(appliance, made)
    packed(appliance)
    return made


def test_an_imported_repository_runs_nothing(appliance: Container, traps: Traps) -> None:
    hostile.an_imported_repository_runs_nothing(appliance, traps)


def test_what_a_project_sets_up_itself_stays_in_its_sandbox(appliance: Container, traps: Traps, tasks: Tasks) -> None:
    hostile.what_a_project_sets_up_itself_stays_in_its_sandbox(appliance, traps, tasks)


def test_archives_with_tricks_leave_nothing_outside(appliance: Container, traps: Traps) -> None:
    hostile.archives_with_tricks_leave_nothing_outside(appliance, traps)


def test_pushes_with_tricks_are_refused(appliance: Container, traps: Traps) -> None:
    hostile.pushes_with_tricks_are_refused(appliance, traps, "imported")


@pytest.fixture
def limited(tasks: Tasks) -> Tasks:
    if not limits.enforced(tasks.box):
        pytest.skip("the kernel gives this container no controllers for memory and processes")
    return tasks


def test_a_task_that_takes_more_than_its_memory_is_ended_and_says_so(limited: Tasks) -> None:
    limits.memory_limit_ends_the_task(limited, 200)


def test_a_fork_bomb_ends_at_the_limit_while_the_api_answers(limited: Tasks) -> None:
    limits.process_limit_ends_a_fork_bomb(limited, 200)
