"""Reads the certificates of authorities that a site has of its own."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from att.kernel.errors import InvalidInput
from att.machine.network.decision import authority_problems
from att.machine.network.schema import Authority
from att.machine.tls.decision import Certificate
from att.machine.tls.pem import chain_bytes, read_chain
from att.site.trust import base64_of, pem_of


def now() -> datetime:
    """Return the time as certificates have it."""
    return datetime.now(UTC)


def read_authorities(pem: bytes, clock: Callable[[], datetime] = now) -> tuple[str, ...]:
    """Return the certificates of a PEM file as a description holds them, each once.

    Raises InvalidInput: "authority_unreadable", "authority_unusable" for one that is no authority's or not valid now.
    """
    try:
        certificates = read_chain(pem)
    except InvalidInput as error:
        detail = error.detail.replace("the certificate", "the authorities", 1)
        raise InvalidInput("authority_unreadable", detail, field="ca") from error
    found = list(authority_problems(certificates, clock()))
    if found:
        raise InvalidInput("authority_unusable", f"cannot trust the authorities: {'; '.join(found)}", field="ca")
    return tuple(dict.fromkeys(base64_of(chain_bytes(pem).decode("ascii"))))


def certificates_of(authorities: Sequence[str]) -> tuple[Certificate, ...]:
    """Return what certificates say; those that cannot be read any more are left out."""
    found = list[Certificate]()
    for one in authorities:
        try:
            found += read_chain(pem_of([one]).encode("ascii"))
        except InvalidInput:
            continue
    return tuple(found)


def shown(certificates: Sequence[Certificate]) -> list[Authority]:
    """Return certificates as people know them."""
    return [
        Authority(subject=one.subject, valid_until=one.valid_until.isoformat(), sha256=one.sha256)
        for one in certificates
    ]
