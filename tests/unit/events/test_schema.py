"""The event as it crosses the wire."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from att.events.schema import ATTEvent, EventType

VALUES = {
    "id": "evt_1",
    "project_id": "prj_4t0q9zv7m3c8x1ka",
    "event_type": "git.pr.merged",
    "payload": {"number": 7, "title": "Ask for the town"},
    "timestamp": "2026-11-21T14:00:00Z",
    "cursor": "17",
}
texts = st.text(max_size=60)
any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=10,
)
any_event = st.builds(
    ATTEvent,
    id=texts,
    project_id=texts,
    event_type=st.sampled_from(EventType),
    payload=st.dictionaries(texts, any_json, max_size=5),
    timestamp=st.datetimes(timezones=st.just(UTC)),
    cursor=texts,
)


def test_an_event_becomes_the_json_of_its_fields() -> None:
    assert ATTEvent.model_validate(VALUES).model_dump(mode="json") == VALUES


def test_an_event_is_read_from_its_json() -> None:
    event = ATTEvent.model_validate(VALUES)
    assert (event.event_type, event.timestamp) == (EventType.GIT_PR_MERGED, datetime(2026, 11, 21, 14, tzinfo=UTC))


def test_an_event_of_no_known_type_is_refused() -> None:
    with pytest.raises(ValidationError, match="event_type"):
        ATTEvent.model_validate({**VALUES, "event_type": "project.dreamt"})


@given(any_event)
def test_any_event_survives_its_json(event: ATTEvent) -> None:
    assert ATTEvent.model_validate_json(event.model_dump_json()) == event
