"""Runs in the appliance as root, as its engine would: takes the seed apart and makes the next release, prints JSON.

What it makes of no change at all is the running release under another version.
"""

import json
import os
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from att.appliance import facts, release_root
from att.kernel.errors import AttError
from att.release.bundle import open_bundle
from att.release.installed import read_metadata
from att.release.trust import load_signing_key, load_trust
from att.upgrade.approvals.schema import Provenance
from att.upgrade.building.launched import LaunchedTasks
from att.upgrade.building.workshop import Workshop


def git(repository: str, *words: str, given: bytes = b"") -> bytes:
    command = ["git", "--git-dir", repository, *words]
    return subprocess.run(command, input=given, check=True, capture_output=True, timeout=120).stdout


def pack_of(repository: str, base: str, head: str) -> bytes:
    since = git(repository, "rev-list", "--objects", head, f"^{base}")
    whole = git(repository, "rev-list", "--objects", "--no-walk", base)
    names = {line.split(b" ")[0] for line in [*since.splitlines(), *whole.splitlines()]}
    return git(repository, "pack-objects", "--stdout", "-q", given=b"\n".join(sorted(names)) + b"\n")


def main(version: str) -> dict[str, Any]:
    where, running = facts(), release_root()
    base = read_metadata(running).commit
    workshop = Workshop(where, LaunchedTasks(where.unit("att-launcher").socket_paths[0]))
    with tempfile.TemporaryDirectory() as folder:
        repository = f"{folder}/seed.git"
        git(repository, "clone", "-q", "--bare", str(where.paths.seed / "att.bundle"), repository)
        (Path(folder) / "pack").write_bytes(pack_of(repository, base, base))
        fd = os.open(f"{folder}/pack", os.O_RDONLY)
        sources = workshop.unpack(fd, base=base, head=base)
    told: dict[str, Any] = {"commits": len(sources.commits), "files": len(sources.tree)}
    provenance = Provenance(
        number=1,
        commit=base,
        head=base,
        tree="0" * 64,
        base=base,
        approval="required",
        job="job_1",
        at=datetime.now(UTC),
    )
    key = load_signing_key(where.paths.local_trust / "appliance.key")
    try:
        bundle = workshop.make(sources, running=running, version=version, provenance=provenance, key=key)
    except AttError as error:
        told["refused"] = error.code
    else:
        with bundle.open("rb") as file:
            made = open_bundle(file.fileno(), load_trust(where), where)
            made.verify()
        told |= {"made": made.metadata.version, "local": made.signers.local}
    sources.close()
    return {**told, "left": sorted(path.name for path in (where.paths.upgrade_state / "building").iterdir())}


if __name__ == "__main__":
    json.dump(main(sys.argv[1]), sys.stdout)
