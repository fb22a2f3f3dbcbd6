"""The templates that ship: complete, versioned, and clean by the linters of those who get them."""

import tomllib
from pathlib import Path

import pytest
import yaml
from tests.unit.projects.world import template

from att.kernel.errors import Failed, InvalidInput
from att.projects.registry import Template, Templates, templates_folder
from att.projects.service import CONFIG_PATH

SHIPPED = Templates(templates_folder()).all()
SUITES = ("unit", "property", "integration", "e2e")


def test_the_registry_has_the_templates_of_the_release() -> None:
    assert {one.id for one in SHIPPED} >= {"chatbot", "tool-server"}


@pytest.mark.parametrize("one", SHIPPED, ids=lambda one: one.id)
def test_a_template_has_a_config_a_package_tests_of_each_kind_checks_and_a_workflow(one: Template) -> None:
    config = yaml.safe_load((one.files / CONFIG_PATH).read_text())
    assert config["workflow"]["_type"]
    assert {llm["base_url"] for llm in config["llms"].values()} == {"${ATT_ROUTER_URL:-http://127.0.0.1:7444/v1}"}
    project = tomllib.loads((one.files / "pyproject.toml").read_text())["project"]
    (entry,) = project["entry-points"]["nat.components"].values()
    assert (one.files / "src" / Path(*entry.split("."))).with_suffix(".py").is_file()
    for suite in SUITES:
        assert list((one.files / "tests" / suite).glob("test_*.py")), suite
    assert yaml.safe_load((one.files / ".att/checks.yaml").read_text())["checks"]
    assert list((one.files / ".github/workflows").glob("*.yml"))


@pytest.mark.parametrize("one", SHIPPED, ids=lambda one: one.id)
def test_a_template_says_name_version_and_what_it_is(one: Template) -> None:
    assert one.name
    assert len(one.version.split(".")) == 3
    assert 10 < len(one.summary) < 120


@pytest.mark.parametrize("one", SHIPPED, ids=lambda one: one.id)
def test_a_template_packs_to_the_same_bytes_each_time(one: Template) -> None:
    again = Template(one.id, one.name, one.version, one.summary, one.folder)
    assert one.archive == again.archive
    assert len(one.archive) < 200_000


def test_a_template_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    template(tmp_path, "good")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad/template.toml").write_text('name = "Bad"\n')
    with pytest.raises(Failed, match="bad"):
        Templates(tmp_path).all()
    (tmp_path / "bad/template.toml").write_text('name = "Bad"\nversion = "1"\nsummary = "s"\n')
    with pytest.raises(Failed, match="files are missing"):
        Templates(tmp_path).all()


def test_an_unknown_template_is_refused(tmp_path: Path) -> None:
    template(tmp_path, "good")
    with pytest.raises(InvalidInput, match="there are good"):
        Templates(tmp_path).get("../good")
