"""No planted secret comes out, whatever is around it; and a text without secrets stays as it is."""

import base64
import json
import string
import textwrap
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.diagnostics.planted import Plant, everything, plants

from att.diagnostics.known import known
from att.diagnostics.leaks import holds, leak
from att.diagnostics.redaction import redact

PLANTS = plants()
HELD = known(one.value.encode() for one in PLANTS if one.held)
ALL = known(one.value.encode() for one in PLANTS)

surroundings = st.text(st.characters(codec="utf-8"), max_size=40)
secrets = st.text(string.ascii_letters + string.digits + "!#%&*+-/:=?@_~äß ", min_size=9, max_size=60).map(str.strip)
secrets = secrets.filter(
    lambda text: len(text) >= 9 and sum(letter.isascii() and letter.isalnum() for letter in text) >= 9
)


def test_sixty_secrets_are_planted() -> None:
    assert len({one.value for one in PLANTS}) == 60
    assert sum(one.held for one in PLANTS) == 26


@pytest.mark.parametrize("plant", PLANTS, ids=lambda one: one.value[:2])
def test_a_planted_secret_is_seen_taken_out_and_seen_no_more(plant: Plant) -> None:
    assert holds(plant.text, ALL)
    assert leak(plant.text, HELD) is not None
    redacted = redact(plant.text, HELD)
    assert redacted.counts
    assert not holds(redacted.text, ALL)
    assert leak(redacted.text, HELD) is None


def test_of_sixty_secrets_in_one_text_none_is_left_and_the_rest_is() -> None:
    redacted = redact(everything(PLANTS), HELD)
    assert not holds(redacted.text, ALL)
    assert [line for line in redacted.text.splitlines() if line.endswith("all is well")] == [
        f"line {at}: all is well" for at in range(60)
    ]


ENCODINGS: dict[str, Callable[[str], str]] = {
    "itself": str,
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "urlsafe base64": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "base64 of more": lambda text: base64.b64encode(b"x" + text.encode() + b"yz").decode(),
    "base64 of still more": lambda text: base64.b64encode(b"xx" + text.encode() + b"yz").decode(),
    "base64 in lines": lambda text: "\n".join(textwrap.wrap(base64.b64encode(text.encode() * 2).decode(), 20)),
    "hex": lambda text: text.encode().hex(),
    "percent": lambda text: quote(text, safe=""),
    "json": json.dumps,
    "json in json": lambda text: json.dumps(json.dumps(text)),
    "two lines": lambda text: f"{text[:4]}\n    {text[4:]}",
    "two stamped lines": lambda text: f"{text[:4]}\n2026-11-22T10:00:00+00:00 att att-api[1]: {text[4:]}",
}


@pytest.mark.parametrize("encoding", ENCODINGS)
@settings(max_examples=30, suppress_health_check=[HealthCheck.filter_too_much])
@given(before=surroundings, secret=secrets, after=surroundings)
def test_whatever_is_around_a_known_secret_it_does_not_come_out(
    encoding: str, before: str, secret: str, after: str
) -> None:
    held = known([secret.encode()])
    text = f"{before} {ENCODINGS[encoding](secret)} {after}"
    redacted = redact(text, held).text
    assert leak(redacted, held) is None
    assert secret not in redacted


@pytest.mark.parametrize("form", ["password: {}", '"api_key": {}', "--token {}", "SECRET={}", "x secret_key={} y"])
@settings(max_examples=30)
@given(
    before=surroundings,
    secret=st.text(string.ascii_letters + string.digits, min_size=9, max_size=40),
    after=surroundings,
)
def test_whatever_is_around_a_named_secret_it_does_not_come_out(
    form: str, before: str, secret: str, after: str
) -> None:
    secret = f"Zz{secret}"
    value = json.dumps(secret) if form.startswith('"') else secret
    redacted = redact(f"{before}\n{form.format(value)}\n{after}", known([])).text
    assert secret not in redacted or secret in before + after


