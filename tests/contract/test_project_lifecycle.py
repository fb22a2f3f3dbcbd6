"""Projects as a client meets them: made, read, carried away and back, cloned, removed; real sandboxes, real git."""

import io
import tarfile
import time
from collections.abc import Callable, Iterator
from typing import Any

import anyio
import httpx
import pytest
from mcp import types
from tests.contract.conftest import Running
from tests.contract.test_operations import mcp_session

JOB_SECONDS_MAX = 50
PROJECTS = "/api/v1/projects"
Make = Callable[..., dict[str, Any]]

pytestmark = pytest.mark.timeout(180)


def delete(http: httpx.Client, project_id: str) -> httpx.Response:
    asked = http.delete(f"{PROJECTS}/{project_id}")
    confirmation = asked.json().get("data", {}).get("confirmation_id", "")
    return http.delete(f"{PROJECTS}/{project_id}", headers={"X-Confirmation-Id": confirmation})


def ended(http: httpx.Client, started: httpx.Response) -> dict[str, Any]:
    """Return the job once it has ended."""
    assert started.status_code == 202, started.text
    deadline = time.monotonic() + JOB_SECONDS_MAX
    while time.monotonic() < deadline:
        job: dict[str, Any] = http.get(f"/api/v1/jobs/{started.json()['job_id']}").json()
        if job["finished"] is not None:
            return job
    raise AssertionError("the job does not end")


@pytest.fixture
def make(http: httpx.Client) -> Iterator[Make]:
    """Makes projects that are gone after the test."""
    made: list[str] = []

    def create(name: str, template: str = "chatbot") -> dict[str, Any]:
        answer = http.post(PROJECTS, json={"name": name, "template": template}, timeout=60)
        assert answer.status_code == 201, answer.text
        made.append(answer.json()["id"])
        found: dict[str, Any] = answer.json()
        return found

    yield create
    for project_id in made:
        delete(http, project_id)


def test_create_project_then_list_includes_it(http: httpx.Client, make: Make) -> None:
    project = make("Lifecycle One", "tool-server")
    assert project in http.get(PROJECTS).json()["projects"]
    assert http.get(f"{PROJECTS}/lifecycle-one").json()["id"] == project["id"]


def test_create_project_then_read_default_files(http: httpx.Client, make: Make) -> None:
    project = make("Lifecycle Two")
    config = http.get(f"{PROJECTS}/{project['id']}/files/{project['nat_config_path']}").json()
    assert "chatbot_calculate" in config["content"]
    log = http.get(f"{PROJECTS}/{project['id']}/git/log").json()
    assert len(log["commits"]) == 1


def test_a_project_is_exported_and_imported_again(http: httpx.Client, make: Make) -> None:
    project = make("Lifecycle Three")
    job = ended(http, http.post(f"{PROJECTS}/{project['id']}/export", json={}))
    packed = http.get(job["result"]["content"]).content
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        names = set(tar.getnames())
    assert {"pyproject.toml", ".att/checks.yaml", "src/chatbot/register.py"} <= names
    upload = http.post("/api/v1/uploads", content=packed).json()["upload"]
    job = ended(http, http.post(f"{PROJECTS}/import", json={"upload": upload, "name": "Lifecycle Back"}))
    assert job["state"] == "succeeded", job
    tree = http.get(f"{PROJECTS}/lifecycle-back/files", params={"hidden": "true"}).json()["entries"]
    assert {entry["path"] for entry in tree if entry["kind"] == "file"} == names
    assert delete(http, "lifecycle-back").status_code == 200


def test_a_project_is_cloned_from_a_repository_and_gone_when_it_is_deleted(
    http: httpx.Client, make: Make, platform: Running
) -> None:
    project = make("Lifecycle Four")
    source = f"file://{platform.facts.paths.forge}/{project['id']}.git"
    job = ended(http, http.post(f"{PROJECTS}/clone", json={"source": source, "name": "Lifecycle Clone"}))
    assert job["state"] == "succeeded", job
    cloned = job["result"]
    assert (cloned["status"], cloned["upstream"]) == ("cloned", source)
    place = platform.facts.paths.projects / cloned["id"]
    assert (place / "work/src/chatbot/register.py").is_file()
    answer = delete(http, "lifecycle-clone")
    assert answer.json() == {"id": cloned["id"], "name": "Lifecycle Clone"}
    assert not place.exists()
    assert not (platform.facts.paths.forge / f"{cloned['id']}.git").exists()
    assert http.get(f"{PROJECTS}/{cloned['id']}").json()["code"] == "project_unknown"


def test_a_clone_of_nothing_leaves_nothing(http: httpx.Client, platform: Running) -> None:
    body = {"source": f"file://{platform.facts.root}/none.git", "name": "Lifecycle None"}
    job = ended(http, http.post(f"{PROJECTS}/clone", json=body))
    assert (job["state"], job["problem"]["code"]) == ("failed", "url_refused")
    assert http.get(f"{PROJECTS}/lifecycle-none").status_code == 404


def test_a_taken_name_is_a_conflict(http: httpx.Client, make: Make) -> None:
    make("Lifecycle Five")
    answer = http.post(PROJECTS, json={"name": "lifecycle five!"})
    assert (answer.status_code, answer.json()["code"]) == (409, "name_taken")


def test_an_mcp_client_reads_the_projects_as_a_resource(platform: Running, make: Make) -> None:
    project = make("Lifecycle Six")

    async def read() -> str:
        async with mcp_session(platform, "legacy", "") as client:
            found = (await client.read_resource("att://projects")).contents[0]
            listed = {tool.name for tool in (await client.list_tools()).tools}
            assert {"att.project.create", "att.project.list", "att.project.status"} <= listed
            assert isinstance(found, types.TextResourceContents)
            return found.text

    assert project["id"] in anyio.run(read)


def test_a_secret_reaches_the_environment_and_no_answer(http: httpx.Client, make: Make) -> None:
    project = make("Lifecycle Seven")
    path = f"{PROJECTS}/{project['id']}/variables"
    made = http.put(f"{path}/API_KEY", json={"value": "s3cret"})
    assert made.json() | {"updated_at": ""} == {"name": "API_KEY", "secret": True, "value": None, "updated_at": ""}
    assert "s3cret" not in http.get(path).text + http.get("/api/v1/audit", params={"limit": 5}).text
    assert http.delete(f"{path}/API_KEY").json() == {"variables": []}
