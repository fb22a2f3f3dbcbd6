import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from att.kernel.signed_token import TokenInvalid, sign, verify

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))


def test_a_signed_token_gives_its_claims_back() -> None:
    token = sign(KEY, {"purpose": "local", "exp": 100, "uid": 1000})
    assert verify(KEY.public_key(), token, purpose="local", now=99.9)["uid"] == 1000


@pytest.mark.parametrize(
    ("purpose", "now", "key", "reason"),
    [
        ("gate", 1.0, KEY, "another purpose"),
        ("local", 100.0, KEY, "expired"),
        ("local", 1.0, OTHER, "signature"),
    ],
)
def test_a_token_is_refused_with_its_reason(purpose: str, now: float, key: Ed25519PrivateKey, reason: str) -> None:
    token = sign(key, {"purpose": "local", "exp": 100})
    with pytest.raises(TokenInvalid, match=reason):
        verify(KEY.public_key(), token, purpose=purpose, now=now)


def test_a_token_without_expiry_is_refused() -> None:
    with pytest.raises(TokenInvalid, match="expired"):
        verify(KEY.public_key(), sign(KEY, {"purpose": "local"}), purpose="local", now=0)


@given(st.text(max_size=200))
def test_any_other_text_is_refused(text: str) -> None:
    for candidate in (text, "att1." + text, sign(KEY, {"purpose": "x", "exp": 1}) + text):
        with pytest.raises(TokenInvalid):
            verify(KEY.public_key(), candidate, purpose="local", now=0)
