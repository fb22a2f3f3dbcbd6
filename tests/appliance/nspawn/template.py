"""The root file systems that tests boot: a plain Debian one, and the appliance provisioned on it by provision/*.sh.

Both are kept in the build cache, named after a digest of all that they are made from.
"""

import fcntl
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from dev.bundle.seed import seed
from dev.vm.places import ROOT, cache, digest_of, files_of, sha256_of
from dev.vm.sources import KEYRING, RELEASE, deb822, host_mirror
from tests.appliance.nspawn.container import Container, overlay, sweep

from att.appliance import facts
from att.release.bundle import open_bundle
from att.release.trust import TrustRoot, keyid_of

BOOT_PACKAGES = {
    "linux-image-cloud-amd64",
    "grub-pc-bin",
    "grub-efi-amd64-bin",
    "grub-efi-amd64-signed",
    "shim-signed",
    "systemd-boot-efi",
}
STEPS = ("00-base-deps", "05-python-env", "10-permissions", "15-copy-code", "20-install-systemd", "25-config-seed")
KEPT_MAX = 2
# Another checkout's containers may stand on a root that was begun this short a time ago.
IN_USE_SECONDS = 3600
MEMORY_BYTES_MIN = 6 * 1024**3


def folder() -> Path:
    """Where the roots are kept and the containers run."""
    place = cache() / "nspawn"
    place.mkdir(parents=True, exist_ok=True)
    sweep(place)
    return place


def in_memory() -> Path:
    """Where containers run whose files nobody needs after a power cut, so that nobody waits for a disk; `folder` where
    memory is short.
    """
    memory = Path("/dev/shm")
    if not memory.is_dir() or min(_available_bytes(), shutil.disk_usage(memory).free) < MEMORY_BYTES_MIN:
        return folder()
    place = memory / "att-nspawn"
    place.mkdir(mode=0o700, exist_ok=True)
    sweep(place)
    return place


def _available_bytes() -> int:
    told = Path("/proc/meminfo").read_text(encoding="utf-8").partition("MemAvailable:")[2]
    return int(told.split()[0]) * 1024


def plain_root() -> Path:
    """Debian with the appliance's packages, less kernel and boot loader, and the base image's own files."""
    listed = (ROOT / "appliance/packages.list").read_text(encoding="utf-8").splitlines()
    packages = sorted({line.partition("#")[0].strip() for line in listed} - {""} - BOOT_PACKAGES)
    key = digest_of(files_of("appliance/base/mkosi.extra", "tests/appliance/nspawn/template.py"), *packages)
    return _made_once(folder() / f"plain-{key}", lambda work: _debian(work, packages))


def _debian(work: Path, packages: list[str]) -> None:
    sources = work.with_suffix(".sources")
    sources.write_text(deb822(host_mirror()), encoding="utf-8")
    command = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(packages)}", f"--keyring={KEYRING}"]
    command += ["--dpkgopt=path-exclude=/usr/share/man/*", "--dpkgopt=path-exclude=/usr/share/doc/*"]
    subprocess.run([*command, RELEASE, str(work), str(sources)], check=True, timeout=900)
    sources.unlink()
    shutil.copytree(ROOT / "appliance/base/mkosi.extra", work, dirs_exist_ok=True)
    for left in (*work.glob("etc/ssh/ssh_host_*"), work / "etc/machine-id"):
        left.unlink(missing_ok=True)
    # Empty, not missing: a container does not boot without.
    (work / "etc/machine-id").touch()
    subprocess.run(
        ["systemctl", f"--root={work}", "--quiet", "preset-all"], check=True, timeout=60, capture_output=True
    )


def seed_of(bundle: Path, trust_key: Path) -> Path:
    """The seed of the commit that a bundle was built from, made of this checkout unless it is there."""
    public = load_pem_public_key(trust_key.read_bytes())
    assert isinstance(public, Ed25519PublicKey)
    with bundle.open("rb") as file:
        commit = open_bundle(file.fileno(), TrustRoot(keys={keyid_of(public): public}), facts()).metadata.commit
    made = folder() / "seeds" / f"{commit}.bundle"
    for left in made.parent.glob("*.bundle"):
        if left != made and time.time() - left.stat().st_mtime > IN_USE_SECONDS:
            left.unlink(missing_ok=True)
    return made if made.exists() else seed(ROOT, commit, made)


def provision(root: Path, bundle: Path, trust_key: Path, *steps: str) -> str:
    """Run provisioning steps on a staged root, in order; returns what they printed."""
    settings = {**os.environ, "ATT_ROOT": str(root), "ATT_KIND": "container"}
    settings |= {"ATT_BUNDLE": str(bundle), "ATT_TRUST_KEY": str(trust_key)}
    settings |= {"ATT_SEED": str(seed_of(bundle, trust_key))}
    said = ""
    for step in steps or STEPS:
        done = subprocess.run(
            [str(ROOT / "provision" / f"{step}.sh")],
            env=settings,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=300,
            check=False,
        )
        said += done.stdout
        assert done.returncode == 0, said
    return said


def appliance_root(bundle: Path, trust_key: Path) -> Path:
    """The appliance as its image carries it: provisioned, started once by post-verify, and scrubbed."""
    plain = plain_root()
    inputs = [path for path in files_of("appliance", "provision") if "base" not in path.parts]
    key = digest_of(inputs, plain.name, sha256_of(bundle), sha256_of(trust_key))
    return _made_once(folder() / f"appliance-{key}", lambda work: _provisioned(work, plain, bundle, trust_key))


def _provisioned(work: Path, plain: Path, bundle: Path, trust_key: Path) -> None:
    subprocess.run(["cp", "-a", "--reflink=auto", str(plain), str(work)], check=True, timeout=300)
    provision(work, bundle, trust_key)
    log = folder() / "verify"
    log.mkdir(exist_ok=True)
    container = Container(work, log)
    try:
        container.boot(f"{ROOT}:/mnt")
        done = container.run(
            *("bash", "/mnt/provision/30-post-verify.sh"),
            check=False,
            timeout_seconds=600,
            environment={"ATT_KIND": "container", "ATT_HEALTH_SECONDS": "90"},
        )
        (log / "post-verify.log").write_text(done.stdout + done.stderr, encoding="utf-8")
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-8000:]
    finally:
        container.shut_down()


def _made_once(root: Path, make: Callable[[Path], None]) -> Path:
    """Have a root made beside its place and put there; whoever wants the same one meanwhile waits for it."""
    with root.with_name(f".{root.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not root.exists():
            work = root.with_name(f".{root.name}.new")
            shutil.rmtree(work, ignore_errors=True)
            make(work)
            work.rename(root)
        os.utime(root)
        _forget_others(root)
    return root


def _forget_others(root: Path) -> None:
    kind = root.name.partition("-")[0]
    others = sorted(root.parent.glob(f"{kind}-*"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in [path for path in others if path != root][KEPT_MAX - 1 :]:
        if time.time() - path.stat().st_mtime > IN_USE_SECONDS:
            shutil.rmtree(path, ignore_errors=True)
            path.with_name(f".{path.name}.lock").unlink(missing_ok=True)


__all__ = ["appliance_root", "folder", "in_memory", "overlay", "plain_root", "provision"]
