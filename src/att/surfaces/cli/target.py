"""Where attctl sends what needs the API: the appliance it runs on, or another by URL; with which token and trust."""

import getpass
import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from att.kernel.errors import InvalidInput

TOKEN_BYTES_MAX = 8192


@dataclass(frozen=True)
class Options:
    """The options every command takes; None where not given."""

    format: str = "table"
    url: str | None = None
    token: str | None = None
    token_file: str | None = None
    cacert: str | None = None
    fingerprint: str | None = None
    insecure: bool = False


@dataclass(frozen=True)
class Target:
    """One API: over `socket` on the box, else `scheme://host:port/base`."""

    socket: Path | None
    scheme: str = "http"
    host: str = "localhost"
    port: int = 80
    base: str = ""
    cacert: str | None = None
    fingerprint: str | None = None
    insecure: bool = False

    def __str__(self) -> str:
        return str(self.socket) if self.socket else f"{self.scheme}://{self.host}:{self.port}{self.base}"


def remote(options: Options) -> Target | None:
    """Return the appliance that --url or ATT_URL names, None when neither does."""
    if not options.url:
        return None
    parts = urlsplit(options.url)
    try:
        port = parts.port
    except ValueError as error:
        raise InvalidInput("invalid_input", f"cannot use the URL {options.url}: {error}", field="url") from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidInput(
            "invalid_input",
            f"cannot use the URL {options.url}: it must be https://HOST:PORT",
            field="url",
            hint="give e.g. --url https://127.0.0.1:17443",
        )
    if parts.scheme == "http" and parts.hostname not in ("127.0.0.1", "localhost", "::1"):
        raise InvalidInput(
            "invalid_input",
            f"cannot use the URL {options.url}: a token over plain http can be read by others",
            field="url",
            hint="use https; plain http is for this machine alone",
        )
    return Target(
        None,
        parts.scheme,
        parts.hostname,
        port or (443 if parts.scheme == "https" else 80),
        parts.path.rstrip("/"),
        options.cacert,
        _digest(options.fingerprint),
        options.insecure,
    )


def token_given(options: Options) -> str | None:
    """Return the token of --token-file, --token or ATT_TOKEN; None without."""
    if options.token_file:
        path = Path(options.token_file)
        try:
            with path.open("rb") as file:
                return file.read(TOKEN_BYTES_MAX).decode("ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidInput(
                "invalid_input", f"cannot read the token in {path}: {error}", field="token_file"
            ) from error
    return options.token


def user_name() -> str:
    """Return who runs this process."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def _digest(text: str | None) -> str | None:
    """Return the hex digits of a SHA-256 fingerprint as `make up` and openssl print it."""
    if text is None:
        return None
    digits = text.lower().removeprefix("sha256").lstrip(":= ").removeprefix("fingerprint=").replace(":", "")
    if len(digits) != 64 or any(one not in "0123456789abcdef" for one in digits):
        raise InvalidInput(
            "invalid_input",
            "cannot use the fingerprint: it must be the SHA-256 of the certificate, 64 hex digits",
            field="fingerprint",
        )
    return digits
