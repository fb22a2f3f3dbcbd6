"""Judges a certificate chain and a key for the appliance port. Pure: no file, no clock, no name server."""

import ipaddress
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

RSA_BITS_MIN = 2048
CURVES = ("secp256r1", "secp384r1", "secp521r1")
WEAK_HASHES = ("md5", "sha1")
# A client's clock may be a little behind the authority's.
SOON = timedelta(days=14)


@dataclass(frozen=True)
class Key:
    """A private key's public half: `kind` is `RSA`, `EC` or whatever else it is, `size` in bits, `curve` of EC."""

    kind: str
    size: int
    public: bytes
    curve: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.curve or self.size}" if self.kind in ("RSA", "EC") else self.kind


@dataclass(frozen=True)
class Certificate:
    """One certificate. `public` is its key's SubjectPublicKeyInfo, `names` DNS names and addresses it is made out to.

    `signed_by_next`: the following one of the chain issued it; True for the last. `server`: it may be a server's.
    """

    subject: str
    issuer: str
    names: tuple[str, ...]
    valid_from: datetime
    valid_until: datetime
    sha256: str
    key: Key
    hash: str
    self_signed: bool
    signed_by_next: bool = True
    server: bool = True
    authority: bool = False


@dataclass(frozen=True)
class Problem:
    """Why a pair is refused; `code` is stable, `field` names the argument."""

    code: str
    detail: str
    field: str = "cert"


@dataclass(frozen=True)
class Verdict:
    """The first thing that is wrong, None when the pair may be installed, and what is worth knowing before."""

    problem: Problem | None
    warnings: tuple[str, ...] = field(default_factory=tuple)


def judge(chain: Sequence[Certificate], key: Key, now: datetime, called: Sequence[str]) -> Verdict:
    """Return whether `chain` (leaf first) and `key` may serve the port; `called` are the machine's names, addresses."""
    problem = next(_problems(chain, key, now), None)
    return Verdict(problem, () if problem else tuple(_warnings(chain, now, called)))


def covers(name: str, called: str) -> bool:
    """Whether a certificate's name (`*.example.org` for one label) is good for what a client calls the machine."""
    name, called = name.lower().rstrip("."), called.lower().rstrip(".")
    if _is_address(name) or _is_address(called):
        return _is_address(name) and _is_address(called) and ipaddress.ip_address(name) == ipaddress.ip_address(called)
    if not name.startswith("*."):
        return name == called
    label, dot, rest = called.partition(".")
    return bool(label and dot) and rest == name[2:]


def _problems(chain: Sequence[Certificate], key: Key, now: datetime) -> Iterator[Problem]:
    yield from _belonging(chain, key)
    for at, one in enumerate(chain, 1):
        if not one.signed_by_next:
            said = f"certificate {at} ({one.subject}) is not issued by certificate {at + 1} ({chain[at].subject})"
            yield Problem("certificate_chain", said)
    for one in chain:
        if one.valid_until <= now:
            yield Problem("certificate_expired", f"{one.subject} expired on {_day(one.valid_until)}")
        if one.valid_from > now:
            yield Problem("certificate_early", f"{one.subject} is not valid before {_day(one.valid_from)}")
    yield from _weak(chain)
    if not chain[0].server:
        yield Problem("certificate_use", f"{chain[0].subject} is not meant for servers")


def _belonging(chain: Sequence[Certificate], key: Key) -> Iterator[Problem]:
    owned = [at for at, one in enumerate(chain, 1) if one.key.public == key.public]
    if not owned:
        yield Problem("certificate_mismatch", "the key belongs to none of its certificates", "key")
    elif owned[0] != 1:
        yield Problem("certificate_chain", f"the key belongs to certificate {owned[0]}, which must be the first")


def _weak(chain: Sequence[Certificate]) -> Iterator[Problem]:
    for one in chain:
        key = one.key
        if key.kind == "RSA" and key.size < RSA_BITS_MIN:
            yield Problem("certificate_weak", f"{one.subject} has an RSA key of {key.size} bits, under {RSA_BITS_MIN}")
        elif key.kind == "EC" and key.curve not in CURVES:
            yield Problem("certificate_weak", f"{one.subject} has a key on {key.curve}, which browsers do not know")
        elif key.kind not in ("RSA", "EC"):
            yield Problem("certificate_weak", f"{one.subject} has a key of kind {key.kind}, which browsers do not know")
        if one.hash in WEAK_HASHES and not one.self_signed:
            yield Problem("certificate_weak", f"{one.subject} is signed over {one.hash}, which can be forged")


def _warnings(chain: Sequence[Certificate], now: datetime, called: Sequence[str]) -> Iterator[str]:
    leaf = chain[0]
    if not leaf.names:
        yield "it is made out to no name (subjectAltName): browsers refuse it"
    elif not any(covers(name, one) for name in leaf.names for one in called):
        yield f"it is made out to {', '.join(leaf.names)}, not to what this machine calls itself: {', '.join(called)}"
    if leaf.valid_until - now < SOON:
        yield f"it expires on {_day(leaf.valid_until)}"
    if leaf.authority and not leaf.self_signed:
        yield "it is an authority's certificate, some clients refuse those of a server"
    if len(chain) == 1 and not leaf.self_signed:
        yield "it comes without the certificate of its issuer: clients that do not have that one refuse it"


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _day(when: datetime) -> str:
    return when.strftime("%Y-%m-%d %H:%M UTC")
