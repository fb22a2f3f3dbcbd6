"""Who may sign releases: the image's trust root, and the appliance's own key, which is marked `local`.

The trust root is a folder of PEM Ed25519 public keys with an optional `trust.toml`: `threshold` (how many of them must
have signed, default 1) and `revoked` (key ids that count no more). A key id is the hex sha256 of the 32 raw bytes.
"""

import base64
import binascii
import hashlib
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from att.appliance import Facts
from att.kernel.errors import Failed, InvalidInput, Refused

SIGNATURES_MAX = 16
SIGNATURES_BYTES_MAX = 16_384
APPLIANCE_KEY = "appliance.key"
"""The private half of the appliance's own key, in its folder; the first boot makes it, root alone reads it."""
_KEY_BYTES_MAX = 4096


@dataclass(frozen=True)
class TrustRoot:
    """Keys by id; `threshold` signatures of `keys` are needed, or one of `local`."""

    keys: Mapping[str, Ed25519PublicKey]
    threshold: int = 1
    revoked: frozenset[str] = frozenset()
    local: Mapping[str, Ed25519PublicKey] = field(default_factory=dict)


@dataclass(frozen=True)
class Signers:
    """Whose signatures hold; `local` when only the appliance's own key vouches for the bundle."""

    keyids: tuple[str, ...]
    local: bool


def keyid_of(key: Ed25519PublicKey) -> str:
    """Return the id of a public key."""
    return hashlib.sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()


def load_trust(facts: Facts) -> TrustRoot:
    """Read the image's trust root and the appliance's own key; Failed when a file there cannot be understood."""
    table = _trust_table(facts.paths.trust / "trust.toml")
    return TrustRoot(
        keys=_public_keys(facts.paths.trust),
        threshold=table.get("threshold", 1),
        revoked=frozenset(table.get("revoked", [])),
        local=_public_keys(facts.paths.local_trust),
    )


def load_signing_key(path: Path) -> Ed25519PrivateKey:
    """Read a PEM Ed25519 private key; InvalidInput says when the file holds none."""
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise InvalidInput("invalid_input", f"cannot read the signing key {path}: {error}", field="key") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise InvalidInput("invalid_input", f"cannot sign with {path}: it is no Ed25519 key", field="key")
    return key


def sign_metadata(metadata: bytes, keys: Sequence[Ed25519PrivateKey]) -> bytes:
    """Return the bytes of metadata.sig: one signature of the exact `metadata` by each key."""
    entries = [
        {"keyid": keyid_of(key.public_key()), "sig": base64.b64encode(key.sign(metadata)).decode()} for key in keys
    ]
    return json.dumps(sorted(entries, key=lambda entry: entry["keyid"]), indent=1).encode() + b"\n"


def check_signatures(trust: TrustRoot, metadata: bytes, signatures: bytes) -> Signers:
    """Return whose signatures of `metadata` hold, or raise Refused with the code of what is wrong with them."""
    entries = _entries(signatures)
    if not entries:
        raise Refused("bundle_unsigned", "cannot use the bundle: nobody signed it")
    known = {**trust.keys, **trust.local}
    revoked = sorted(keyid for keyid in entries if keyid in trust.revoked)
    counted = {keyid: signature for keyid, signature in entries.items() if keyid in known and keyid not in revoked}
    if not counted:
        if revoked:
            raise Refused("key_revoked", f"cannot trust the bundle: its key {revoked[0][:16]} was revoked")
        strangers = ", ".join(keyid[:16] for keyid in entries)
        raise Refused("signature_wrong", f"cannot trust the bundle: key {strangers} is not in the trust root")
    for keyid, signature in counted.items():
        _check(known[keyid], keyid, signature, metadata)
    by_root = tuple(keyid for keyid in counted if keyid in trust.keys)
    if len(by_root) >= trust.threshold:
        return Signers(keyids=by_root, local=False)
    by_local = tuple(keyid for keyid in counted if keyid in trust.local)
    if by_local:
        return Signers(keyids=by_local, local=True)
    raise Refused(
        "signature_threshold",
        f"cannot trust the bundle: {len(by_root)} of {trust.threshold} needed keys signed it",
    )


def _check(key: Ed25519PublicKey, keyid: str, signature: bytes, metadata: bytes) -> None:
    try:
        key.verify(signature, metadata)
    except InvalidSignature as error:
        raise Refused(
            "signature_broken", f"cannot trust the bundle: the signature of key {keyid[:16]} does not fit its metadata"
        ) from error


def _entries(signatures: bytes) -> dict[str, bytes]:
    """Return key id → signature; one signature a key counts, however often it is repeated."""
    try:
        listed: Any = json.loads(signatures)
        if not isinstance(listed, list) or len(listed) > SIGNATURES_MAX:
            raise ValueError("not a list of signatures")
        return {str(entry["keyid"]): base64.b64decode(entry["sig"], validate=True) for entry in listed}
    except (ValueError, KeyError, TypeError, binascii.Error, RecursionError) as error:
        raise Refused("bundle_damaged", "cannot read the bundle's signatures") from error


def _public_keys(folder: Path) -> dict[str, Ed25519PublicKey]:
    try:
        files = sorted(path for path in folder.glob("*.pem") if path.is_file())
        texts = {path: path.read_bytes()[:_KEY_BYTES_MAX] for path in files}
    except OSError as error:
        raise Failed("trust_unreadable", f"cannot read the trust root {folder}: {error}") from error
    keys = {}
    for path, text in texts.items():
        if b"PRIVATE KEY" in text:
            continue
        try:
            key = load_pem_public_key(text)
        except ValueError as error:
            raise Failed("trust_unreadable", f"cannot read the trusted key {path}: {error}") from error
        if not isinstance(key, Ed25519PublicKey):
            raise Failed("trust_unreadable", f"cannot use the trusted key {path}: it is no Ed25519 key")
        keys[keyid_of(key)] = key
    return keys


def _trust_table(path: Path) -> dict[str, Any]:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise Failed("trust_unreadable", f"cannot read {path}: {error}") from error
    threshold, revoked = table.get("threshold", 1), table.get("revoked", [])
    if set(table) - {"threshold", "revoked"} or type(threshold) is not int or threshold < 1:
        raise Failed("trust_unreadable", f"cannot use {path}: threshold must be 1 or more, revoked a list of key ids")
    if not isinstance(revoked, list) or not all(isinstance(keyid, str) for keyid in revoked):
        raise Failed("trust_unreadable", f"cannot use {path}: revoked must be a list of key ids")
    return table
