"""Encrypts a bundle for one recipient: CMS EnvelopedData (RFC 5652), AES-256-CBC, the content key by RSA.

Whoever has the private key opens it with OpenSSL alone:
`openssl cms -decrypt -binary -inform DER -inkey KEY.pem -in FILE.cms -out FILE`.
"""

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_public_key
from cryptography.hazmat.primitives.serialization.pkcs7 import PKCS7EnvelopeBuilder, PKCS7Options
from cryptography.x509.oid import NameOID

from att.kernel.errors import InvalidInput

BITS_MIN = 2048
SUFFIX = ".cms"


def recipient(pem: bytes) -> x509.Certificate:
    """Return the certificate of a PEM file, or one made around its RSA public key.

    Raises InvalidInput(diag_recipient) for anything else. CMS names a recipient by a certificate; the one made here
    is signed by nobody who matters and only carries the key.
    """
    try:
        if b"-----BEGIN CERTIFICATE-----" in pem:
            certificate = x509.load_pem_x509_certificate(pem)
            return _checked(certificate, certificate.public_key())
        key = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _refused("it is no PEM certificate and no PEM public key") from error
    return _checked(_around(key), key) if isinstance(key, RSAPublicKey) else _checked(None, key)


def encrypted(data: bytes, certificate: x509.Certificate) -> bytes:
    """Return `data` for the holder of the certificate's key alone, as DER."""
    builder = PKCS7EnvelopeBuilder().set_data(data).add_recipient(certificate)
    return builder.set_content_encryption_algorithm(AES256).encrypt(Encoding.DER, [PKCS7Options.Binary])


def _checked(certificate: x509.Certificate | None, key: object) -> x509.Certificate:
    if certificate is None or not isinstance(key, RSAPublicKey):
        raise _refused("its key is no RSA key")
    if key.key_size < BITS_MIN:
        raise _refused(f"its key has {key.key_size} bits, {BITS_MIN} are needed")
    return certificate


def _around(key: RSAPublicKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "recipient")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key)
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now).not_valid_after(now + timedelta(days=1))
    return builder.sign(Ed25519PrivateKey.generate(), algorithm=None)


def _refused(why: str) -> InvalidInput:
    return InvalidInput(
        "diag_recipient", f"cannot encrypt the diagnostics for this recipient: {why}", field="recipient"
    )
