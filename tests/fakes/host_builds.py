"""A small ATT in a repository, and its releases as the build host makes them, without venvs that take minutes."""

import io
import shutil
import tarfile
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from dev.bundle import assemble
from dev.bundle.identity import INPUTS, Identity
from tests.fakes.repositories import Repository

from att.appliance import Facts
from att.release.bytecode import compile_packages
from att.release.install import seal
from att.release.installed import digest_of
from att.release.own import LOCKS, site_of
from att.release.schema import METADATA, SIGNATURES
from att.release.trust import sign_metadata
from att.release.writer import metadata_bytes

LOCK = f"fastapi==1.0 \\\n    --hash=sha256:{'a' * 64}\n"
SMALL: dict[str, bytes] = {
    "LICENSE": b"Apache-2.0\n",
    "locks/runtime.txt": LOCK.encode(),
    "locks/nat.txt": LOCK.replace("fastapi", "nvidia-nat").encode(),
    "appliance/appliance.toml": b"[product]\n",
    "appliance/stage0/att_stage0/__init__.py": b'"""Stage 0."""\n',
    "appliance/stage0/recover": b"#!/bin/sh\n",
    "src/att/__init__.py": b'"""ATT."""\n',
    "src/att/_version.py": b'__version__ = "0.1.0"\n',
    "src/att/words.py": b'def greeting() -> str:\n    """Say it."""\n    return "hello to you"\n',
    "src/att/gone.py": b"GONE = 1\n",
    "src/att_nat/__init__.py": b'"""In NAT\'s venv."""\n',
    "src/console/index.html": b"<!doctype html>\n",
    "src/console/src/a.test.ts": b"test\n",
    "schemas/openapi.json": b"{}\n",
    "systemd/att-api.service": b"[Unit]\nDescription=@VERSION@\n[Service]\nExecStart=@RELEASE@/venv/bin/python -m a\n",
    "templates/chatbot/files/src/app.py": b"APP = 1\n",
    "templates/chatbot/template.toml": b'name = "chatbot"\n',
    "upgrade/README.md": b"words\n",
    "upgrade/gates.toml": b"[gate]\n",
    "upgrade/migrations/versions/0001_first.py": b'CLASS = "additive"\nMIN_READER = 1\n',
    "upgrade/supported.toml": b'from_versions = [">=0.1.0.dev0"]\n[requires]\ncontract = 1\nstage0 = 1\n',
    "tests/unit/test_words.py": b"def test() -> None: ...\n",
}


def host_release(repository: Repository, commit: str, version: str, where: Facts, *, nat: bool, folder: Path) -> Path:
    """Make the release of a commit in `folder`, with the build host's own code, and return it.

    What its locks and console would bring is a handful of files that are always the same.
    """
    tree, release = folder / "tree", folder / "releases" / version
    shutil.rmtree(folder, ignore_errors=True)
    tree.mkdir(parents=True)
    with tarfile.open(fileobj=io.BytesIO(repository.raw("archive", commit))) as archive:
        archive.extractall(tree, [member for member in archive if member.isfile()], filter="data")
    names = sorted(
        path.relative_to(tree).as_posix()
        for path in tree.rglob("*")
        if path.is_file() and path.relative_to(tree).as_posix().startswith(INPUTS)
    )
    _foreign(release, nat=nat)
    assemble.own(tree, names, release, where.paths.releases / version, nat=nat)
    for venv, packages in (("venv", ["att", "att_stage0"]), ("nat", ["att_nat"])):
        if (release / venv).exists():
            compile_packages(release / site_of(venv, "3.13"), packages)
    time = int(repository.git("log", "-1", "--format=%ct", commit))
    identity = Identity(version=version, commit=commit, time=time, dirty=False, nat=nat)
    assemble.bill(tree, release, identity)
    assemble.normalise(release, time)
    return release


def installed(release: Path, commit: str, time: int, where: Facts, key: Ed25519PrivateKey) -> Path:
    """Install what `host_release` made, signed with `key`, and return its folder."""
    identity = Identity(version=release.name, commit=commit, time=time, dirty=False)
    raw = metadata_bytes(assemble.describe_release(release, identity, where))
    target = where.paths.releases / release.name
    shutil.copytree(release, target, symlinks=True)
    (target / METADATA).write_bytes(raw)
    (target / SIGNATURES).write_bytes(sign_metadata(raw, [key]))
    seal(target, digest_of(target))
    return target


def _foreign(release: Path, *, nat: bool) -> None:
    for venv, package in (("venv", "fastapi"), ("nat", "nvidia_nat")) if nat else (("venv", "fastapi"),):
        site = release / site_of(venv, "3.13")
        (site / package).mkdir(parents=True)
        (site / package / "__init__.py").write_text(f'"""{package}."""\n')
        (site / f"{package}-1.0.dist-info").mkdir()
        told = f"Metadata-Version: 2.4\nName: {package}\nVersion: 1.0\n"
        (site / f"{package}-1.0.dist-info" / "METADATA").write_text(told)
        (release / venv / "bin").mkdir()
        (release / venv / "bin" / "python").symlink_to("/usr/bin/python3.13")
    (release / "console").mkdir()
    (release / "console" / "index.html").write_text("<!doctype html>built\n")


assert set(LOCKS.values()) <= set(SMALL)
