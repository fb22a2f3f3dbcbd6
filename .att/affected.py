"""`python .att/affected.py CHECKOUT [RELEASE]`: prints the folders of tests of the rooms that differ from the release.

A room is a folder of src/att; it differs when a file of it is not what the running release carries, byte for byte, or
is there on one side alone; the templates of projects lie beside src and are built into their room. The ground's tests
and those of ATT's change of itself always run. Without a release to compare with, all do.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

ALWAYS = ("kernel", "bootstrap")
BUILT = ("appliance.toml",)
TEMPLATES = "templates"
SITE = f"venv/lib/python3.{sys.version_info.minor}/site-packages"


def sources(package: Path) -> dict[str, bytes]:
    """Return the sources below a package: what was compiled of them is no difference, nor what its build put there."""
    found = (path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    named = ((path.relative_to(package), path) for path in found)
    return {
        name.as_posix(): path.read_bytes()
        for name, path in named
        if name.as_posix() not in BUILT and name.parts[0] != TEMPLATES
    }


def affected(checkout: Path, release: Path) -> Iterator[str]:
    """Yield the folders of tests to run, those that are there."""
    tests = checkout / "tests" / "unit"
    there = {folder.name for folder in tests.iterdir() if folder.is_dir()}
    ours, theirs = checkout / "src" / "att", release / SITE / "att"
    if theirs.is_dir():
        rooms = {path.name for root in (ours, theirs) for path in root.iterdir() if path.is_dir()}
        differ = {room for room in rooms if sources(ours / room) != sources(theirs / room)}
        if sources(checkout / TEMPLATES) != sources(theirs / "projects" / TEMPLATES):
            differ.add("projects")
        there &= differ | set(ALWAYS)
    for name in sorted(there - {"__pycache__"}):
        yield f"tests/unit/{name}"


if __name__ == "__main__":
    running = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(sys.prefix).parent
    sys.stdout.writelines(f"{folder}\n" for folder in affected(Path(sys.argv[1]), running))
