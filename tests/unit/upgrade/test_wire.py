"""The engine's protocol: what it reads, who may, what comes back as an error."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from att.kernel.codes import CODES
from att.kernel.error_json import error_from, error_object
from att.kernel.errors import AttError, Conflict, Failed, Forbidden, InvalidInput, Refused, Unavailable
from att.upgrade.wire import API_VERBS, VERBS, Ask, Peer, allowed, line_of, read_ask

ROOT = Peer(0, "root", operator=True, api=False)
OPERATOR = Peer(1000, "operator", operator=True, api=False)
API = Peer(990, "att", operator=False, api=True)
NOBODY = Peer(65534, "nobody", operator=False, api=False)


ASKED_FOR = {"bootstrap_propose", "bootstrap_withdraw", "bootstrap_release"}
SAID = {"bootstrap_approve", "bootstrap_deny", "bootstrap_pause", "bootstrap_resume"}


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_the_table_verb_by_peer(verb: str) -> None:
    assert allowed(ROOT, verb) is (verb not in ASKED_FOR - {"bootstrap_propose"})
    assert allowed(OPERATOR, verb) is (verb not in ASKED_FOR)
    assert allowed(API, verb) is (verb in API_VERBS)
    assert not allowed(NOBODY, verb)


def test_who_asks_for_a_release_of_the_appliance_by_itself_cannot_say_yes_to_it() -> None:
    assert {verb for verb in VERBS if verb.startswith("bootstrap_")} == ASKED_FOR | SAID | {"bootstrap_status"}
    assert ASKED_FOR | {"bootstrap_status"} <= API_VERBS
    assert not SAID & API_VERBS
    misled = Peer(990, "att", operator=True, api=True)
    assert [verb for verb in SAID if allowed(misled, verb)] == []
    assert misled.door == "api"


def test_the_api_gets_no_secrets_and_no_way_to_become_admin() -> None:
    assert not {"reset_admin", "prepare", "sweep", "config_read"} & API_VERBS


def test_settings_for_operators_are_taken_only_at_their_door() -> None:
    assert (OPERATOR.door, API.door) == ("ssh", "api")


def test_a_request_is_read() -> None:
    ask = read_ask(b'{"verb":"history","args":{"limit":3},"request_id":"req_1"}')
    assert (ask.verb, ask.count("limit", 20, 200), ask.request_id) == ("history", 3, "req_1")


@pytest.mark.parametrize(
    "line",
    [b"", b"{", b"[]", b'{"verb":"rm"}', b'{"verb":"status","path":"/etc"}', b'{"verb":"status","args":[1]}',
     b'{"verb":"status","request_id":"' + b"x" * 200 + b'"}', b"[" * 100_000],
)  # fmt: skip
def test_what_is_no_request_is_refused(line: bytes) -> None:
    with pytest.raises(InvalidInput):
        read_ask(line)


@given(st.binary(max_size=200))
def test_any_line_is_a_request_or_invalid_input(line: bytes) -> None:
    with contextlib.suppress(InvalidInput):
        assert read_ask(line).verb in VERBS


@pytest.mark.parametrize("args", [{"limit": 0}, {"limit": 201}, {"limit": "3"}, {"limit": True}])
def test_a_count_out_of_range_is_refused(args: dict[str, object]) -> None:
    with pytest.raises(InvalidInput):
        Ask("history", args).count("limit", 20, 200)


def test_an_argument_of_another_kind_is_refused() -> None:
    with pytest.raises(InvalidInput):
        Ask("rollback", {"to": 1}).text("to")
    assert Ask("rollback", {}).text("to") is None
    assert Ask("apply", {"force": True}).flag("force")


@pytest.mark.parametrize(
    "error",
    [
        Conflict("upgrade_running", "cannot begin: busy", data={"transaction": "txn_1"}),
        Refused("version_bad", "cannot upgrade: it was rolled back before"),
        InvalidInput("bundle_foreign", "cannot read it", field="upload"),
        Forbidden("not_allowed", "cannot"),
        Unavailable("disk_full", "cannot", retry_after_seconds=3),
        Failed("internal", "cannot"),
    ],
)
def test_an_error_survives_the_wire(error: AttError) -> None:
    again = error_from(json.loads(line_of("error", error_object(error)))["error"], "the upgrade engine")
    assert type(again) is type(error)
    assert (again.code, again.detail, again.hint, again.field) == (error.code, error.detail, error.hint, error.field)
    assert (again.data, again.retry_after_seconds) == (error.data, error.retry_after_seconds)


@given(st.recursive(st.none() | st.integers() | st.text(), lambda inner: st.dictionaries(st.text(), inner)))
def test_any_wire_object_becomes_an_error_with_a_known_code(found: object) -> None:
    assert error_from(found, "the upgrade engine").code in CODES
