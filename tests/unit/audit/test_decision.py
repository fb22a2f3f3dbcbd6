import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from att.audit.decision import REDACTED, is_secret_name, summary
from att.identity.credential import new_session, new_token

SECRET_NAMES = [
    "key",
    "api_key",
    "apiKey",
    "token",
    "access-token",
    "tokens",
    "password",
    "passwordHash",
    "user_passwd",
]
SECRET_NAMES += ["secret", "client_secret", "SECRET_VALUE", "tls_private", "Authorization", "cookie", "cert.pem"]


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_secret_names_are_known(name: str) -> None:
    assert is_secret_name(name)
    assert summary({name: "hush"}) == {name: REDACTED}
    assert summary({"deep": {name: ["hush"]}}) == {"deep": {name: REDACTED}}


@pytest.mark.parametrize("name", ["token_id", "keyboard", "name", "monkey", "key_id", "", "_", "expires_days"])
def test_other_names_are_not(name: str) -> None:
    assert not is_secret_name(name)


def test_secrets_in_values_are_found_whatever_their_field() -> None:
    for secret in (new_token(), new_session(), "att1.eyJhIjoxfQ.c2ln", "sk-0123456789abcdefXYZ"):
        assert secret not in json.dumps(summary({"note": f"use {secret} please", "list": [secret]}))
    assert summary({"note": SecretStr("hush")}) == {"note": "**********"}


def test_what_is_no_secret_stays_readable() -> None:
    values: dict[str, Any] = {"name": "ci", "days": 3, "all": True, "rate": 0.5, "none": None, "token": None}
    assert summary(values) == values


def test_size_is_bounded() -> None:
    deep: dict[str, Any] = {"a": {"b": {"c": {"d": {"e": 1}}}}}
    assert summary(deep) == {"a": {"b": {"c": {"d": "…"}}}}
    assert summary({"text": "x" * 10_000, "content": "a\nb"}) == {
        "text": "[10000 characters]",
        "content": "[3 characters]",
    }
    assert len(summary({"list": list(range(1000))})["list"]) == 20
    assert len(summary({str(n): n for n in range(1000)})) == 20
    assert summary({"data": b"\x00" * 7}) == {"data": "[7 bytes]"}


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.text(), _VALUES, max_size=5), st.sampled_from(SECRET_NAMES))
def test_whatever_comes_the_summary_is_json_without_the_secret(values: dict[str, Any], name: str) -> None:
    text = json.dumps(summary({name: "hush-hush-hush", **{f"x{key}": value for key, value in values.items()}}))
    assert "hush-hush-hush" not in text
