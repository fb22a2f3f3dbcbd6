import importlib
import importlib.metadata
import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from att_nat.package import PROJECT_BYTES_MAX, CannotOffer, offer, read_package
from att_nat.scratch import scratch

PROJECT = """\
[project]
name = "echo-app"
version = "0.1.0"
[project.entry-points."nat.components"]
echo = "echo_of_a_test.register"
[project.entry-points."other.group"]
x = "y:z"
"""


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    path, environment, folder = list(sys.path), dict(os.environ), tempfile.tempdir
    yield
    sys.path[:], tempfile.tempdir = path, folder
    os.environ.clear()
    os.environ.update(environment)


def make(folder: Path, text: str = PROJECT) -> Path:
    (folder / "src" / "echo_of_a_test").mkdir(parents=True)
    (folder / "src" / "echo_of_a_test" / "__init__.py").write_text("")
    (folder / "src" / "echo_of_a_test" / "register.py").write_text("LOADED = True\n")
    (folder / "pyproject.toml").write_text(text)
    return folder


def test_a_package_is_offered_as_if_it_were_installed(tmp_path: Path) -> None:
    package = read_package(make(tmp_path / "project"))
    assert package is not None
    assert list(package.plugins()) == [("echo", "echo_of_a_test.register")]
    offer(package, tmp_path / "scratch")
    (point,) = importlib.metadata.entry_points(group="nat.components", name="echo")
    assert point.load().LOADED is True
    assert point.dist is not None
    assert (point.dist.name, point.dist.version) == ("echo-app", "0.1.0")
    assert importlib.metadata.version("echo-app") == "0.1.0"
    assert "echo-app" in importlib.metadata.packages_distributions()["echo_of_a_test"]
    assert os.environ["PYTHONPATH"].split(os.pathsep)[:2] == [str(tmp_path / "scratch"), str(package.source)]


def test_a_flat_project_is_its_own_source(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    package = read_package(tmp_path)
    assert package is not None
    assert (package.source, package.version, package.entry_points) == (tmp_path.resolve(), "0", {})


def test_a_project_without_a_package_offers_nothing(tmp_path: Path) -> None:
    assert read_package(tmp_path) is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[project", "cannot read pyproject.toml"),
        ("project = 3", "entry-points"),
        ("[project]\nentry-points = 3", "entry-points"),
        ("[project.entry-points]\na = 3", "entry-points"),
        ("[project.entry-points.a]\nb = 3", "entry-points"),
        ('[project.entry-points.a]\nb = "x\\n[nat.cli]\\ny = z"', "entry-points"),
        ("#" * (PROJECT_BYTES_MAX + 1), "larger"),
    ],
)
def test_a_project_file_that_cannot_be_used_is_told(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(CannotOffer, match=why):
        read_package(make(tmp_path / "p", text))


def test_a_project_file_that_is_a_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").mkdir()
    with pytest.raises(CannotOffer, match="cannot read"):
        read_package(tmp_path)


def test_names_that_would_break_the_description_are_replaced(tmp_path: Path) -> None:
    package = read_package(make(tmp_path / "p", '[project]\nname = "a/../b"\nversion = "1\\n2"\n'))
    assert package is not None
    offer(package, tmp_path / "scratch")
    assert [path.name for path in (tmp_path / "scratch").iterdir()] == ["a_.._b-0.dist-info"]


def test_the_private_folder_is_only_this_users_and_goes_at_the_end() -> None:
    with scratch() as folder:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert Path(tempfile.mkdtemp()).is_relative_to(folder)
        assert Path(os.environ["TMPDIR"]).is_relative_to(folder)
    assert not folder.exists()
