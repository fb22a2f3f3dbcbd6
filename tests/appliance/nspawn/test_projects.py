"""Projects on real systemd, by attctl at the SSH door: each in its own slot, reached through the API."""

import pytest
from tests.appliance.box import settled
from tests.appliance.isolation import slot_of
from tests.appliance.nspawn.container import Container


@pytest.fixture(scope="module")
def project(appliance: Container) -> str:
    """A project of the operator's, named by its slug."""
    settled(appliance)
    made = appliance.told("project", "create", "My bot", "--template", "chatbot")
    assert made["status"] == "created"
    return str(made["slug"])


def test_a_projects_files_are_its_own_users(appliance: Container, project: str) -> None:
    own = f"p{slot_of(appliance, project):03}"
    work = f"/var/lib/att/projects/{own}/work"
    assert appliance.run("stat", "-c", "%U", f"{work}/configs/config.yml").stdout.strip() == f"att-{own}"
    assert appliance.run("ls", work, user="att", check=False).returncode != 0, "the API itself does not get in"
    listed = appliance.told("code", "tree", project, "--path", "configs")["entries"]
    assert "configs/config.yml" in {entry["path"] for entry in listed}


def test_a_change_is_written_committed_pushed_and_proposed(appliance: Container, project: str) -> None:
    appliance.write("/home/operator/README.md", "# My bot\n\nIt counts.\n")
    appliance.told("git", "branch", project, "greeting")
    appliance.told("code", "write", project, "README.md", "/home/operator/README.md")
    appliance.told("git", "commit", project, "--all", "--message", "docs: what it does")
    appliance.told("git", "push", project, "--wait")
    opened = appliance.told("git", "pr", "create", project, "--title", "What it does")
    assert (opened["head"], opened["base"], opened["state"]) == ("greeting", "main", "open")


def test_a_removed_project_leaves_an_empty_slot_to_the_next(appliance: Container, project: str) -> None:
    own = f"p{slot_of(appliance, project):03}"
    appliance.told("project", "delete", project, "--yes")
    assert appliance.run("find", f"/var/lib/att/projects/{own}", "-mindepth", "2").stdout == ""
    appliance.told("project", "create", "Another", "--template", "tool-server")
    assert slot_of(appliance, "another") == int(own[1:])
    readme = f"/var/lib/att/projects/{own}/work/README.md"
    assert appliance.run("stat", "-c", "%U", readme).stdout.strip() == f"att-{own}"
