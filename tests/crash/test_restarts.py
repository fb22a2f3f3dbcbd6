"""When an upgrade restarts what: clients wait for the API alone, and those that waited are answered first."""

import pytest
from tests.crash.machine import Machine
from tests.crash.test_engine_crashes import NONE
from tests.crash.verdicts import current, state

from att_stage0.readiness import Readiness

SLOW_SECONDS = 1.0


@pytest.mark.parametrize(("slow_answers", "answers_seen", "seconds_max"), [(0, 1, 1.0), (3, 4, 7.0), (1_000, 7, 11.0)])
def test_the_other_services_are_restarted_when_the_new_api_answers_at_once_or_has_not_for_long(
    machine: Machine, slow_answers: int, answers_seen: int, seconds_max: float
) -> None:
    readyz, tick = machine.readyz, machine.tick
    answers = 0
    began: dict[str, tuple[float, int]] = {}

    def slow(timeout_seconds: float) -> Readiness:
        nonlocal answers
        answer = readyz(timeout_seconds)
        if answer.release == NONE.version:
            answers += 1
            machine.clock.at += SLOW_SECONDS if answers <= slow_answers else 0.0
        return answer

    def noted(effect: str) -> None:
        tick(effect)
        began.setdefault(effect, (machine.clock.at, answers))

    machine.readyz = slow  # type: ignore[method-assign]
    machine.tick = noted  # type: ignore[method-assign]
    machine.apply(NONE)
    (api, _), (others, answered) = began["restart services"], began["restart att-launcher.service"]
    assert answered == answers_seen
    assert others - api >= SLOW_SECONDS * min(slow_answers, answers_seen)
    assert others - api <= seconds_max
    assert (state(machine), current(machine)) == ("COMMITTED", NONE.version)
