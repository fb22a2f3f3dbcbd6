from att.identity.decision import Lifetime
from att.identity.known import KnownTokens
from att.identity.records import Holder
from att.kernel.operation import Caller, Role

HOLDER = Holder(Caller(id="tok_1", name="ci", role=Role.VIEWER), Lifetime(None), None)


def test_a_holder_is_known_until_a_token_changes() -> None:
    known = KnownTokens()
    known.put("a", HOLDER, known.changes)
    assert known.get("a") is HOLDER
    known.forget()
    assert known.get("a") is None


def test_what_was_looked_up_before_a_change_is_not_remembered_after_it() -> None:
    known = KnownTokens()
    before = known.changes
    known.forget()
    known.put("a", HOLDER, before)
    assert known.get("a") is None


def test_above_the_limit_the_one_known_longest_is_looked_up_again() -> None:
    known = KnownTokens(tokens_max=2)
    for name in "abc":
        known.put(name, HOLDER, known.changes)
    assert [name for name in "abc" if known.get(name)] == ["b", "c"]
