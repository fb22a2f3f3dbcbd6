"""Variants of one built release, derived in seconds: other version, files laid over it, signed again.

`CATALOGUE` holds the good and the bad ones of the upgrade tests. What a bad one does, it does in the running API only:
preflight's `--self-test` finds nothing, so that the health gate has to.
"""

import errno
import hashlib
import os
import py_compile
import shutil
import stat
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.fakes.overlays import (
    MIGRATIONS,
    SITE,
    Overlay,
    appended,
    dies_after_ready,
    in_the_running_api,
    more_migrations,
)

from att.appliance import facts
from att.release.bundle import open_bundle
from att.release.installed import read_metadata
from att.release.schema import COMPLETE, METADATA, SBOM, SIGNATURES, DatabaseSchema, File, Link, Metadata, Step
from att.release.trust import TrustRoot, keyid_of, sign_metadata
from att.release.writer import metadata_bytes, pack, total_size
from att.store.migrations import head, migrations

API_UNIT = "systemd/att-api.service"
ROUTER_UNIT = "systemd/att-router.service"
_QUICK = 1
"""zstd level: these bundles are made to be read once."""


def derive_bundle(
    base: Path,
    version: str,
    *,
    key: Ed25519PrivateKey,
    output: Path,
    overlay: Overlay | None = None,
    metadata: Mapping[str, Any] | None = None,
    thin: bool = False,
) -> Path:
    """Write the bundle of `version` made of the release or bundle `base` into the folder `output` and return it.

    `metadata` replaces fields of metadata.json after everything else. A changed `.py` gets a fresh `.pyc`. A thin one
    carries what `base` lacks.
    """
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output, prefix=".derive-") as work:
        source = base if base.is_dir() else unpacked(base, Path(work) / "base", key)
        release = Path(work) / "release"
        shutil.copytree(source, release, symlinks=True, copy_function=_link, ignore=_papers)
        old = read_metadata(source)
        # The overlay comes second: a change of a file's content sees the new version in it.
        layers: list[Overlay] = [_renamed(release, old.version, version), overlay or {}]
        touched = {name for layer in layers for path in layer for name in _lay(release, path, layer[path])}
        described = _described(release, old, touched)
        fields: dict[str, Any] = {"version": version, "files": described, "size": total_size(described)}
        fields["database"] = database_of(release / MIGRATIONS)
        raw = metadata_bytes(Metadata(**{**dict(old), **fields, **(metadata or {})}))
        bundle = output / f"att-{version}.attb"
        known = old.digests() if thin else set()
        pack(release, raw, sign_metadata(raw, [key]), bundle, level=_QUICK, known=known)
        return bundle


def unpacked(bundle: Path, target: Path, key: Ed25519PrivateKey) -> Path:
    """Unpack a bundle that `key` signed into the new folder `target` and return it."""
    trust = TrustRoot(keys={keyid_of(key.public_key()): key.public_key()})
    fd = os.open(bundle, os.O_RDONLY)
    try:
        open_bundle(fd, trust, facts()).unpack(target)
    finally:
        os.close(fd)
    return target


def database_of(folder: Path) -> DatabaseSchema:
    """Return what metadata.json says of these migrations."""
    known, ends = migrations(folder), head(folder)
    return DatabaseSchema(
        version=ends.version,
        min_reader=ends.min_reader,
        change=known[-1].change,
        steps=tuple(Step(version=one.version, min_reader=one.min_reader, change=one.change) for one in known),
    )


def _link(source: str, target: str) -> None:
    # Nothing below writes into a file: changed ones are replaced, so the base keeps its own.
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        shutil.copy2(source, target, follow_symlinks=False)


def _papers(folder: str, names: list[str]) -> set[str]:
    top = (Path(folder) / METADATA).exists()
    return {METADATA, SIGNATURES, COMPLETE} & set(names) if top else set()


def _renamed(release: Path, old: str, new: str) -> dict[str, bytes]:
    """Return the files whose bytes name the version."""
    named = [SBOM, f"{SITE}/att/_version.py"]
    named += [path.relative_to(release).as_posix() for path in (release / "systemd").glob("*.service")]
    return {path: (release / path).read_bytes().replace(old.encode(), new.encode()) for path in named}


def _lay(release: Path, path: str, content: bytes | Callable[[bytes], bytes] | None) -> list[str]:
    """Put one file of the overlay in its place and return the paths it touched."""
    file = release / path
    if callable(content):
        content = content(file.read_bytes())
    executable = file.exists() and bool(file.stat().st_mode & 0o111)
    file.unlink(missing_ok=True)
    compiled = _compiled(path)
    if compiled:
        (release / compiled).unlink(missing_ok=True)
    if content is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        file.chmod(0o555 if executable else 0o444)
        if compiled:
            _compile(file, path.removeprefix(SITE + "/"), release / compiled)
    return [path, compiled] if compiled else [path]


