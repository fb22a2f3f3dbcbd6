"""Rules for the paths and links of a release: pure; each broken rule answers with its own code.

A path is relative to the release, at most what a plain tar header holds, in one spelling on every file system.
"""

import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

PATH_BYTES_MAX = 255
_PYTHON_LINK = "/usr/bin/python"


def path_defect(path: str) -> tuple[str, str] | None:
    """Return (code, reason) when no release may hold `path`, else None."""
    if path.startswith("/"):
        return "bundle_member_absolute", f"the path {_shown(path)} is absolute"
    parts = path.split("/")
    if ".." in parts:
        return "bundle_member_climbs", f"the path {_shown(path)} climbs out of the release"
    if len(path.encode(errors="replace")) > PATH_BYTES_MAX:
        return "bundle_path_too_long", f"the path {_shown(path)} has more than {PATH_BYTES_MAX} bytes"
    if "" in parts or "." in parts:
        return "bundle_member_name", f"the path {_shown(path)} is not in its plain form"
    if unicodedata.normalize("NFC", path) != path or any(unicodedata.category(char)[0] == "C" for char in path):
        return "bundle_member_name", f"the path {_shown(path)} has control or decomposed characters"
    if "\\" in path:
        return "bundle_member_name", f"the path {_shown(path)} has a backslash"
    return None


def folded(path: str) -> str:
    """Return the form in which paths must differ, so that no file system takes two for one."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", path).casefold())


def tree_defect(files: Iterable[str], links: Mapping[str, str], *, python: str) -> tuple[str, str] | None:
    """Return (code, reason) when these files and links (path → target) do not make one tree that stays inside itself.

    `python` is the interpreter's version (`3.13`): a venv's link to `/usr/bin/python<version>` is the one way out.
    """
    paths = [*files, *links]
    folders: set[str] = set()
    seen: dict[str, str] = {}
    for path in paths:
        defect = path_defect(path)
        if defect:
            return defect
        other = seen.setdefault(folded(path), path)
        if other != path:
            return (
                "bundle_member_folds",
                f"the paths {_shown(other)} and {_shown(path)} differ only in case or spelling",
            )
        folders.update(_parents(path))
    defect = _folder_defect(paths, folders, links)
    if defect:
        return defect
    for path, target in links.items():
        if not _stays_inside(path, target, set(paths) | folders, links, python):
            return "bundle_member_link", f"the link {_shown(path)} to {_shown(target)} leaves what the bundle lists"
    return None


def _folder_defect(paths: list[str], folders: set[str], links: Mapping[str, str]) -> tuple[str, str] | None:
    spelt: dict[str, str] = {}
    for folder in sorted(folders):
        other = spelt.setdefault(folded(folder), folder)
        if other != folder:
            return "bundle_member_folds", f"the folders {_shown(other)} and {_shown(folder)} differ only in spelling"
    for path in paths:
        if path in folders and path in links:
            return "bundle_member_link", f"a file lies below the link {_shown(path)}"
        if folded(path) in spelt:
            return "bundle_member_folds", f"the path {_shown(path)} is a file and a folder"
    return None


def _stays_inside(path: str, target: str, known: set[str], links: Mapping[str, str], python: str) -> bool:
    if target == _PYTHON_LINK + python:
        return PurePosixPath(path).parent.name == "bin" and PurePosixPath(path).name.startswith("python")
    if not target or target.startswith("/"):
        return False
    at = path.split("/")[:-1]
    for part in target.split("/"):
        if part in ("", "."):
            return False
        if part == "..":
            if not at:
                return False
            at.pop()
            continue
        # A link on the way could bend the rest of the target outwards: only the last step may be one.
        if "/".join(at) in links:
            return False
        at.append(part)
    return "/".join(at) in known and "/".join(at) != path


def _parents(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:end]) for end in range(1, len(parts))]


def _shown(path: str) -> str:
    return repr(path if len(path) <= 80 else path[:77] + "...")
