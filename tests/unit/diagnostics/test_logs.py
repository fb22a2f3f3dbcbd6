"""Which journal lines are shown, and as what."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from att.appliance import facts
from att.diagnostics.logs import LEVELS, query, shown
from att.kernel.errors import InvalidInput

STAMP = "1800000000000000"


def entry(**fields: Any) -> str:
    return json.dumps({"__REALTIME_TIMESTAMP": STAMP, "_SYSTEMD_UNIT": "att-api.service", "MESSAGE": "m", **fields})


def test_a_line_says_when_who_how_severe_and_what() -> None:
    assert list(shown([entry(PRIORITY="6")], "debug")) == ["2027-01-15T08:00:00+00:00 att-api info: m"]
    of_systemd = entry(UNIT="att-router.service", _SYSTEMD_UNIT="init.scope", PRIORITY="3")
    assert list(shown([of_systemd], "debug")) == ["2027-01-15T08:00:00+00:00 att-router error: m"]
    assert next(iter(shown([entry(MESSAGE=[104, 105, 255])], "debug"))).endswith("info: hi�")


@pytest.mark.parametrize(
    ("fields", "level"),
    [
        ({"PRIORITY": "0"}, "error"),
        ({"PRIORITY": "4"}, "warning"),
        ({"PRIORITY": "5"}, "info"),
        ({"PRIORITY": "7"}, "debug"),
        ({}, "info"),
        ({"PRIORITY": "6", "MESSAGE": '{"level": "error", "message": "no"}'}, "error"),
        ({"PRIORITY": "4", "MESSAGE": '{"level": "loud"}'}, "warning"),
    ],
)
def test_a_level_shows_itself_and_what_is_worse(fields: dict[str, str], level: str) -> None:
    seen = [one for one in LEVELS if list(shown([entry(**fields)], one))]
    assert seen == list(LEVELS[: LEVELS.index(level) + 1])


@given(
    st.text()
    | st.dictionaries(st.text(), st.none() | st.integers() | st.text() | st.lists(st.integers())).map(json.dumps)
)
def test_whatever_the_journal_says_nothing_is_raised(line: str) -> None:
    list(shown([line, entry(MESSAGE=line, PRIORITY=line, __REALTIME_TIMESTAMP=line)], "debug"))


def test_a_service_is_named_without_knowing_its_unit() -> None:
    def asked(*names: str, level: str = "debug", follow: bool = False) -> tuple[str, ...]:
        return query(facts(), names, lines=5, since="-1h", level=level, follow=follow)

    assert asked("api", "att-router", "apps")[3:] == (
        "--unit=att-api.service",
        "--unit=att-router.service",
        "--unit=att-app@*.service",
        "--lines=5",
        "--since=-1h",
    )
    assert asked(level="error", follow=True)[3:] == ("--unit=att*.service", "--lines=50", "--since=-1h", "--follow")
    with pytest.raises(InvalidInput, match="the names are front, api, router"):
        asked("--unit=ssh")
