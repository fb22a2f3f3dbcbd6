"""What may serve the appliance port."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from att.machine.tls.decision import Certificate, Key, Verdict, covers, judge

NOW = datetime(2026, 6, 1, tzinfo=UTC)
KEY = Key("EC", 256, b"leaf", "secp256r1")
LEAF = Certificate(
    subject="CN=att",
    issuer="CN=authority",
    names=("att.example.org", "192.0.2.7"),
    valid_from=NOW - timedelta(days=1),
    valid_until=NOW + timedelta(days=300),
    sha256="AA",
    key=KEY,
    hash="sha256",
    self_signed=False,
)
ISSUER = replace(LEAF, subject="CN=authority", names=(), key=Key("RSA", 4096, b"issuer"), authority=True)
CALLED = ("att", "192.0.2.7")


def verdict(*chain: Certificate, key: Key = KEY) -> Verdict:
    return judge(chain or (LEAF, ISSUER), key, NOW, CALLED)


def code(*chain: Certificate, key: Key = KEY) -> str:
    problem = verdict(*chain, key=key).problem
    return problem.code if problem else ""


def test_a_leaf_its_issuer_and_its_key_are_taken_without_a_word() -> None:
    assert verdict() == Verdict(None, ())


def test_a_key_of_another_certificate_is_refused_by_the_name_of_the_key() -> None:
    found = verdict(key=Key("EC", 256, b"other", "secp256r1")).problem
    assert found is not None
    assert (found.code, found.field) == ("certificate_mismatch", "key")


def test_a_chain_in_another_order_is_refused_with_the_place() -> None:
    found = verdict(ISSUER, LEAF).problem
    assert found is not None
    assert found.code == "certificate_chain"
    assert "certificate 2, which must be the first" in found.detail


def test_a_chain_with_a_stranger_in_it_is_refused() -> None:
    found = verdict(replace(LEAF, signed_by_next=False), ISSUER).problem
    assert found is not None
    assert found.detail == "certificate 1 (CN=att) is not issued by certificate 2 (CN=authority)"


def test_time_refuses_what_is_over_and_what_has_not_begun_anywhere_in_the_chain() -> None:
    assert code(replace(LEAF, valid_until=NOW), ISSUER) == "certificate_expired"
    assert code(LEAF, replace(ISSUER, valid_until=NOW - timedelta(days=1))) == "certificate_expired"
    assert code(replace(LEAF, valid_from=NOW + timedelta(seconds=1)), ISSUER) == "certificate_early"


@pytest.mark.parametrize(
    "key",
    [
        Key("RSA", 1024, b"leaf"),
        Key("EC", 256, b"leaf", "secp256k1"),
        Key("Ed25519", 0, b"leaf"),
        Key("DSA", 0, b"leaf"),
    ],
    ids=str,
)
def test_a_key_that_browsers_do_not_take_is_refused(key: Key) -> None:
    assert code(replace(LEAF, key=key), ISSUER, key=key) == "certificate_weak"


@pytest.mark.parametrize(
    "key",
    [Key("RSA", 2048, b"leaf"), Key("EC", 384, b"leaf", "secp384r1"), Key("EC", 521, b"leaf", "secp521r1")],
    ids=str,
)
def test_keys_of_today_are_taken(key: Key) -> None:
    assert code(replace(LEAF, key=key), ISSUER, key=key) == ""


def test_a_forgeable_signature_is_refused_but_for_a_root_that_signs_itself() -> None:
    assert code(replace(LEAF, hash="sha1"), ISSUER) == "certificate_weak"
    assert code(LEAF, replace(ISSUER, hash="sha1", self_signed=True)) == ""


def test_a_certificate_for_something_else_is_refused() -> None:
    assert code(replace(LEAF, server=False), ISSUER) == "certificate_use"


def test_what_clients_may_stumble_over_is_a_warning() -> None:
    assert verdict(LEAF).warnings[0].startswith("it comes without the certificate of its issuer")
    assert verdict(replace(LEAF, names=()), ISSUER).warnings[0].startswith("it is made out to no name")
    other = verdict(replace(LEAF, names=("b.example.org",)), ISSUER).warnings
    assert other == ("it is made out to b.example.org, not to what this machine calls itself: att, 192.0.2.7",)
    assert "expires on 2026-06-05" in verdict(replace(LEAF, valid_until=NOW + timedelta(days=4)), ISSUER).warnings[0]
    assert "authority" in verdict(replace(LEAF, authority=True), ISSUER).warnings[0]
    assert verdict(replace(LEAF, self_signed=True, authority=True)).warnings == ()


@pytest.mark.parametrize(
    ("name", "called", "good"),
    [
        ("att.example.org", "ATT.example.org.", True),
        ("*.example.org", "att.example.org", True),
        ("*.example.org", "a.b.example.org", False),
        ("*.example.org", "example.org", False),
        ("*.example.org", ".example.org", False),
        ("2001:db8::1", "2001:DB8:0::1", True),
        ("192.0.2.7", "192.0.2.8", False),
        ("*.0.2.7", "192.0.2.7", False),
        ("att", "192.0.2.7", False),
    ],
)
def test_a_name_covers_what_a_client_may_call_it(name: str, called: str, good: bool) -> None:
    assert covers(name, called) is good


@given(st.text(max_size=40), st.text(max_size=40))
def test_no_name_makes_the_comparison_fail(name: str, called: str) -> None:
    assert covers(name, called) in (True, False)
    assert covers(name, name) or name.startswith("*.")


def test_a_key_is_told_by_kind_and_size() -> None:
    assert [str(one) for one in (KEY, Key("RSA", 2048, b""), Key("Ed25519", 0, b""))] == [
        "EC secp256r1",
        "RSA 2048",
        "Ed25519",
    ]
