import pytest
from tests.unit.surfaces.world import CALLERS, TABLE

from att.kernel.errors import Conflict
from att.surfaces.confirmations import OPEN_MAX, SECONDS_GOOD, Confirmations

DELETE = next(operation for operation in TABLE if operation.name == "att.thing.delete")
ADA = CALLERS["admin-token"]


def test_a_confirmation_expires() -> None:
    now = 0.0
    confirmations = Confirmations(lambda: now)
    given = confirmations.issue(DELETE, {"thing_id": "a"}, ADA)
    now = SECONDS_GOOD
    with pytest.raises(Conflict):
        confirmations.take(given, DELETE, {"thing_id": "a"}, ADA)


def test_a_confirmation_is_good_once() -> None:
    confirmations = Confirmations()
    given = confirmations.issue(DELETE, {"thing_id": "a"}, ADA)
    confirmations.take(given, DELETE, {"thing_id": "a"}, ADA)
    with pytest.raises(Conflict):
        confirmations.take(given, DELETE, {"thing_id": "a"}, ADA)


def test_a_wrong_try_does_not_use_it_up() -> None:
    confirmations = Confirmations()
    given = confirmations.issue(DELETE, {"thing_id": "a"}, ADA)
    with pytest.raises(Conflict):
        confirmations.take(given, DELETE, {"thing_id": "b"}, ADA)
    confirmations.take(given, DELETE, {"thing_id": "a"}, ADA)


def test_the_oldest_are_forgotten_when_there_are_too_many() -> None:
    confirmations = Confirmations()
    first = confirmations.issue(DELETE, {}, ADA)
    last = [confirmations.issue(DELETE, {}, ADA) for _ in range(OPEN_MAX)][-1]
    with pytest.raises(Conflict):
        confirmations.take(first, DELETE, {}, ADA)
    confirmations.take(last, DELETE, {}, ADA)
