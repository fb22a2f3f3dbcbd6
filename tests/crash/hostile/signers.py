"""Bundles that nobody vouches for, or not enough, or not any more."""

import json
from dataclasses import replace
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.crash.appliance import NEXT, Appliance, parts_of
from tests.crash.hostile.kind import Kind, Make, Prepare, damaged, flipped, honest, signed
from tests.fakes.archives import STRANGER, Parts, pem_of

from att.release.trust import keyid_of


def re_signed(*keys: Ed25519PrivateKey) -> Make:
    return signed(keys=keys)


def trusting(text: str, *keys: Ed25519PrivateKey) -> Prepare:
    """Return what puts `keys` and this trust.toml into the trust root."""

    def before(machine: Appliance, _bundle: Path) -> None:
        trust = machine.facts.paths.trust
        for number, key in enumerate(keys):
            (trust / f"more-{number}.pem").write_bytes(pem_of(key))
        (trust / "trust.toml").write_text(text)

    return before


def trusting_again(machine: Appliance, _bundle: Path) -> None:
    (machine.facts.paths.trust / "trust.toml").unlink()


def twice_by_one(parts: Parts) -> Parts:
    entries = json.loads(parts.signatures)
    return replace(parts, signatures=json.dumps(entries * 2).encode())


def another_signature(parts: Parts) -> Parts:
    return replace(parts, signatures=parts_of(replace(NEXT, salt="another")).signatures)


def flipped_signature(parts: Parts) -> Parts:
    entries = json.loads(parts.signatures)
    entries[0]["sig"] = ("B" if entries[0]["sig"][0] == "A" else "A") + entries[0]["sig"][1:]
    return replace(parts, signatures=json.dumps(entries).encode())


REVOKED = f'revoked = ["{keyid_of(STRANGER.public_key())}"]\n'
SIGNATURES = {
    "no signature": Kind("bundle_unsigned", damaged(lambda parts: replace(parts, signatures=b"[]"))),
    "a key nobody knows": Kind("signature_wrong", re_signed(STRANGER)),
    "below the threshold": Kind(
        "signature_threshold", honest, before=trusting("threshold = 2\n", STRANGER), after=trusting_again
    ),
    "one key twice for a threshold of two": Kind(
        "signature_threshold",
        damaged(twice_by_one),
        before=trusting("threshold = 2\n", STRANGER),
        after=trusting_again,
    ),
    "a revoked key": Kind("key_revoked", re_signed(STRANGER), before=trusting(REVOKED, STRANGER)),
    "a bit flipped in the metadata": Kind(
        "signature_broken", damaged(lambda parts: replace(parts, metadata=flipped(parts.metadata, 40)))
    ),
    "a bit flipped in the signature": Kind("signature_broken", damaged(flipped_signature)),
    "the signature of another release": Kind("signature_broken", damaged(another_signature)),
    "signatures that are no list": Kind("bundle_damaged", damaged(lambda parts: replace(parts, signatures=b"{}"))),
    "a hundred signatures": Kind("bundle_damaged", damaged(lambda parts: replace(parts, signatures=_many(100)))),
    "signatures of a megabyte": Kind(
        "metadata_too_large", damaged(lambda parts: replace(parts, signatures=bytes(1 << 20)))
    ),
    "metadata of 65 MiB": Kind("metadata_too_large", damaged(lambda parts: replace(parts, metadata=bytes(65 << 20)))),
    "unsigned metadata of 63 MiB": Kind("signature_broken", damaged(lambda parts: replace(parts, metadata=_long()))),
}


def _many(count: int) -> bytes:
    return json.dumps([{"keyid": "0" * 64, "sig": ""}] * count).encode()


def _long() -> bytes:
    return b'{"a": "' + b"x" * (63 << 20) + b'"}'
