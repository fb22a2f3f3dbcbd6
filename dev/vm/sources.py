"""Says where Debian packages come from: the host's own apt sources, so that no mirror is named in the repository."""

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from dev.vm.step import VmError

RELEASE = "trixie"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
_SUITE = re.compile(
    r"^(bookworm|trixie|forky|sid|stable|testing|unstable)(?P<pocket>-security|-updates|-backports)?/?$"
)


@dataclass(frozen=True)
class Mirror:
    """The two archives a Debian release is installed from."""

    main: str
    security: str


def _stanzas(text: str) -> Iterator[dict[str, str]]:
    """Reads deb822 text; comment lines inside a stanza are skipped, continuation lines joined."""
    for block in re.split(r"\n\s*\n", text):
        fields: dict[str, str] = {}
        name = ""
        for line in block.splitlines():
            if line.startswith("#"):
                continue
            if line[:1].isspace() and name:
                fields[name] += " " + line.strip()
            elif ":" in line:
                name, _, value = line.partition(":")
                name = name.strip().lower()
                fields[name] = value.strip()
        if fields:
            yield fields


def entries(text: str, *, deb822: bool) -> Iterator[tuple[str, str]]:
    """Gives (address, suite) pairs of an apt source file's enabled binary archives."""
    if deb822:
        for stanza in _stanzas(text):
            if "deb" in stanza.get("types", "").split() and stanza.get("enabled", "yes").lower() != "no":
                for address in stanza.get("uris", "").split():
                    yield from ((address, suite) for suite in stanza.get("suites", "").split())
        return
    for line in text.splitlines():
        words = re.sub(r"\[[^]]*\]", "", line.partition("#")[0]).split()
        if len(words) >= 3 and words[0] == "deb":
            yield words[1], words[2]


def mirror_of(pairs: Iterable[tuple[str, str]]) -> Mirror | None:
    """Chooses the mirror among (address, suite) pairs; None where no Debian archive is among them."""
    main = security = None
    for address, suite in pairs:
        if found := _SUITE.match(suite.split("/")[0]):
            if found["pocket"] == "-security":
                security = security or address
            else:
                main = main or address
    if main is None:
        return None
    return Mirror(main, security or main.rstrip("/").removesuffix("/debian") + "/debian-security")


def host_mirror(apt: Path = Path("/etc/apt")) -> Mirror:
    """Reads the host's Debian mirror; ATT_DEBIAN_MIRROR (and ATT_DEBIAN_SECURITY_MIRROR) go first."""
    if main := os.environ.get("ATT_DEBIAN_MIRROR"):
        security = os.environ.get("ATT_DEBIAN_SECURITY_MIRROR")
        return Mirror(main, security or main.rstrip("/").removesuffix("/debian") + "/debian-security")
    pairs: list[tuple[str, str]] = []
    files = [apt / "sources.list", *sorted((apt / "sources.list.d").glob("*"))]
    for file in files:
        if file.is_file() and file.suffix in {".list", ".sources"}:
            pairs += entries(file.read_text(), deb822=file.suffix == ".sources")
    found = mirror_of(pairs)
    if found is None:
        raise VmError("cannot find a Debian mirror in the host's apt sources", "set ATT_DEBIAN_MIRROR to one")
    return found


def deb822(mirror: Mirror) -> str:
    """Writes the apt sources from which the appliance's packages are installed."""
    stanza = "Types: deb\nURIs: {}\nSuites: {}\nComponents: main\nSigned-By: {}\n"
    return "\n".join(
        [
            stanza.format(mirror.main, f"{RELEASE} {RELEASE}-updates", KEYRING),
            stanza.format(mirror.security, f"{RELEASE}-security", KEYRING),
        ]
    )
