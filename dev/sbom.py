"""`python -m dev.sbom` (`make sbom`): writes the bill of materials of the checkout's release to artifacts/."""

import sys
import tempfile
from pathlib import Path

from dev.bundle.buildroot import buildroot, cache_folder, locked
from dev.bundle.identity import CannotBuild, identify
from dev.bundle.sbom import bill_of_materials
from dev.bundle.venv import dependencies, find_uv, site_packages
from dev.vm.step import VmError, appliance_step, say

from att.kernel.errors import AttError

REPOSITORY = Path(__file__).resolve().parents[1]


def main() -> int:
    """Write att-<version>.sbom.json and print its path; the venvs are those that bundles are made of."""
    locks = [REPOSITORY / "locks" / name for name in ("runtime.txt", "nat.txt")]
    try:
        identity = identify(REPOSITORY, release=False)
        output = REPOSITORY / "artifacts" / f"att-{identity.version}.sbom.json"
        cache = cache_folder()
        with tempfile.TemporaryDirectory() as folder, locked(cache), appliance_step("sbom", output):
            log = Path(folder) / "log"
            root, uv = buildroot(cache, log), find_uv(REPOSITORY)
            venvs = [(site_packages(dependencies(root, lock, cache, uv, log)), lock) for lock in locks]
            output.parent.mkdir(exist_ok=True)
            output.write_bytes(bill_of_materials(venvs, version=identity.version, time=identity.time))
    except (CannotBuild, VmError, AttError) as error:
        sys.stderr.write(f"{error}\n")
        return 4
    say(str(output))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
