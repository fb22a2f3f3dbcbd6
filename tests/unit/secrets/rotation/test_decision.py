"""Which secrets are rotated, and what starts again for it."""

from hypothesis import given
from hypothesis import strategies as st

from att.secrets.rotation.decision import Plan, Unknown, planned

RESTARTS = {"local-login": "att-launcher", "router": "att-api", "egress": "att-api", "providers": "att-router"}
ALL = frozenset(RESTARTS)


@given(st.lists(st.sampled_from(sorted(RESTARTS)), max_size=6), st.sets(st.sampled_from(sorted(RESTARTS))))
def test_what_was_asked_for_and_is_there_is_rotated_once_and_each_unit_starts_once(
    wanted: list[str], there: set[str]
) -> None:
    plan = planned(wanted, RESTARTS, frozenset(there))
    assert isinstance(plan, Plan)
    assert set(plan.names) == (set(wanted) or set(RESTARTS)) & there
    assert len(plan.names) == len(set(plan.names))
    assert sorted(plan.restarts) == sorted({RESTARTS[name] for name in plan.names})


def test_a_name_that_no_secret_has_is_told_with_what_may_have_been_meant() -> None:
    assert planned(["router", "egres"], RESTARTS, ALL) == Unknown("egres", "egress")
    assert planned(["quite another"], RESTARTS, ALL) == Unknown("quite another", "")
