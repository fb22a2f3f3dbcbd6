"""The one installer: `python -m att.release.install BUNDLE [--root ROOT]` for images, `stage` and `place` for upgrades.

Runs as root. Nothing of the bundle is executed.
"""

import argparse
import os
import secrets
import shutil
import sys
from pathlib import Path

from att.appliance import Facts, facts, load_facts
from att.kernel.errors import AttError, Conflict, InvalidInput
from att.release.bundle import Bundle, Progress, open_bundle
from att.release.installed import digest_of, is_complete
from att.release.schema import COMPLETE
from att.release.tree import disk_errors, sync_folder
from att.release.trust import load_trust

_STAGING = "staging-"


def install(bundle_fd: int, facts: Facts, *, make_current: bool) -> Path:
    """Check the bundle in `bundle_fd`, install its release and return its folder; the same release again is no change.

    `make_current` also points `current` at it. Left-overs of interrupted installations are removed first.
    """
    bundle = open_bundle(bundle_fd, load_trust(facts), facts)
    sweep_staging(facts)
    target = facts.paths.releases / bundle.metadata.version
    if not _is_there(target, bundle):
        target = place(stage(bundle, facts), bundle, facts)
    if make_current:
        switch_link(facts.paths.current, Path(os.path.relpath(target, facts.paths.current.parent)))
    return target


def stage(bundle: Bundle, facts: Facts, progress: Progress | None = None) -> Path:
    """Unpack the bundle into a new staging folder beside the journal and return it; on an error it is removed."""
    with disk_errors(facts.paths.journal):
        facts.paths.journal.mkdir(mode=0o700, parents=True, exist_ok=True)
    staging = facts.paths.journal / f"{_STAGING}{bundle.metadata.version}-{secrets.token_hex(4)}"
    try:
        bundle.unpack(staging, progress)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    return staging


def place(staging: Path, bundle: Bundle, facts: Facts) -> Path:
    """Move a staged release to its place, durably, and seal it; an incomplete one there before is replaced."""
    target = facts.paths.releases / bundle.metadata.version
    with disk_errors(target):
        facts.paths.releases.mkdir(mode=0o755, parents=True, exist_ok=True)
        if target.exists():
            if _is_there(target, bundle):
                shutil.rmtree(staging)
                return target
            shutil.rmtree(target)
        staging.rename(target)
        sync_folder(facts.paths.releases)
        seal(target, bundle.digest)
    return target


def seal(release: Path, digest: str) -> None:
    """Write `.complete`: from here on `release` counts as installed."""
    with disk_errors(release):
        temporary = release / f"{COMPLETE}.{secrets.token_hex(4)}"
        with temporary.open("w", encoding="ascii") as file:
            file.write(digest + "\n")
            file.flush()
            os.fchmod(file.fileno(), 0o444)
            os.fsync(file.fileno())
        temporary.rename(release / COMPLETE)
        sync_folder(release)


def switch_link(link: Path, target: Path) -> None:
    """Point the symbolic `link` at `target` in one step that a power cut cannot halve."""
    with disk_errors(link):
        temporary = link.with_name(f".{link.name}.{secrets.token_hex(4)}")
        temporary.symlink_to(target)
        temporary.rename(link)
        sync_folder(link.parent)


def _is_there(target: Path, bundle: Bundle) -> bool:
    """Say whether this very release is installed; Conflict when the version is, with other content."""
    if not is_complete(target):
        return False
    if digest_of(target) != bundle.digest:
        raise Conflict("version_same", f"cannot install {target.name}: it is there with other content")
    return True


def sweep_staging(facts: Facts) -> None:
    """Remove staging folders that an interrupted installation left."""
    for left in facts.paths.journal.glob(f"{_STAGING}*"):
        shutil.rmtree(left, ignore_errors=True)


def main(arguments: list[str] | None = None) -> int:
    """Install a bundle from the command line and make it current; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m att.release.install", description="Install a release bundle.")
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--root", type=Path, default=Path("/"), help="the root file system to install into")
    options = parser.parse_args(arguments)
    try:
        target = install_file(options.bundle, options.root)
    except AttError as error:
        sys.stderr.write(f"{error.code}: {error.detail}\n{error.hint}\n")
        return error.exit_code
    sys.stdout.write(f"{target}\n")
    return 0


def install_file(bundle: Path, root: Path) -> Path:
    """Install the bundle file into the root file system `root` by the facts that lie there, and make it current."""
    installed_facts = root / facts().paths.image.relative_to("/") / "appliance.toml"
    machine = load_facts(installed_facts) if installed_facts.exists() else facts()
    try:
        fd = os.open(bundle, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise InvalidInput("bundle_unreadable", f"cannot read {bundle}: {error.strerror}", field="bundle") from error
    try:
        return install(fd, machine.rooted(root.resolve()), make_current=True)
    finally:
        os.close(fd)


if __name__ == "__main__":
    raise SystemExit(main())
