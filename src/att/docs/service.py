"""Reads the guide of the running release, in a checkout the checkout's own."""

from pathlib import Path

from att.appliance import release_root
from att.docs.decision import FOUND_MAX, lines_with, ordered, page_of
from att.docs.schema import Docs
from att.kernel.errors import NotFound

PAGE_BYTES_MAX = 1_000_000
_SUFFIX = ".md"


def guide_folder() -> Path:
    """Return the folder of the running release's guide."""
    carried = release_root() / "doc"
    return carried if carried.is_dir() else release_root() / "docs" / "guide"


def guide(folder: Path, page: str | None = None, search: str | None = None) -> Docs:
    """Return the list of pages, one page with its text, or the lines of one page or all that hold the words.

    Raises NotFound(page_unknown).
    """
    names = ordered(path.stem for path in folder.glob(f"*{_SUFFIX}"))
    if page is not None and page not in names:
        raise NotFound("page_unknown", f"cannot read the page {page}: the guide has no such page", field="page")
    texts = {name: _text(folder / f"{name}{_SUFFIX}") for name in names if page in (None, name)}
    pages = [page_of(name, text) for name, text in texts.items()]
    if search is not None:
        found = [line for name, text in texts.items() for line in lines_with(name, text, search)][:FOUND_MAX]
        return Docs(pages=[one for one in pages if any(line.page == one.name for line in found)], found=found)
    return Docs(pages=pages, text=texts[page] if page is not None else None)


def _text(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(PAGE_BYTES_MAX).decode("utf-8", "replace")
