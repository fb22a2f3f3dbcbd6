"""Small but real release directories, and bundles that carry them without an archive."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from att.release.install import seal
from att.release.metadata import parse_metadata
from att.release.schema import Metadata

GATES = """
[gate]
successes = 3
interval_seconds = 1
probation_seconds = 5
[deadlines]
ready_seconds = 10
restart_seconds = 10
"""
SERVICES = ("att-api.service", "att-launcher.service", "att-upgraded.service")


@dataclass(frozen=True)
class Content:
    """What a release is made of; `steps` are (version, min_reader, class) of its migrations."""

    version: str
    steps: tuple[tuple[int, int, str], ...] = ((1, 1, "none"),)
    services: tuple[str, ...] = SERVICES
    from_versions: tuple[str, ...] = (">=1.0.0",)
    salt: str = ""
    commit: str = "0" * 40

    def files(self) -> dict[str, bytes]:
        units = {f"systemd/{name}": f"# {name} of {self.version}\n".encode() for name in self.services}
        return {**units, "upgrade/gates.toml": GATES.encode(), "salt": self.salt.encode()}

    def metadata_bytes(self) -> bytes:
        files = self.files()
        listed = {
            path: {"sha256": hashlib.sha256(data).hexdigest(), "mode": "0444", "size": len(data)}
            for path, data in files.items()
        }
        version, reader, change = self.steps[-1]
        told = {
            "product": "att",
            "compatible": "att-appliance",
            "architecture": "x86_64",
            "version": self.version,
            "build_time": "2026-11-01T00:00:00Z",
            "commit": self.commit,
            "from_versions": list(self.from_versions),
            "requires": {"contract": 1, "python": "3.13", "stage0": 1},
            "schema": {
                "version": version,
                "min_reader": reader,
                "class": change,
                "steps": [{"version": v, "min_reader": r, "class": c} for v, r, c in self.steps],
            },
            "size": sum(len(data) for data in files.values()),
            "files": listed,
        }
        return json.dumps(told).encode()

    def write(self, target: Path) -> None:
        for path, data in {**self.files(), "metadata.json": self.metadata_bytes()}.items():
            (target / path).parent.mkdir(parents=True, exist_ok=True)
            (target / path).write_bytes(data)
            (target / path).chmod(0o444)

    def install(self, releases: Path) -> None:
        self.write(releases / self.version)
        seal(releases / self.version, hashlib.sha256(self.metadata_bytes()).hexdigest())


@dataclass(frozen=True)
class Signers:
    keyids: tuple[str, ...] = ("key",)
    local: bool = False


@dataclass
class FakeBundle:
    """What `open_bundle` returns, for a release that is still in memory."""

    content: Content
    signers: Signers = field(default_factory=Signers)

    @property
    def metadata(self) -> Metadata:
        return parse_metadata(self.content.metadata_bytes())

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.content.metadata_bytes()).hexdigest()

    def new_bytes(self) -> int:
        return self.metadata.size

    def unpack(self, target: Path, progress: Callable[[int, int], None] | None = None) -> None:
        target.mkdir(mode=0o755)
        self.content.write(target)
        if progress is not None:
            progress(1, 1)
