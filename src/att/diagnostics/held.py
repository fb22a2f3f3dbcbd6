"""The secrets that this machine holds: read so that they can be known by value, never shown, kept in memory alone."""

import json
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_ssh_private_key

from att.appliance import Facts
from att.diagnostics.reading import tails
from att.diagnostics.sources import Files
from att.kernel.errors import AttError, Failed

FILE_BYTES_MAX = 64 * 1024
FOLDERS_MAX = 2000
_SECRET_NAME = re.compile(r"(?i)key|token|secret|password|passwd|credential")
_PUBLIC_NAME = re.compile(r"(?i)\.(?:pub|crt|cer|sha256|md|py|pyc|json)\Z")
_PRIVATE_PEM = re.compile(rb"-----BEGIN ([A-Z ]*PRIVATE KEY)-----\s*(.*?)-----END \1-----", re.DOTALL)
_SPEC_CHARS_MIN = 8
_OF_SPEC = ("secrets", "stdin", "grant")


@dataclass(frozen=True)
class Held:
    """The values that come from one place; `problem` says why there may be more."""

    place: str
    values: tuple[bytes, ...] = ()
    problem: str = ""


def held(facts: Facts, others: Iterable[tuple[str, Callable[[], Iterable[str]]]] = ()) -> Iterator[Held]:
    """Yield what each place holds; `others` are places that a room above opens, each with its name."""
    paths, root = facts.paths, facts.root
    yield _place("secrets", _files_below(paths.secrets, lambda _name: True))
    yield _place("tls", _files_below(paths.tls, lambda name: not _PUBLIC_NAME.search(name)))
    yield _place("state", _files_below(paths.state, _is_secret, without={paths.projects, paths.forge, paths.uploads}))
    yield _place("ssh", _files_below(root / "etc/ssh", lambda name: name.endswith("_key")))
    yield _place("claim", _files_below(paths.run, lambda name: name == "claim-code", deep=False))
    yield _place("launch", _files_below(paths.launch, lambda _name: True))
    yield _place("handed", _files_below(root / "run/credentials", lambda _name: True))
    yield _place("projects", _of_projects(paths.projects))
    for name, opened in others:
        yield _place(name, (value.encode() for value in opened()))


def values_of(content: bytes) -> Iterator[bytes]:
    """Yield the values in the content of a secret file: of a PEM file those of its private keys alone."""
    blocks = list(_PRIVATE_PEM.finditer(content))
    for block in blocks:
        yield from _key_material(block[0])
        yield from (line for line in block[2].split() if len(line) > 20)
        yield b"".join(block[2].split())
    spec = _json_object(content)
    if spec is not None and any(name in spec for name in _OF_SPEC):
        yield from _of_spec(spec)
    elif not blocks and b"-----BEGIN" not in content:
        yield content


def _place(name: str, values: Iterator[bytes]) -> Held:
    found: list[bytes] = []
    try:
        found.extend(value for value in values if value)
    except AttError as error:
        return Held(name, tuple(found), error.detail)
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:
        return Held(name, tuple(found), f"cannot be read: {type(error).__name__}")
    return Held(name, tuple(found))


def _is_secret(name: str) -> bool:
    return bool(_SECRET_NAME.search(name)) and not _PUBLIC_NAME.search(name)


def _files_below(
    folder: Path, wanted: Callable[[str], bool], *, without: Iterable[Path] = (), deep: bool = True
) -> Iterator[bytes]:
    left_out = set(without)
    for count, (top, folders, names) in enumerate(os.walk(folder)):
        if count >= FOLDERS_MAX:
            raise Failed("internal", f"only {FOLDERS_MAX} of the folders below {folder} were looked into")
        at = Path(top)
        folders[:] = [one for one in folders if deep and at / one not in left_out]
        for name in names:
            if wanted(name):
                content = _content(at / name)
                yield from values_of(content)


def _content(path: Path) -> bytes:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return b""
    except OSError:
        if path.is_symlink():
            return b""
        raise
    try:
        return os.read(fd, FILE_BYTES_MAX) if stat.S_ISREG(os.fstat(fd).st_mode) else b""
    finally:
        os.close(fd)


def _of_projects(projects: Path) -> Iterator[bytes]:
    """Yield what the environment files of projects set: their names need not say that it is secret."""
    for file in tails(Files(projects, "p*/work/.env*", 256), FILE_BYTES_MAX):
        for line in file.data.splitlines():
            name, assigned, value = line.partition(b"=")
            value = value.strip().strip(b"\"'")
            if assigned and _SECRET_NAME.search(name.decode("utf-8", "replace")):
                yield value


def _of_spec(spec: dict[str, object]) -> Iterator[bytes]:
    secrets = spec.get("secrets")
    for value in (*(secrets.values() if isinstance(secrets, dict) else ()), spec.get("stdin"), spec.get("grant")):
        # Plain variables are among them, and short ones (`info`, `true`) stand in every log; the database knows which.
        if isinstance(value, str) and len(value) >= _SPEC_CHARS_MIN:
            yield value.encode()


def _json_object(content: bytes) -> dict[str, object] | None:
    try:
        found = json.loads(content)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _key_material(pem: bytes) -> Iterator[bytes]:
    """Yield the numbers of a private key as bytes: they may stand in a text without their PEM."""
    load = load_ssh_private_key if b"OPENSSH" in pem else load_pem_private_key
    try:
        key = load(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return
    if isinstance(key, Ed25519PrivateKey):
        yield key.private_bytes_raw()
    elif isinstance(key, EllipticCurvePrivateKey):
        yield key.private_numbers().private_value.to_bytes((key.key_size + 7) // 8)
    elif isinstance(key, RSAPrivateKey):
        numbers = key.private_numbers()
        for number in (numbers.d, numbers.p, numbers.q):
            yield number.to_bytes((number.bit_length() + 7) // 8)
