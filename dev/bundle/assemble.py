"""Puts a release together from its parts and packs it: units, upgrade files, console, venv, papers, metadata."""

import os
import shutil
import subprocess
import sys
import tomllib
from datetime import UTC, datetime
from pathlib import Path

from dev.bundle.identity import CannotBuild, Identity
from dev.bundle.sbom import bill_of_materials
from dev.bundle.venv import site_packages
from dev.vm.step import run

from att.appliance import Facts
from att.appliance import facts as built_in
from att.kernel.errors import AttError
from att.release.bundle import open_bundle
from att.release.metadata import check_metadata
from att.release.schema import LICENCE, SBOM, DatabaseSchema, File, Metadata, Requires, Step
from att.release.trust import TrustRoot, keyid_of, load_signing_key, sign_metadata
from att.release.writer import describe, metadata_bytes, pack, total_size
from att.store.migrations import head, migrations


def export(repository: Path, names: list[str], target: Path, *, version: str) -> None:
    """Copy the named files of the checkout to `target`, with the build's own version in them."""
    for name in names:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(repository / name, target / name)
    text = f'"""The version of this release, written by its build."""\n\n__version__ = "{version}"\n'
    (target / "src" / "att" / "_version.py").write_text(text)


def wheel(tree: Path, folder: Path, *, time: int, log: Path) -> Path:
    """Build ATT's wheel from an exported checkout into the new folder `folder`."""
    folder.mkdir()
    run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        timeout_seconds=300,
        log=log,
        cwd=tree,
        environment={"SOURCE_DATE_EPOCH": str(time)},
    )
    (built,) = folder.glob("*.whl")
    return built


def units(tree: Path, release: Path, installed: Path, version: str) -> None:
    """Write the release's .service files with the resolved paths of the release `installed`."""
    (release / "systemd").mkdir()
    for unit in sorted((tree / "systemd").glob("*")):
        if unit.suffix != ".service":
            raise CannotBuild(f"cannot ship systemd/{unit.name}: a release carries .service files alone")
        text = unit.read_text(encoding="utf-8").replace("@RELEASE@", str(installed)).replace("@VERSION@", version)
        (release / "systemd" / unit.name).write_text(text, encoding="utf-8")


def papers(tree: Path, release: Path, identity: Identity) -> None:
    """Copy what the upgrade engine reads, the licence, and write the bill of materials."""
    shutil.copytree(tree / "upgrade", release / "upgrade", ignore=shutil.ignore_patterns("__pycache__", "*.md"))
    shutil.copyfile(tree / LICENCE, release / LICENCE)
    locks = {"venv": tree / "locks" / "runtime.txt", "nat": tree / "locks" / "nat.txt"}
    venvs = [(site_packages(release / name), lock) for name, lock in locks.items() if (release / name).exists()]
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
    table = tomllib.loads((release / "upgrade" / "supported.toml").read_text(encoding="utf-8"))
    metadata = Metadata(
        product=facts.product.name,
        compatible=facts.product.compatible,
        architecture=facts.product.architecture,
        version=identity.version,
        build_time=datetime.fromtimestamp(identity.time, UTC),
        commit=identity.commit,
        from_versions=tuple(table["from_versions"]),
        requires=Requires(python=facts.product.python, **table["requires"]),
        database=database_of(release / "upgrade" / "migrations"),
        size=total_size(files),
        files=files,
    )
    check_metadata(metadata, facts)
    return metadata


def database_of(folder: Path) -> DatabaseSchema:
    """Return the schema that a release with these migrations writes."""
    steps = tuple(Step(version=m.version, min_reader=m.min_reader, change=m.change) for m in migrations(folder))
    ends = head(folder)
    return DatabaseSchema(version=ends.version, min_reader=ends.min_reader, change=steps[-1].change, steps=steps)


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
