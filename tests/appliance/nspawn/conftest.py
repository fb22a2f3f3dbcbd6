"""The appliance as a fixture: provisioned once, then a fresh copy a test module, booted with real systemd."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import testinfra.host
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from dev.bundle.identity import LEAN, identify
from dev.vm.places import ARTIFACTS, ROOT
from testinfra.backend import base
from tests.appliance.nspawn import template
from tests.appliance.nspawn.container import Container, overlay
from tests.appliance.nspawn.upgrading import Upgrades
from tests.fakes.bundles import derive_bundle, unpacked
from tests.fakes.overlays import Overlay, engine_that_dies_when_asked

from att.release.install import install_file
from att.release.trust import load_signing_key

QUICK = b"[gate]\nsuccesses = 3\nprobation_seconds = 3\n[deadlines]\nready_seconds = 60\n"
# The bad releases of these tests are found before their probation begins.
GATES = b"[gate]\nsuccesses = 3\nprobation_seconds = 4\n[deadlines]\nready_seconds = 30\n"


def why_not() -> str | None:
    """Why this host cannot boot containers, None when it can."""
    if os.geteuid() != 0:
        return "booting a container needs root"
    missing = [tool for tool in ("systemd-nspawn", "mmdebstrap", "nsenter") if shutil.which(tool) is None]
    return f"not installed: {', '.join(missing)}" if missing else None


@pytest.fixture(scope="session")
def able() -> None:
    if reason := why_not():
        pytest.skip(reason)


@pytest.fixture(scope="session")
def signing_key(bundle: Path) -> Ed25519PrivateKey:
    """The key that signed the bundle."""
    return load_signing_key(key_file())


def key_file() -> Path:
    """Where the key lies with which this host signs."""
    return Path(os.environ.get("ATT_SIGNING_KEY") or Path.home() / ".config/att/signing.pem")


@pytest.fixture(scope="session")
def trust_key(tmp_path_factory: pytest.TempPathFactory, signing_key: Ed25519PrivateKey) -> Path:
    """The public half of the key that signed the bundle, as a file."""
    public = tmp_path_factory.mktemp("trust") / "release.pem"
    public.write_bytes(signing_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return public


@pytest.fixture(scope="session")
def bundle(able: None) -> Path:
    """The bundle of this checkout without NAT's venv, built unless it is there."""
    named = os.environ.get("ATT_TEST_BUNDLE")
    if named:
        return Path(named)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv(LEAN, "1")
        return built()


def built() -> Path:
    """The bundle of this checkout as the environment asks for it, built unless it is there."""
    path = ARTIFACTS / f"att-{identify(ROOT, release=False).version}.attb"
    if not path.exists():
        subprocess.run([sys.executable, "-m", "dev.bundle"], cwd=ROOT, check=True, timeout=1800)
    return path


@pytest.fixture(scope="session")
def appliance_root(bundle: Path, trust_key: Path) -> Path:
    return template.appliance_root(bundle, trust_key)


@pytest.fixture(scope="module")
def appliance(appliance_root: Path) -> Iterator[Container]:
    """A fresh appliance, booted; what a module does to it the next one does not see."""
    with overlay(appliance_root, template.in_memory()) as container:
        container.boot()
        yield container


class Backend(base.BaseBackend):  # type: ignore[misc]  # testinfra has no types
    """testinfra in a container that was started here."""

    NAME = "nspawn"

    def __init__(self, container: Container) -> None:
        super().__init__(container.name)
        self.container = container

    def run(self, command: str, *args: str, **_: object) -> base.CommandResult:
        line = self.get_command(command, *args)
        done = self.container.run("sh", "-c", line, check=False)
        return self.result(done.returncode, line.encode(), done.stdout.encode(), done.stderr.encode())


@pytest.fixture(scope="module")
def upgrades(appliance_root: Path, signing_key: Ed25519PrivateKey) -> Iterator[Upgrades]:
    """An appliance to upgrade; its own gates are shorter than the product's, which saves minutes of probation."""
    with running(appliance_root, signing_key, {"upgrade/gates.toml": GATES}, template.in_memory()) as found:
        yield found


@pytest.fixture(scope="module")
def quick(appliance_root: Path, signing_key: Ed25519PrivateKey) -> Iterator[Upgrades]:
    """An appliance in memory and with a short probation, so that dozens of upgrades fit into minutes; its engine dies
    on demand.
    """
    overlaid = {"upgrade/gates.toml": QUICK, **engine_that_dies_when_asked()}
    with running(appliance_root, signing_key, overlaid, template.in_memory()) as found:
        yield found


@contextmanager
def running(root: Path, key: Ed25519PrivateKey, overlaid: Overlay, place: Path) -> Iterator[Upgrades]:
    """An appliance that runs its own release with something laid over it, as version 8.0.0."""
    with overlay(root, place) as container:
        installed = root / "opt/att" / (root / "opt/att/current").readlink()
        folder = container.work / "first"
        bundle = derive_bundle(installed, "8.0.0", key=key, output=folder, overlay=overlaid)
        install_file(bundle, container.root)
        container.boot()
        yield Upgrades(container, unpacked(bundle, folder / "8.0.0", key), key)


@pytest.fixture(scope="module")
def host(appliance: Container) -> testinfra.host.Host:
    return testinfra.host.Host(Backend(appliance))
