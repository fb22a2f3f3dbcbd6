"""Whom programs trust at this site: Debian's authorities, and those of the site's own."""

import base64
import textwrap
from collections.abc import Sequence
from pathlib import Path

SYSTEM = Path("/etc/ssl/certs/ca-certificates.crt")
"""What Debian's ca-certificates keeps."""
VARIABLES = (
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "PIP_CERT",
    "GIT_SSL_CAINFO",
    "NODE_EXTRA_CA_CERTS",
)
"""Where programs look for a file of authorities: OpenSSL, Python and uv; requests; curl; pip; git; Node."""
_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"


def pem_of(authorities: Sequence[str]) -> str:
    """Return certificates, each base64 of its DER form, as PEM."""
    return "".join("\n".join((_BEGIN, *textwrap.wrap(one, 64), _END, "")) for one in authorities)


def base64_of(pem: str) -> list[str]:
    """Return the certificates of a PEM text, each as base64 of its DER form; raises ValueError for one cut off."""
    pieces = pem.split(_BEGIN)[1:]
    return [base64.b64encode(base64.b64decode(one.partition(_END)[0])).decode("ascii") for one in pieces]


def bundle(pem: str, system: Path = SYSTEM) -> str:
    """Return a file of all authorities to trust: the system's, where it has any, and those in `pem`."""
    try:
        return f"{system.read_text(encoding='ascii', errors='replace').rstrip()}\n{pem}"
    except FileNotFoundError:
        return pem
