"""Certificates of an authority of the tests' own."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOW = datetime(2026, 6, 1, tzinfo=UTC)
_USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


@cache
def rsa_key(bits: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


def ec_key() -> CertificateIssuerPrivateKeyTypes:
    return ec.generate_private_key(ec.SECP256R1())


@dataclass(frozen=True)
class Issued:
    """A certificate with its key."""

    certificate: x509.Certificate
    key: CertificateIssuerPrivateKeyTypes = field(repr=False)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    def key_pem(self, passphrase: bytes = b"") -> bytes:
        form = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, form)


def issue(
    name: str = "att.example.org",
    by: Issued | None = None,
    *,
    names: tuple[str, ...] = ("att.example.org",),
    days: tuple[int, int] = (-10, 300),
    key: CertificateIssuerPrivateKeyTypes | None = None,
    authority: bool = False,
    use: x509.ObjectIdentifier | None = ExtendedKeyUsageOID.SERVER_AUTH,
    strict: bool = False,
) -> Issued:
    """A certificate made out to `name`, good from and to `days` from NOW, self-signed unless `by` somebody.

    `strict`: it has what RFC 5280 demands beyond that, as certificates of public authorities do.
    """
    key = key or ec_key()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.certificate.subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + timedelta(days=days[0]))
        .not_valid_after(NOW + timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    if names:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([x509.DNSName(one) for one in names]), critical=False
        )
    if use:
        builder = builder.add_extension(x509.ExtendedKeyUsage([use]), critical=False)
    if strict:
        own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key((by.key if by else key).public_key())
        builder = builder.add_extension(own, critical=False).add_extension(issuer, critical=False)
        usages = dict.fromkeys(_USAGES, False) | {"key_cert_sign" if authority else "digital_signature": True}
        builder = builder.add_extension(x509.KeyUsage(**usages), critical=True)
    return Issued(builder.sign(by.key if by else key, SHA256()), key)
