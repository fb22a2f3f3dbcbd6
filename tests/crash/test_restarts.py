"""When an upgrade restarts what: clients wait for the API alone, and those that waited are answered first."""

import pytest
from tests.crash.machine import Machine, problems
from tests.crash.test_engine_crashes import NONE
from tests.crash.verdicts import current, state

from att_stage0.layout import API
from att_stage0.readiness import Readiness
from att_stage0.units import UnitState

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


def test_the_other_services_are_not_restarted_for_a_release_whose_api_crashes_again_and_again(machine: Machine) -> None:
    real = machine.state

    def crashing(name: str) -> UnitState:
        if name == f"{API}.service" and machine.processes[name].release == NONE.version:
            machine.restarts[name] += 1
        return real(name)

    machine.state = crashing  # type: ignore[method-assign]
    machine.sick[NONE.version] = "start"
    machine.effects.clear()
    machine.apply(NONE)
    until = machine.effects.index("journal ROLLING_BACK intent")
    restarted = [effect for effect in machine.effects[:until] if "restart" in effect]
    transaction = machine.world().transaction()
    assert transaction is not None
    assert "crashes again and again" in transaction.failure["detail"]
    assert restarted == ["restart services"]
    assert (state(machine), current(machine), problems(machine)) == ("ROLLED_BACK", "1.0.0", [])


@pytest.mark.parametrize("sickness", ["start", "probation", "never ready"])
# Whether the target still answers is asked once before.
@pytest.mark.parametrize(("slow_answers", "answers_seen"), [(0, 2), (3, 4), (1_000, 21)])
def test_on_the_way_back_the_api_is_restarted_first_and_the_others_once_it_answers_at_once_or_after_half_a_minute(
    machine: Machine, sickness: str, slow_answers: int, answers_seen: int
) -> None:
    machine.sick[NONE.version] = sickness
    readyz, tick = machine.readyz, machine.tick
    answers = 0
    seen: list[int] = []

    def slow(timeout_seconds: float) -> Readiness:
        nonlocal answers
        answer = readyz(timeout_seconds)
        if machine.layout.others_wait.exists() and answer.release == "1.0.0":
            answers += 1
            machine.clock.at += SLOW_SECONDS if answers <= slow_answers else 0.0
        return answer

    def noted(effect: str) -> None:
        if effect == "restart the other services":
            seen.append(answers)
        tick(effect)

    machine.readyz = slow  # type: ignore[method-assign]
    machine.tick = noted  # type: ignore[method-assign]
    machine.effects.clear()
    machine.apply(NONE)
    back = machine.effects[machine.effects.index("journal ROLLING_BACK done") :]
    assert [effect for effect in back if "restart" in effect] == ["restart services", "restart the other services"]
    assert seen[-1] == answers_seen
    assert (state(machine), problems(machine)) == ("ROLLED_BACK", [])
