"""What of ATT's own repository a release carries, and where: one rule for the build host and for the appliance.

Everything else in a release is made of its locks and of the console's sources. Pure.
"""

from collections.abc import Iterable
from pathlib import Path

from att.release.schema import LICENCE, PROVENANCE, SBOM

VERSION_MODULE = "src/att/_version.py"
LOCKS = {"venv": "locks/runtime.txt", "nat": "locks/nat.txt"}
"""What each venv of a release is made of."""
_PACKAGES = {
    "src/att/": ("venv", "att/"),
    "appliance/stage0/att_stage0/": ("venv", "att_stage0/"),
    "appliance/appliance.toml": ("venv", "att/appliance/appliance.toml"),
    "templates/": ("venv", "att/projects/templates/"),
    "src/att_nat/": ("nat", "att_nat/"),
}
_UNITS = "systemd/"
_GUIDE = ("docs/guide/", "doc/")
"""The guide of the appliance: its pages, and the man page of attctl."""
_UPGRADE = "upgrade/"
_CONSOLE = "src/console/"
_NOT_BUILT = (".d.ts", ".test.ts", ".test.tsx", ".md")
"""Types and tests of the console: nothing of them is in what is built."""
_SUFFIXES_LEFT_OUT = (".pyc", ".pyo", ".pyd")


def site_of(venv: str, python: str) -> str:
    """Return the folder of a venv's packages; `python` is the interpreter's version (`3.13`)."""
    return f"{venv}/lib/python{python}/site-packages"


def place_of(path: str, *, python: str, nat: bool) -> str | None:
    """Return where a release has the repository's file `path`, None where it carries no such file.

    `nat` says whether the release has NAT's venv. ValueError for a unit that no release may bring.
    """
    if "__pycache__/" in path or path.endswith(_SUFFIXES_LEFT_OUT):
        return None
    for source, (venv, package) in _PACKAGES.items():
        if path == source or (source.endswith("/") and path.startswith(source)):
            carried = venv == "venv" or nat
            return f"{site_of(venv, python)}/{package}{path.removeprefix(source)}" if carried else None
    if path.startswith(_GUIDE[0]):
        return _GUIDE[1] + path.removeprefix(_GUIDE[0])
    if path.startswith(_UNITS):
        if path.count("/") > 1 or not path.endswith(".service"):
            raise ValueError(f"cannot ship {path}: a release carries .service files alone")
        return path
    if path == LICENCE or (path.startswith(_UPGRADE) and not path.endswith(".md")):
        return path
    return None


def is_own(place: str, *, python: str) -> bool:
    """Say whether a path of a release is made of ATT's own repository, or written by its build."""
    folders = [f"{site_of(venv, python)}/{package}" for venv, package in _PACKAGES.values() if package.count("/") == 1]
    return place in (LICENCE, SBOM, PROVENANCE) or place.startswith((*folders, _UNITS, _UPGRADE, _GUIDE[1]))


def content_of(path: str, content: bytes, *, installed: Path, version: str) -> bytes:
    """Return what a release holds of the repository's file `path`, which has that `content` there.

    `installed` is the folder of the release on the appliance, `version` what it is called. ValueError for a unit that
    is not in UTF-8.
    """
    if path == VERSION_MODULE:
        return f'"""The version of this release, written by its build."""\n\n__version__ = "{version}"\n'.encode()
    if path.startswith(_UNITS):
        return content.decode("utf-8").replace("@RELEASE@", str(installed)).replace("@VERSION@", version).encode()
    return content


def shown_name(place: str, *, python: str) -> str | None:
    """Return the name that the bytecode of the release's file `place` says, None for what is not compiled."""
    for venv in LOCKS:
        site = site_of(venv, python) + "/"
        if place.startswith(site) and place.endswith(".py"):
            return place.removeprefix(site)
    return None


def console_inputs(paths: Iterable[str]) -> list[str]:
    """Return those of the repository's `paths` that the web console is built from, sorted."""
    return sorted(path for path in paths if path.startswith(_CONSOLE) and not path.endswith(_NOT_BUILT))
