"""Makes a NoCloud seed disk: the files that tell a machine its name, its operator's keys and its first settings."""

import json
import string
import tempfile
from dataclasses import dataclass
from pathlib import Path

from dev.vm.places import ROOT
from dev.vm.step import run

_TEMPLATES = ROOT / "cloud-init"


@dataclass(frozen=True)
class Identity:
    """What a seed gives a machine.

    `instance` is the identity cloud-init works once for; `settings` is the text of att.yaml, empty for none;
    `first_token_sha256` is the hex digest of the first admin token, empty for none.
    """

    instance: str
    hostname: str
    authorized_keys: tuple[str, ...]
    settings: str = ""
    first_token_sha256: str = ""


def _quoted(text: str) -> str:
    """The text as a YAML string; JSON's escapes above 16 bits are not YAML's."""
    return json.dumps(text, ensure_ascii=False)


def _block(text: str, indent: int) -> str:
    return "".join(f"{' ' * indent}{line}\n" for line in text.splitlines()).rstrip("\n")


def user_data(identity: Identity) -> str:
    """Fills the template `cloud-init/user-data.yaml`; files that have no content are left out."""
    template = string.Template((_TEMPLATES / "user-data.yaml").read_text())
    files = []
    if identity.settings:
        files.append(_file("/etc/att/att.yaml", "root:root", "0644", identity.settings))
    if identity.first_token_sha256:
        files.append(_file("/etc/att/first-token.sha256", "root:root", "0400", identity.first_token_sha256 + "\n"))
    return template.substitute(
        hostname=_quoted(identity.hostname),
        authorized_keys="\n".join(f"  - {_quoted(key)}" for key in identity.authorized_keys),
        write_files="write_files:\n" + "\n".join(files) if files else "",
    )


def _file(path: str, owner: str, mode: str, content: str) -> str:
    return f'  - path: {path}\n    owner: {owner}\n    permissions: "{mode}"\n    content: |\n{_block(content, 6)}'


def meta_data(identity: Identity) -> str:
    """Fills the template `cloud-init/meta-data.yaml`."""
    template = string.Template((_TEMPLATES / "meta-data.yaml").read_text())
    return template.substitute(instance=_quoted(identity.instance), hostname=_quoted(identity.hostname))


def write_seed(disk: Path, files: dict[str, str]) -> None:
    """Writes an ISO image labelled `cidata` that holds the given texts by name."""
    with tempfile.TemporaryDirectory(prefix="seed-") as folder:
        for name, text in files.items():
            (Path(folder) / name).write_text(text)
        new = disk.with_suffix(".new")
        command: list[str | Path] = [
            "xorriso",
            "-as",
            "mkisofs",
            "-quiet",
            "-V",
            "cidata",
            "-J",
            "-r",
            "-o",
            new,
            folder,
        ]
        run(command, timeout_seconds=60, log=disk.with_suffix(".log"))
        new.rename(disk)
        disk.with_suffix(".log").unlink()


def seed_disk(disk: Path, identity: Identity) -> None:
    """Writes the seed of one machine."""
    write_seed(disk, {"user-data": user_data(identity), "meta-data": meta_data(identity)})
