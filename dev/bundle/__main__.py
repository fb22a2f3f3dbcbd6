"""`python -m dev.bundle [--output FOLDER] [--thin-for BUNDLE]`: builds `att-<version>.attb` with checksum and SBOM.

Reads ATT_SIGNING_KEY (PEM Ed25519 private key file; without it a key made once under ~/.config/att), ATT_RELEASE=1
(a release build: clean checkout, key demanded), ATT_LEAN=1 (without NAT's venv, for tests) and ATT_CACHE (what is kept
between builds).
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from dev.bundle import assemble
from dev.bundle.buildroot import buildroot, cache_folder, locked, run_inside
from dev.bundle.console import console
from dev.bundle.identity import CannotBuild, Identity, identify, input_files
from dev.bundle.venv import compile_own, dependencies, find_uv, nat_venv
from dev.vm.step import VmError, appliance_step, say

from att.appliance import load_facts
from att.kernel.errors import AttError
from att.release.schema import SBOM

REPOSITORY = Path(__file__).resolve().parents[2]


def main(arguments: list[str]) -> int:
    """Build, print the steps and the path of the bundle, return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m dev.bundle", description="Build the signed release bundle.")
    parser.add_argument("--output", type=Path, default=REPOSITORY / "artifacts", help="folder for the results")
    parser.add_argument("--thin-for", type=Path, metavar="BUNDLE", help="leave out what this earlier bundle carries")
    options = parser.parse_args(arguments)
    release = os.environ.get("ATT_RELEASE") == "1"
    try:
        key = signing_key(release=release)
        identity = identify(REPOSITORY, release=release)
        bundle = build(identity, key, options.output.resolve(), thin_for=options.thin_for)
    except (CannotBuild, VmError, AttError) as error:
        sys.stderr.write(f"{error}\n")
        return 4
    say(str(bundle))
    return 0


def signing_key(*, release: bool) -> Path:
    """Return the file of the key to sign with; one is made where none is given and this is no release build."""
    named = os.environ.get("ATT_SIGNING_KEY")
    if named:
        return Path(named)
    if release:
        raise CannotBuild("cannot build a release: set ATT_SIGNING_KEY to the file of its key")
    own = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "att" / "signing.pem"
    if not own.exists():
        assemble.make_key(own)
    return own


def build(identity: Identity, key: Path, output: Path, *, thin_for: Path | None = None) -> Path:
    """Build the bundle of the checkout into `output`; the same inputs and key give the same bytes.

    With `thin_for` it carries what that bundle lacks, and says so in its name: it fits where that one is installed.
    """
    started = time.monotonic()
    output.mkdir(parents=True, exist_ok=True)
    cache = cache_folder()
    log = output / "bundle.log"
    log.write_bytes(b"")
    base = assemble.metadata_in(thin_for, key) if thin_for else None
    thin = f".thin-for-{base.version}" if base else ""
    bundle = output / f"att-{identity.version}{thin}.attb"
    with tempfile.TemporaryDirectory(prefix="build-", dir=cache) as work:
        release = make_release(identity, cache, Path(work), log)
        with appliance_step("bundle.pack", bundle) as step:
            metadata = assemble.describe_release(release, identity, load_facts(_facts_file()))
            digest = assemble.sign_and_pack(release, metadata, key, bundle, base=base)
            shutil.copyfile(release / SBOM, output / f"att-{identity.version}.sbom.json")
            size = bundle.stat().st_size / 1e6
            files = assemble.count_files(metadata)
            step.notes = f"{size:.1f} MB, {files} files of {metadata.size / 1e6:.0f} MB, sha256 {digest}"
    say(f"bundle built in {time.monotonic() - started:.1f} s")
    return bundle


def make_release(identity: Identity, cache: Path, work: Path, log: Path) -> Path:
    """Put the release together in `work`, as it will lie under the releases folder, and return it."""
    tree = work / "tree"
    release = work / "releases" / identity.version
    release.mkdir(parents=True)
    uv = find_uv(REPOSITORY)
    with locked(cache), appliance_step("bundle.root") as step:
        root = buildroot(cache, log)
        step.artifact = str(root)
    with locked(cache), appliance_step("bundle.dependencies") as step:
        layer = dependencies(root, REPOSITORY / "locks" / "runtime.txt", cache, uv, log)
        step.artifact = str(layer)
    if identity.nat:
        with locked(cache), appliance_step("bundle.nat") as step:
            nat = dependencies(root, REPOSITORY / "locks" / "nat.txt", cache, uv, log)
            nat_venv(nat, release)
            step.artifact = str(nat)
    with appliance_step("bundle.att") as step:
        names = input_files(REPOSITORY)
        assemble.export(REPOSITORY, names, tree)
        shutil.copytree(layer, release / "venv", symlinks=True)
        installed = load_facts(_facts_file()).paths.releases / identity.version
        assemble.own(tree, names, release, installed, nat=identity.nat)
        compile_own(release, root=root, build=tree, uv=uv, log=log)
        step.notes = identity.version
    with locked(cache), appliance_step("bundle.console") as step:
        built = console(tree, cache, Path(sys.executable).parent, log)
        step.notes = str(built) if built else "the checkout has none"
        if built:
            shutil.copytree(built, release / "console")
    with appliance_step("bundle.assemble"):
        assemble.bill(tree, release, identity)
        assemble.normalise(release, identity.time)
    with appliance_step("bundle.check") as step:
        modules = assemble.programs(release)
        imports = "; ".join(f"import {module}" for module in [*modules, "att.release.install"])
        command = [f"{installed}/venv/bin/python", "-P", "-B", "-c", imports]
        run_inside(root, command, releases=release.parent, build=tree, tool=uv.parent, log=log)
        step.notes = f"{len(modules)} programs import"
    if identity.nat:
        with appliance_step("bundle.check-nat") as step:
            loads = "from att_nat.registry import discover; failed = discover()[1]; raise SystemExit(failed or 0)"
            command = [f"{installed}/nat/bin/python", "-P", "-B", "-W", "ignore", "-c", loads]
            run_inside(root, command, releases=release.parent, build=tree, tool=uv.parent, log=log)
            step.notes = "every plugin loads"
    return release


def _facts_file() -> Path:
    return REPOSITORY / "appliance" / "appliance.toml"


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
