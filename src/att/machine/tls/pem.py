"""Reads certificates and keys in PEM form into what the decision judges; a key never leaves in an error."""

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID

from att.kernel.errors import InvalidInput
from att.machine.tls.decision import Certificate, Key

CHAIN_MAX = 10
_LOCKED = b"ENCRYPTED"


def read_chain(data: bytes) -> tuple[Certificate, ...]:
    """Return the certificates of a PEM file in their order; InvalidInput("certificate_unreadable")."""
    found = _loaded(data)
    return tuple(_certificate(one, found[at + 1] if at + 1 < len(found) else None) for at, one in enumerate(found))


def chain_bytes(data: bytes) -> bytes:
    """Return the certificates of a PEM file and nothing else, in the one form that all programs read."""
    return b"".join(one.public_bytes(Encoding.PEM) for one in _loaded(data))


def read_key(data: bytes) -> tuple[Key, bytes]:
    """Return the key of a PEM file and its PKCS #8 form; `certificate_unreadable`, `certificate_key_locked`."""
    if _LOCKED in data:
        raise InvalidInput(
            "certificate_key_locked", "cannot read the key: it is encrypted with a passphrase", field="key"
        )
    try:
        private = load_pem_private_key(data, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # What the library says may quote the key.
        raise InvalidInput(
            "certificate_unreadable", "cannot read the key: it is no private key in PEM form", field="key"
        ) from None
    plain = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return _key(private.public_key()), plain


def _loaded(data: bytes) -> list[x509.Certificate]:
    try:
        found = x509.load_pem_x509_certificates(data)
    except ValueError:
        raise InvalidInput(
            "certificate_unreadable", "cannot read the certificate: it is none in PEM form", field="cert"
        ) from None
    if len(found) > CHAIN_MAX:
        raise InvalidInput(
            "certificate_unreadable",
            f"cannot read the certificate: the file holds {len(found)}, at most {CHAIN_MAX} make a chain",
            field="cert",
        )
    return found


def _certificate(one: x509.Certificate, following: x509.Certificate | None) -> Certificate:
    try:
        return Certificate(
            subject=one.subject.rfc4514_string() or "a certificate without a subject",
            issuer=one.issuer.rfc4514_string(),
            names=_names(one),
            valid_from=one.not_valid_before_utc,
            valid_until=one.not_valid_after_utc,
            sha256=":".join(f"{byte:02X}" for byte in one.fingerprint(SHA256())),
            key=_key(one.public_key()),
            hash=one.signature_hash_algorithm.name if one.signature_hash_algorithm else "",
            self_signed=one.subject == one.issuer and _issued(one, one),
            signed_by_next=following is None or _issued(one, following),
            server=_for_servers(one),
            authority=_authority(one),
        )
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InvalidInput("certificate_unreadable", f"cannot read the certificate: {error}", field="cert") from error


def _key(public: object) -> Key:
    if isinstance(public, rsa.RSAPublicKey):
        return Key("RSA", public.key_size, _spki(public))
    if isinstance(public, ec.EllipticCurvePublicKey):
        return Key("EC", public.key_size, _spki(public), public.curve.name)
    return Key(type(public).__name__.removesuffix("PublicKey").lstrip("_"), 0, _spki(public))


def _spki(public: object) -> bytes:
    encoded: bytes = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined]  # every kind of public key has it
    return encoded


def _issued(one: x509.Certificate, by: x509.Certificate) -> bool:
    try:
        one.verify_directly_issued_by(by)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _names(one: x509.Certificate) -> tuple[str, ...]:
    try:
        found = one.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    addresses = (str(address) for address in found.get_values_for_type(x509.IPAddress))
    return (*found.get_values_for_type(x509.DNSName), *addresses)


def _for_servers(one: x509.Certificate) -> bool:
    try:
        uses = one.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return True
    return bool({ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE} & set(uses))


def _authority(one: x509.Certificate) -> bool:
    try:
        return one.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False
