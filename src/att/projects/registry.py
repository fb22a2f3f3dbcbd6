"""The registry of templates: one folder each, `template.toml` beside the files of the new project."""

import io
import re
import tarfile
import tomllib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from att.kernel.errors import Failed, InvalidInput

DESCRIPTION = "template.toml"
FILES = "files"
CACHES = frozenset({"__pycache__", ".hypothesis", ".mypy_cache", ".pytest_cache", ".ruff_cache"})
"""What linters and tests leave behind in a checkout."""

_ID = re.compile(r"^[a-z][a-z0-9-]{0,47}$")
_HERE = Path(__file__).resolve()


@dataclass(frozen=True)
class Template:
    """One template: what it says of itself, and its files."""

    id: str
    name: str
    version: str
    summary: str
    folder: Path

    @property
    def files(self) -> Path:
        """The folder whose content a new project begins with."""
        return self.folder / FILES

    @cached_property
    def archive(self) -> bytes:
        """The files as a tar, the same bytes each time."""
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for path in sorted(self.files.rglob("*")):
                if path.is_file() and not CACHES & set(path.relative_to(self.files).parts):
                    entry = tarfile.TarInfo(path.relative_to(self.files).as_posix())
                    entry.size, entry.mode = path.stat().st_size, 0o755 if path.stat().st_mode & 0o100 else 0o644
                    with path.open("rb") as file:
                        tar.addfile(entry, file)
        return packed.getvalue()


class Templates:
    """The templates of one folder, read once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @cached_property
    def _found(self) -> dict[str, Template]:
        found = [_read(path.parent) for path in sorted(self._folder.glob(f"*/{DESCRIPTION}"))]
        return {template.id: template for template in found}

    def all(self) -> list[Template]:
        """Return all templates, by id."""
        return list(self._found.values())

    def get(self, template_id: str) -> Template:
        """Return one template; InvalidInput(template_unknown) names those there are."""
        if template_id not in self._found:
            known = ", ".join(self._found)
            raise InvalidInput(
                "template_unknown",
                f"cannot use the template {template_id[:64]!r}: there are {known}",
                field="template",
            )
        return self._found[template_id]


def templates_folder() -> Path:
    """Return the folder of the installed package, else of the checkout."""
    installed = _HERE.with_name("templates")
    return installed if installed.is_dir() else _HERE.parents[3] / "templates"


def _read(folder: Path) -> Template:
    try:
        table = tomllib.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
        template = Template(folder.name, table["name"], table["version"], table["summary"], folder)
    except (OSError, ValueError, KeyError) as error:
        raise Failed("internal", f"cannot read the template {folder.name}: {error}") from error
    if not _ID.match(template.id) or not template.files.is_dir():
        raise Failed("internal", f"cannot read the template {folder.name}: its name or its files are missing")
    return template
