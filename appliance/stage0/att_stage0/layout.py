"""Where things lie: the paths and units of appliance.toml that recovery needs, below any root."""

import tomllib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

APPLIANCE_TOML = Path("/usr/lib/att/appliance.toml")
IMAGE_UNITS = "usr/lib/systemd/system"
ENGINE = "att-upgraded"
API = "att-api"


@dataclass(frozen=True)
class Layout:
    """Paths of one appliance; `image_units` holds the sockets, which are the image's."""

    root: Path
    opt: Path
    releases: Path
    current: Path
    previous: Path
    journal_directory: Path
    database: Path
    upgrade_state: Path
    logs: Path
    audit: Path
    run: Path
    api_socket: Path
    image_units: Path

    @classmethod
    def read(cls, facts: Path = APPLIANCE_TOML, root: Path = Path("/")) -> "Layout":
        """Read appliance.toml at `facts`; every path is taken below `root`."""
        with facts.open("rb") as file:
            return cls.of(tomllib.load(file), root)

    @classmethod
    def of(cls, facts: dict[str, Any], root: Path) -> "Layout":
        """Take what is needed of a parsed appliance.toml."""
        units = {unit["name"]: unit for unit in facts["unit"]}
        paths = {name: root / str(path).lstrip("/") for name, path in facts["paths"].items()}
        return cls(
            root=root,
            opt=paths["opt"],
            releases=paths["releases"],
            current=paths["current"],
            previous=paths["previous"],
            journal_directory=paths["journal"],
            database=paths["api_database"],
            upgrade_state=paths["upgrade_state"],
            logs=paths["logs"],
            audit=paths["audit"],
            run=paths["run"],
            api_socket=root / units[API]["listen"][0].lstrip("/"),
            image_units=root / IMAGE_UNITS,
        )

    @cached_property
    def journal(self) -> Path:
        """The upgrade journal."""
        return self.journal_directory / "journal"

    @cached_property
    def lock(self) -> Path:
        """The file whose flock says who acts: engine, boot recovery, watchdog or operator."""
        return self.journal_directory / "lock"

    @cached_property
    def deadline(self) -> Path:
        """Armed before SWITCHED; the watchdog acts when it has passed, and does nothing where it is absent."""
        return self.journal_directory / "deadline"

    @cached_property
    def staging(self) -> Path:
        """Where a bundle is unpacked, on the file system of the releases."""
        return self.journal_directory / "staging"

    @cached_property
    def spool(self) -> Path:
        """Where a bundle that came through the engine's socket is kept while it is needed."""
        return self.journal_directory / "spool"

    @cached_property
    def maintenance(self) -> Path:
        """There while the appliance is FAILED_SAFE: the front shows its maintenance page."""
        return self.run / "maintenance"

    @cached_property
    def fence(self) -> Path:
        """While it is there the API takes no write but the health gate's canary. Gone with the boot."""
        return self.run / "fence"

    @cached_property
    def others_wait(self) -> Path:
        """While it is there the services beside the API are to be restarted after it. Gone with the boot."""
        return self.run / "others-wait"

    @cached_property
    def databases(self) -> Path:
        """What the engine knows of each database directory: one JSON file each."""
        return self.upgrade_state / "databases"

    @cached_property
    def bad_versions(self) -> Path:
        """Versions that rolled back, by version and digest."""
        return self.upgrade_state / "bad-versions.json"

    @cached_property
    def floor(self) -> Path:
        """The lowest version that may run."""
        return self.upgrade_state / "floor.json"

    def sockets(self) -> dict[str, str]:
        """The image's sockets of ATT, each with the service it starts; a service may have several."""
        return {path.name: _service_of(path) for path in sorted(self.image_units.glob("att-*.socket"))}

    def release(self, version: str) -> Path:
        """The directory of one release."""
        return self.releases / version


def _service_of(socket: Path) -> str:
    for line in socket.read_text(encoding="utf-8").splitlines():
        key, _, value = line.partition("=")
        if key.strip() == "Service":
            return value.strip()
    return f"{socket.stem}.service"
