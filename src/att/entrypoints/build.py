"""One job of building ATT on the appliance, in the unit `att-build@`: `python -m att.entrypoints.build FOLDER`.

What lies in the folder says which job it is: a pack is unpacked, sources are compiled.
"""

import sys
from pathlib import Path

from att.upgrade.building.compiling import compile_sources
from att.upgrade.building.job import PACK, PROBLEM, PROBLEM_BYTES_MAX, SOURCES, JobFailed
from att.upgrade.building.unpacking import unpack


def main(arguments: list[str] | None = None) -> int:
    """Do the job; 1 when it failed, and then the folder's `problem` says why."""
    (name,) = sys.argv[1:] if arguments is None else arguments
    folder = Path(name)
    try:
        if (folder / PACK).exists():
            unpack(folder)
        elif (folder / SOURCES).exists():
            compile_sources(folder)
        else:
            raise JobFailed("there is nothing to do")
    except JobFailed as error:
        (folder / PROBLEM).write_bytes(str(error).encode()[:PROBLEM_BYTES_MAX])
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
