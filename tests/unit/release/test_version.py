import pytest
from hypothesis import given
from hypothesis import strategies as st

from att.release.version import parse_clause, parse_version, satisfies

VERSIONS = st.builds(
    lambda numbers, dev, local: ".".join(map(str, numbers)) + dev + local,
    st.tuples(*[st.integers(0, 30)] * 3),
    st.one_of(st.just(""), st.integers(0, 99).map(lambda number: f".dev{number}")),
    st.one_of(st.just(""), st.just("+g0a1b2c3d4")),
)


def test_versions_follow_each_other_as_releases_do() -> None:
    order = [
        "0.1.0.dev0",
        "0.1.0.dev3+ga",
        "0.1.0.dev3+gb",
        "0.1.0.dev12",
        "0.1.0",
        "0.1.1.dev1",
        "0.1.1",
        "0.2.0",
        "1.0.0",
    ]
    assert sorted(order, key=parse_version) == order


@pytest.mark.parametrize(
    "text",
    ["", "1", "1.2", "v1.2.3", "1.2.3.4", "1.2.3-1", "1.2.3 ", "1.2.3\n", "../x", "1.2.3+A", "1.2.3+", "9" * 200],
)
def test_other_text_is_no_version(text: str) -> None:
    with pytest.raises(ValueError, match="not a version"):
        parse_version(text)


@pytest.mark.parametrize("text", ["", ">=", "0.1.0", "~=0.1.0", ">=0.1", "=> 0.1.0"])
def test_other_text_is_no_clause(text: str) -> None:
    with pytest.raises(ValueError, match="not a version"):
        parse_clause(text)


def test_every_clause_must_hold() -> None:
    assert satisfies("0.2.0", [])
    assert satisfies("0.2.0", [">=0.1.0.dev0", "<0.3.0", "!=0.2.1"])
    assert not satisfies("0.2.1", [">=0.1.0.dev0", "<0.3.0", "!=0.2.1"])
    assert not satisfies("0.3.0", [">=0.1.0.dev0", "<0.3.0"])


@given(VERSIONS, VERSIONS)
def test_clauses_agree_with_the_order(one: str, other: str) -> None:
    first, second = parse_version(one), parse_version(other)
    assert satisfies(one, [f">={other}"]) == (first >= second)
    assert satisfies(one, [f"<{other}"]) == (first < second)
    assert satisfies(one, [f"=={other}"]) == (first == second)
    assert satisfies(one, [f">{other}"]) == satisfies(other, [f"<{one}"])
    assert satisfies(one, [f"<={other}"]) != satisfies(one, [f">{other}"])