def _compiled(path: str) -> str | None:
    if not path.startswith(SITE) or not path.endswith(".py"):
        return None
    folder, _, name = path.rpartition("/")
    return f"{folder}/__pycache__/{name[:-3]}.cpython-313.pyc"


def _compile(source: Path, shown: str, target: Path) -> None:
    target.parent.mkdir(exist_ok=True)
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    py_compile.compile(str(source), cfile=str(target), dfile=shown, doraise=True, invalidation_mode=mode)
    target.chmod(0o444)


def _described(release: Path, old: Metadata, touched: set[str]) -> dict[str, File | Link]:
    files = {path: entry for path, entry in old.files.items() if path not in touched}
    for path in touched:
        file = release / path
        if file.exists():
            content = file.read_bytes()
            mode = "0555" if stat.S_IMODE(file.stat().st_mode) & 0o111 else "0444"
            digest = hashlib.sha256(content).hexdigest()
            files[path] = File.model_validate({"sha256": digest, "mode": mode, "size": len(content)})
    return files


@dataclass(frozen=True)
class Variant:
    """One release of the catalogue. `overlay` is made for the base release it is derived from.

    `outcome` is what an upgrade to it must end as: COMMITTED, ROLLED_BACK, or REFUSED (before anything is switched).
    """

    name: str
    outcome: str
    overlay: Callable[[Path], Overlay] = lambda _release: {}
    metadata: dict[str, Any] = field(default_factory=dict)
    migrations: tuple[str, ...] = ()
    """A migration of each class more than the base has."""
    also: str = ""
    """What the last of them does besides."""

    def derive(self, base: Path, version: str, *, key: Ed25519PrivateKey, output: Path, thin: bool = False) -> Path:
        """Write this variant of the unpacked release `base` as `version` and return the bundle."""
        overlay = {**self.overlay(base), **more_migrations(*self.migrations, also=self.also)(base)}
        return derive_bundle(base, version, key=key, output=output, overlay=overlay, metadata=self.metadata, thin=thin)


def _without_program(unit: bytes) -> bytes:
    return b"".join(line for line in unit.splitlines(keepends=True) if not line.startswith(b"ExecStart="))


def _with_failing_start(unit: bytes) -> bytes:
    return unit.replace(b"ExecStart=", b"ExecStartPre=/usr/bin/false\nExecStart=")


CATALOGUE = {
    variant.name: variant
    for variant in (
        Variant("good_none", "COMMITTED"),
        Variant("good_additive", "COMMITTED", migrations=("additive",)),
        Variant("good_breaking", "COMMITTED", migrations=("breaking",)),
        Variant("does_not_start", "ROLLED_BACK", in_the_running_api("import os\nos._exit(71)")),
        Variant("crash_loop", "ROLLED_BACK", dies_after_ready(0.3)),
        Variant("crashes_in_probation", "ROLLED_BACK", dies_after_ready(8)),
        Variant(
            "wrong_version",
            "ROLLED_BACK",
            appended(
                f"{SITE}/att/appliance/running.py",
                'if "--self-test" not in sys.orig_argv:\n\n    def running_release() -> str:\n        return "0.0.1"',
            ),
        ),
        Variant(
            "never_ready",
            "ROLLED_BACK",
            appended(
                f"{SITE}/att/surfaces/rest/health.py",
                """
async def _never_ready(self: Readiness) -> Ready:
    check = ReadyCheck(status="failed", detail="this release is never ready")
    return Ready(status="unavailable", release=self.release, checks={"variant": check})


Readiness.report = _never_ready  # type: ignore[method-assign]
""",
            ),
        ),
        Variant(
            "migration_fails",
            "REFUSED",
            # The machine may have the first of them already, from a good release.
            migrations=("additive", "additive"),
            also='raise RuntimeError("this migration fails on purpose")',
        ),
        # The manager does not load the first; the second it finds nothing wrong with until it starts.
        Variant("unit_broken", "ROLLED_BACK", lambda _release: {API_UNIT: _without_program}),
        Variant("unit_fails", "ROLLED_BACK", lambda _release: {API_UNIT: _with_failing_start}),
        # A service that otherwise waits to be asked.
        Variant("router_fails", "ROLLED_BACK", lambda _release: {ROUTER_UNIT: _with_failing_start}),
    )
}
"""By name; all but the good ones are bad. One whose migration fails ends before the switch, the others after it."""

BAD = tuple(name for name in CATALOGUE if not name.startswith("good_"))
