"""What holds for any path and any content: nothing outside is reached, what was written is read, and found."""

import base64
import ctypes
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from att.kernel.errors import AttError
from att.workspace import verbs

LIBC, AT_FDCWD, RENAME_EXCHANGE = ctypes.CDLL(None), -100, 2
TEXT = st.characters(exclude_categories=["Cs"])
SECRET = "what nobody may read"
NAMES = st.one_of(
    st.sampled_from(
        ["..", ".", "", "a", "b", "out", "deep", "up", "abs", "proc", "self", "root", ".git", "~", "secret"]
    ),
    st.text(TEXT, max_size=12),
    st.sampled_from(["..\\", "%2e%2e", "..;", "\u2025", "\uff0e\uff0e", ".. ", "\x00", "x" * 300, "\ud800", "\udcff"]),
)
PATHS = st.builds(
    lambda start, names: start + "/".join(names),
    st.sampled_from(["", "/", "//", "./"]),
    st.lists(NAMES, min_size=1, max_size=6),
)


@contextmanager
def world() -> Iterator[Path]:
    """A worktree full of links, beside a folder that must stay as it is."""
    with tempfile.TemporaryDirectory() as name:
        top = Path(name)
        (top / "outside").mkdir()
        (top / "outside" / "secret").write_text(SECRET)
        root = top / "work"
        (root / "a" / "deep").mkdir(parents=True)
        (root / "a" / "b").write_text("inside")
        for link, target in {
            "out": "../outside",
            "abs": str(top / "outside"),
            "up": "..",
            "proc": "/proc/self/cwd",
            "root": "/",
            "a/secret": "../../outside/secret",
            "a/self": ".",
            "a/up": "../a",
        }.items():
            (root / link).symlink_to(target)
        yield root


def untouched(root: Path) -> bool:
    top = root.parent
    return sorted(path.name for path in top.iterdir()) == ["outside", "work"] and {
        path.name: path.read_text() for path in (top / "outside").iterdir()
    } == {"secret": SECRET}


def attempt(root: Path, verb: str, **arguments: Any) -> Any:
    try:
        return verbs.find(verb)(root, arguments)
    except AttError as error:
        return error.code


@given(path=PATHS, other=PATHS)
@settings(max_examples=120)
def test_no_path_reaches_what_is_outside_the_project(path: str, other: str) -> None:
    with world() as root:
        found = attempt(root, "files.read", path=path)
        assert isinstance(found, str) or SECRET not in found["content"]
        changes: dict[str, dict[str, Any]] = {
            "files.write": {"content": "overwritten"},
            "files.move": {"target": other, "overwrite": True},
            "files.delete": {"recursive": True},
        }
        for verb, more in changes.items():
            attempt(root, verb, path=path, **more)
            assert untouched(root), verb
        attempt(root, "files.write", path="mine", content="x")
        attempt(root, "files.move", path="mine", target=path, overwrite=True)
        assert untouched(root)


@given(path=PATHS)
@settings(max_examples=50)
def test_no_tree_lists_what_is_outside_the_project(path: str) -> None:
    with world() as root:
        found = attempt(root, "tree.entries", path=path, hidden=True)
        assert isinstance(found, str) or not [one for one in found["entries"] if "outside" in one["path"]]


@given(content=st.binary(max_size=4096))
def test_what_was_written_is_read_again(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        attempt(root, "files.write", path="a/b", content=base64.b64encode(content).decode(), encoding="base64")
        found = attempt(root, "files.read", path="a/b")
    read = found["content"].encode() if found["encoding"] == "utf-8" else base64.b64decode(found["content"])
    assert read == content


@given(content=st.text(TEXT, max_size=500))
def test_text_that_was_written_is_read_again_as_the_same_text(content: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        attempt(Path(name), "files.write", path="a", content=content)
        found = attempt(Path(name), "files.read", path="a")
    assert found["content"] == content or (found["encoding"] == "base64" and "\0" in content)


@given(data=st.data())
@settings(max_examples=15)
def test_a_search_finds_any_part_of_a_line_that_was_written(data: st.DataObject) -> None:
    line = data.draw(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\0"), min_size=1))
    start = data.draw(st.integers(0, len(line) - 1))
    part = line[start : data.draw(st.integers(start + 1, len(line)))]
    with tempfile.TemporaryDirectory() as name:
        attempt(Path(name), "files.write", path="a.txt", content=f"before\n{line}\nafter")
        found = attempt(Path(name), "search.lines", query=part)
    assert (2, line.index(part) + 1) in {(match["line"], match["column"]) for match in found["matches"]}


def test_a_folder_that_is_swapped_for_a_link_meanwhile_leads_nobody_out() -> None:
    with world() as root:
        folder, link = root / "swap", root / "link"
        folder.mkdir()
        (folder / "secret").write_text("inside")
        link.symlink_to("../outside")
        over = threading.Event()

        def swap() -> None:
            while not over.is_set():
                assert LIBC.renameat2(AT_FDCWD, bytes(folder), AT_FDCWD, bytes(link), RENAME_EXCHANGE) == 0

        racing = threading.Thread(target=swap)
        racing.start()
        try:
            reads = [attempt(root, "files.read", path="swap/secret") for _ in range(1000)]
            for number in range(300):
                attempt(root, "files.write", path=f"swap/new{number}", content="x")
                attempt(root, "files.write", path="swap/secret", content="overwritten")
                attempt(root, "files.delete", path="swap/secret")
                attempt(root, "files.move", path="a/b", target="swap/b")
                attempt(root, "files.move", path="swap/b", target="a/b")
            attempt(root, "tree.entries")
        finally:
            over.set()
            racing.join()
        assert untouched(root)
        contents = {found["content"] for found in reads if not isinstance(found, str)}
        assert contents == {"inside"}
        assert {found for found in reads if isinstance(found, str)} <= {"path_outside", "file_unknown"}


def test_whoever_reads_while_a_file_is_written_sees_a_whole_content() -> None:
    with tempfile.TemporaryDirectory() as name:
        root, size = Path(name), 200_000
        attempt(root, "files.write", path="a", content="x" * size)
        seen, over = set[str](), threading.Event()

        def look() -> None:
            while not over.is_set():
                text = (root / "a").read_text()
                seen.add(f"{text[:1]}{len(text)}" if len(set(text)) == 1 else "torn")

        looking = threading.Thread(target=look)
        looking.start()
        try:
            for number in range(100):
                attempt(root, "files.write", path="a", content="xy"[number % 2] * size)
        finally:
            over.set()
            looking.join()
        assert seen <= {f"x{size}", f"y{size}"}
        assert [entry.name for entry in root.iterdir()] == ["a"]