@settings(max_examples=100)
@given(text=st.text(max_size=200), secret=secrets)
def test_what_went_through_once_does_not_change_again(text: str, secret: str) -> None:
    held = known([secret.encode()])
    once = redact(f"key: {text} token={text} {secret} https://{text}@x", held).text
    assert redact(once, held).text == once
    assert leak(once, held) is None


@settings(max_examples=100)
@given(
    text=st.text(
        string.ascii_lowercase.replace("k", "").replace("t", "").replace("p", "") + " \n.,:;=-+'\"{}[]/0123456789"
    )
)
def test_a_text_without_a_secret_stays_as_it_is(text: str) -> None:
    held = known([b"K9!held-Tok3n-Value", b"PPPP"])
    redacted = redact(text, held)
    assert (redacted.text, dict(redacted.counts)) == (text, {})


@pytest.mark.parametrize(
    "text",
    [
        "max_tokens: 1024",
        "api_key: ${OPENAI_API_KEY}",
        '{"tokens": 17, "key": null, "secret": false}',
        "the token is expired, ask for another key",
        "-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIUXw\n-----END CERTIFICATE-----",
        "ssh://git@git.example.org/x.git and https://example.org:8443/a@b",
        "att_router_request_seconds_bucket_of_all_the_requests 17",
        "password=\nuser=bob",
    ],
)
def test_what_only_looks_like_a_secret_is_left(text: str) -> None:
    assert redact(text, known([])).text == text


@pytest.mark.parametrize(
    "text",
    [
        "MC4CAQAwBQYDK2VwBCIEIAbcdefghijklmnop\n-----END PRIVATE KEY-----\nnext",
        "before\n-----BEGIN RSA PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAbcdefghijklmnop",
        '{"pem": "-----BEGIN PRIVATE KEY-----\\nMC4CAQAwBQYDK2VwBCIEIAbcdefghijklmnop\\n"}',
    ],
)
def test_of_a_pem_block_that_was_cut_nothing_is_left(text: str) -> None:
    assert "MC4CAQAwBQYDK2VwBCIEI" not in redact(text, known([])).text


def test_of_a_container_with_a_secret_name_nothing_is_left_however_long_it_is() -> None:
    rows = "".join(f'    "name{at}": "Zr7x{at:05}",\n' for at in range(1000))
    text = f'{{\n  "secrets": {{\n{rows}    "last": 1\n  }},\n  "model": "tiny"\n}}\n'
    assert redact(text, known([])).text == '{\n  "secrets": [redacted:name]\n  },\n  "model": "tiny"\n}\n'


def test_a_name_in_the_value_of_another_hides_nothing() -> None:
    assert redact("x secret=token: abc --token --password xyz", known([])).text == (
        "x secret=[redacted:name] [redacted:name] --token [redacted:name] [redacted:name]"
    )


def test_a_short_value_is_found_as_a_word_and_a_shorter_one_is_counted() -> None:
    held = known([b"hut5", b"ab", b""])
    assert redact("hut5 shut5 (hut5)", held).text == "[redacted:value] shut5 ([redacted:value])"
    assert held.too_short == 1


def test_a_secret_that_reads_like_a_placeholder_does_not_end_in_a_circle() -> None:
    held = known([b"redacted"])
    once = redact("it was redacted by token=abc", held).text
    assert once == "it was [redacted:value] by token=[redacted:name]"
    assert redact(once, held).text == once
    assert leak(once, held) is None


def test_bytes_that_are_no_text_are_found_in_every_form() -> None:
    raw = bytes(range(130, 162))
    held = known([raw])
    for text in (
        raw.hex(),
        raw.hex(":"),
        base64.b64encode(raw).decode(),
        repr(raw),
        quote(raw),
        json.dumps(raw.decode("latin-1")),
    ):
        assert leak(text, held) is not None
        assert leak(redact(text, held).text, held) is None


def test_a_leak_names_its_line_and_never_the_value() -> None:
    found = leak("one\ntwo\nthree K9!held-Tok3n-Value\nfour", known([b"K9!held-Tok3n-Value"]))
    assert found is not None
    assert (found.line, found.kind) == (3, "value")
    assert "K9" not in repr(found)
