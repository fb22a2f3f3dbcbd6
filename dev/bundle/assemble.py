"""Puts a release together from its parts and packs it: what is ATT's own, bill of materials, modes, metadata."""

import os
import shutil
import subprocess
from pathlib import Path

from dev.bundle.identity import CannotBuild, Identity
from dev.bundle.sbom import bill_of_materials
from dev.bundle.venv import PYTHON, site_packages

from att.appliance import Facts
from att.appliance import facts as built_in
from att.kernel.errors import AttError
from att.release.bundle import open_bundle
from att.release.own import LOCKS, content_of, place_of
from att.release.schema import SBOM, File, Metadata
from att.release.statement import statement
from att.release.trust import TrustRoot, keyid_of, load_signing_key, sign_metadata
from att.release.writer import describe, metadata_bytes, pack


def export(repository: Path, names: list[str], target: Path) -> None:
    """Copy the named files of the checkout to `target`; CannotBuild where one of them is a link."""
    for name in names:
        if (repository / name).is_symlink():
            raise CannotBuild(f"cannot build of {name}: a release is made of files, not of links")
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(repository / name, target / name)


def own(tree: Path, names: list[str], release: Path, installed: Path, *, nat: bool) -> None:
    """Write what a release carries of ATT's own repository, for the release `installed`; CannotBuild."""
    for name in names:
        try:
            place = place_of(name, python=PYTHON, nat=nat)
            if place is None:
                continue
            raw = (tree / name).read_bytes()
            content = content_of(name, raw, installed=installed, version=installed.name)
        except ValueError as error:
            raise CannotBuild(str(error)) from error
        (release / place).parent.mkdir(parents=True, exist_ok=True)
        (release / place).write_bytes(content)


def bill(tree: Path, release: Path, identity: Identity) -> None:
    """Write the bill of materials."""
    locked = {name: tree / lock for name, lock in LOCKS.items()}
    venvs = [(site_packages(release / name), lock) for name, lock in locked.items() if (release / name).exists()]
    (release / SBOM).write_bytes(bill_of_materials(venvs, version=identity.version, time=identity.time))


def normalise(release: Path, time: int) -> None:
    """Give every file its released mode and the commit's time."""
    for path in sorted(release.rglob("*"), reverse=True):
        if path.is_symlink():
            os.utime(path, (time, time), follow_symlinks=False)
            continue
        if path.is_dir():
            path.chmod(0o755)
        else:
            path.chmod(0o555 if path.stat().st_mode & 0o111 else 0o444)
        os.utime(path, (time, time))


def describe_release(release: Path, identity: Identity, facts: Facts) -> Metadata:
    """Return the metadata of the finished folder `release`."""
    files = describe(release)
    return statement(release, files, facts, version=identity.version, commit=identity.commit, time=identity.time)


def metadata_in(bundle: Path, key: Path) -> Metadata:
    """Return the metadata of a bundle that `key` signed."""
    public = load_signing_key(key).public_key()
    try:
        with bundle.open("rb") as file:
            return open_bundle(file.fileno(), TrustRoot(keys={keyid_of(public): public}), built_in()).metadata
    except (OSError, AttError) as error:
        raise CannotBuild(f"cannot build for {bundle}: {error}") from error


def sign_and_pack(release: Path, metadata: Metadata, key: Path, output: Path, *, base: Metadata | None = None) -> str:
    """Write the signed bundle `output` and its checksum file, without what `base` has; return the sha256."""
    raw = metadata_bytes(metadata)
    known = base.digests() if base else set()
    partial = output.with_suffix(".partial")
    digest = pack(release, raw, sign_metadata(raw, [load_signing_key(key)]), partial, known=known)
    partial.rename(output)
    output.with_name(output.name + ".sha256").write_text(f"{digest}  {output.name}\n")
    return digest


def programs(release: Path) -> list[str]:
    """Return the modules that the release's units start."""
    found = set()
    for unit in (release / "systemd").glob("*.service"):
        for line in unit.read_text(encoding="utf-8").splitlines():
            words = line.split()
            if line.startswith("ExecStart=") and "-m" in words:
                found.add(words[words.index("-m") + 1])
    return sorted(found)


def count_files(metadata: Metadata) -> int:
    """Return the number of regular files."""
    return sum(isinstance(entry, File) for entry in metadata.files.values())


def make_key(path: Path) -> None:
    """Make a signing key of the user's own, readable by the user alone."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    done = subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519"], capture_output=True, check=True, timeout=60)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(done.stdout)
