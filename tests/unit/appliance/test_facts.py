import subprocess
import sys
from pathlib import Path

import pytest
from tests.where import ON_APPLIANCE

from att.appliance import facts, load_facts, release_root, running_release
from att.appliance.facts import VARIABLE, facts_file
from att.kernel.errors import Failed

SOURCE = Path(__file__).parents[3] / "appliance" / "appliance.toml"


def test_the_facts_of_the_checkout_are_read() -> None:
    found = load_facts(SOURCE)
    assert found.paths.releases == Path("/opt/att/releases")
    assert found.ports.appliance == 7443
    assert found.unit("att-api").socket_paths == (Path("/run/att/api.sock"),)
    assert found.unit("att-router").socket_paths == (Path("/run/att/router.sock"),)
    assert found.groups.keys() == {"att-operators", "att-engine"}


def test_the_facts_are_read_once() -> None:
    assert facts() is facts()


def test_an_unknown_unit_is_an_error() -> None:
    with pytest.raises(KeyError):
        load_facts(SOURCE).unit("att-none")


def test_rooted_facts_lie_below_the_root_and_keep_ports(tmp_path: Path) -> None:
    found = load_facts(SOURCE)
    moved = found.rooted(tmp_path)
    assert moved.paths.current == tmp_path / "opt/att/current"
    assert moved.root == tmp_path
    assert moved.unit("att-router").listen == (f"{tmp_path}/run/att/router.sock", "127.0.0.1:7444")
    assert all(path.is_relative_to(tmp_path) for path in vars(moved.paths).values())
    assert moved.limits == found.limits


def test_the_variable_names_another_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "other.toml"))
    assert facts_file() == tmp_path / "other.toml"


@pytest.mark.parametrize(
    "change",
    [
        ("[ports]", "[other]"),
        ("appliance = 7443", "appliance = "),
        ("router = 7444", "ruter = 7444"),
        ('name = "att-api"', 'title = "att-api"'),
    ],
)
def test_a_facts_file_that_does_not_fit_is_named(tmp_path: Path, change: tuple[str, str]) -> None:
    broken = tmp_path / "appliance.toml"
    broken.write_text(SOURCE.read_text(encoding="utf-8").replace(*change), encoding="utf-8")
    with pytest.raises(Failed, match=r"appliance\.toml"):
        load_facts(broken)


def test_a_missing_facts_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="none"):
        load_facts(tmp_path / "none.toml")


@pytest.mark.skipif(ON_APPLIANCE, reason="a release runs here")
def test_a_checkout_runs_the_next_version_of_its_own_root() -> None:
    assert release_root() == SOURCE.parents[1]
    assert running_release().endswith("+dev")


def test_a_release_is_where_its_metadata_lies_and_its_build_wrote_its_version(tmp_path: Path) -> None:
    (tmp_path / "metadata.json").touch()
    program = (
        "import sys, att._version; sys.prefix = sys.argv[1]; att._version.__version__ = '0.1.0.dev9+gabc'\n"
        "from att.appliance import release_root, running_release\n"
        "print(release_root(), running_release())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "venv")], capture_output=True, text=True, check=True, timeout=30
    )
    assert done.stdout.split() == [str(tmp_path), "0.1.0.dev9+gabc"]


def test_reading_the_facts_imports_nothing_heavy() -> None:
    program = (
        "import sys, att.appliance; att.appliance.facts(); print(len({'pydantic', 'cryptography'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.strip() == "0"
