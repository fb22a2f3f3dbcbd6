from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.fakes.agents import InProcessAgents

from att.configs.schema import ComponentsRequest
from att.configs.service import Configs
from att.events.schema import ATTEvent, EventType
from att.kernel.errors import AttError, InvalidInput, NotFound, Unavailable
from att.workspace.place import Place
from att.workspace.verbs import configs as verb

pytestmark = pytest.mark.anyio

FINDING = {
    "severity": "error",
    "code": "field_missing",
    "message": "the field 'llm_name' is missing",
    "path": "workflow",
    "file": "configs/config.yml",
    "line": 3,
    "column": 1,
    "hint": "",
}
WARNING = {**FINDING, "severity": "warning"}
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class FakeNat:
    """Remembers what it was asked; says what it was told to say."""

    def __init__(self, *answers: Mapping[str, Any]) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.woken = False

    async def ask(self, verb: str, arguments: Mapping[str, Any], *, patience_seconds: float = 0) -> dict[str, Any]:
        self.asked.append((verb, {**arguments, "files": dict(arguments.get("files", {}))}))
        answer = self.answers.pop(0) if self.answers else {}
        return (
            {"problems": [], "nodes": [], "edges": [], "digest": "d", "components": [], **answer}
            if "needs" not in answer
            else dict(answer)
        )

    def wake(self) -> None:
        self.woken = True


class FakeEvents:
    """Tells of these events, then the process stops, or the history cannot be read."""

    def __init__(self, *types: EventType, error: AttError | None = None) -> None:
        self.types = types
        self.error = error

    async def subscribe(self) -> AsyncIterator[ATTEvent]:
        for number, kind in enumerate(self.types):
            yield ATTEvent(id=str(number), project_id="", event_type=kind, payload={}, timestamp=NOW, cursor="1")
        if self.error is not None:
            raise self.error


class FakePlaces:
    def __init__(self, *places: Place, error: AttError | None = None) -> None:
        self.places = places
        self.error = error

    async def place(self, project: str) -> Place:
        for place in self.places:
            if project in (place.project_id, place.slug):
                return place
        raise NotFound("project_unknown", "cannot find the project")

    async def all(self) -> list[Place]:
        if self.error:
            raise self.error
        return list(self.places)

    async def secrets(self, project_id: str) -> Mapping[str, str]:
        return {"MY_KEY": "secret of the project"}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place("prj_1", "bot", tmp_path)
    write(place, "configs/config.yml", "workflow:\n  _type: x\n")
    write(place, "pyproject.toml", "[project]\nname = 'bot-package'\n")
    write(place, "src/bot/register.py", "A = 1\n")
    write(place, "src/bot/__pycache__/x.py", "B = 1\n")
    write(place, "src/tests/test_x.py", "C = 1\n")
    return place


def write(place: Place, path: str, text: str) -> None:
    (place.work / path).parent.mkdir(parents=True, exist_ok=True)
    (place.work / path).write_text(text)


def service(place: Place, nat: FakeNat) -> Configs:
    return Configs(FakePlaces(place), InProcessAgents(), nat, FakeEvents())


async def test_the_projects_config_and_the_text_of_its_package_are_judged(place: Place) -> None:
    nat = FakeNat({"problems": [FINDING, WARNING]})
    found = await service(place, nat).validate("bot")
    assert (found.valid, found.errors, found.warnings, found.path) == (False, 1, 1, "configs/config.yml")
    ((verb, asked),) = nat.asked
    assert verb == "validate"
    assert asked["files"] == {"configs/config.yml": "workflow:\n  _type: x\n"}
    assert asked["whole"] is True
    assert (asked["sources"], asked["package"]) == ({"src/bot/register.py": "A = 1\n"}, "bot-package")
    assert {"MY_KEY", "ATT_ROUTER_URL"} <= set(asked["variables"])
    assert "secret of the project" not in repr(asked), "names alone leave the API"


async def test_a_given_text_stands_in_for_the_file(place: Place) -> None:
    nat = FakeNat({}, {})
    assert (await service(place, nat).validate("bot", "other/c.yml", "a: 1")).valid
    assert nat.asked[0][1]["files"] == {"other/c.yml": "a: 1"}
    assert (await service(place, nat).validate("bot", None, "a: 1")).path == "config.yml"


async def test_bases_are_fetched_until_the_worker_has_them_all(place: Place) -> None:
    write(place, "configs/base.yml", "llms: {}\n")
    nat = FakeNat({"needs": "configs/base.yml"}, {"needs": "configs/none.yml"}, {})
    assert (await service(place, nat).validate("bot")).valid
    assert nat.asked[-1][1]["files"] == {
        "configs/config.yml": "workflow:\n  _type: x\n",
        "configs/base.yml": "llms: {}\n",
        "configs/none.yml": None,
    }


async def test_a_config_with_endless_bases_is_refused(place: Place) -> None:
    nat = FakeNat(*({"needs": f"b{number}.yml"} for number in range(20)))
    with pytest.raises(InvalidInput, match="more than 8 bases"):
        await service(place, nat).validate("bot")


async def test_the_graph_is_what_the_worker_told(place: Place) -> None:
    node = {"id": "llms.a", "group": "llms", "name": "a", "kind": "llm_provider", "type": "x", "own": False}
    node |= {"package": "p", "file": "c", "line": 1}
    edge = {"source": "workflow", "target": "llms.a", "field": "llm_name", "line": 2}
    found = await service(place, FakeNat({"nodes": [node], "edges": [edge]})).graph("bot")
    assert [one.model_dump() for one in found.nodes] == [node]
    assert [one.model_dump() for one in found.edges] == [edge]


async def test_components_are_the_releases_and_on_request_the_projects(place: Place) -> None:
    nat = FakeNat()
    await service(place, nat).components(ComponentsRequest(kind="function", fields=True))
    assert nat.asked[0] == (
        "components",
        {"kind": "function", "name": None, "query": None, "schema": True, "files": {}},
    )
    await service(place, nat).components(ComponentsRequest(project_id="prj_1"))
    assert nat.asked[1][1]["sources"] == {"src/bot/register.py": "A = 1\n"}


async def test_a_config_is_read_as_it_lies_there(place: Place) -> None:
    found = await service(place, FakeNat()).read("bot", None)
    assert (found.path, found.text, found.project_id) == ("configs/config.yml", "workflow:\n  _type: x\n", "prj_1")


async def test_a_config_that_may_start_is_named_and_one_that_may_not_is_told_with_its_line(place: Place) -> None:
    assert await service(place, FakeNat({"problems": [WARNING]})).checked(place, None) == "configs/config.yml"
    with pytest.raises(InvalidInput) as caught:
        await service(place, FakeNat({"problems": [WARNING, FINDING, FINDING]})).checked(place, "configs/config.yml")
    error = caught.value
    assert error.code == "nat_config_invalid"
    assert "configs/config.yml:3:1: workflow: the field 'llm_name' is missing (and 1 more)" in error.detail
    assert error.data["findings"] == [FINDING, FINDING]
    bare = {**FINDING, "path": "", "hint": "indent"}
    with pytest.raises(InvalidInput, match="3:1: the field") as caught:
        await service(place, FakeNat({"problems": [bare]})).checked(place, None)
    assert caught.value.hint == "indent"


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("none.yml", "file_unknown"),
        ("../x.yml", "path_outside"),
        ("configs", "path_invalid"),
        ("latin.yml", "file_kind"),
        ("large.yml", "body_too_large"),
        ("out.yml", "path_outside"),
    ],
)
async def test_a_config_that_cannot_be_read_is_told(place: Place, path: str, code: str) -> None:
    (place.work / "latin.yml").write_bytes(b"a: \xe9")
    (place.work / "large.yml").write_bytes(b"#" * (verb.CONFIG_BYTES_MAX + 1))
    (place.work / "out.yml").symlink_to("/etc/hosts")
    with pytest.raises(AttError) as caught:
        await service(place, FakeNat()).validate("bot", path)
    assert caught.value.code == code


async def test_a_project_without_a_config_is_told_where_it_was_looked_for(place: Place) -> None:
    (place.work / "configs/config.yml").unlink()
    with pytest.raises(NotFound, match=r"configs/config\.yml") as caught:
        await service(place, FakeNat()).validate("bot")
    assert caught.value.code == "nat_config_missing"


async def test_a_flat_package_without_a_usable_project_file_is_read_too(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place.work / "src").rename(place.work / "elsewhere")
    write(place, "pyproject.toml", "[project")
    write(place, "large.py", "#" * 64)
    monkeypatch.setattr(verb, "SOURCE_BYTES_MAX", 32)
    (place.work / "link.py").symlink_to("/etc/hosts")
    nat = FakeNat()
    await service(place, nat).validate("bot")
    assert nat.asked[0][1]["sources"] == {"elsewhere/bot/register.py": "A = 1\n"}
    assert nat.asked[0][1]["package"] == ""
    write(place, "pyproject.toml", "project = 3")
    await service(place, nat).validate("bot")
    assert nat.asked[1][1]["package"] == ""


async def test_no_more_of_a_package_is_read_than_the_limits_say(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(10):
        write(place, f"src/bot/m{number}.py", "x" * 100)
    monkeypatch.setattr(verb, "SOURCES_BYTES_MAX", 350)
    found = verb.collect(place.work, {"only_sources": True})
    assert sorted(found["sources"]) == ["src/bot/m0.py", "src/bot/m1.py", "src/bot/m2.py", "src/bot/register.py"]
    assert found["whole"] is False
    assert found["text"] is None
    monkeypatch.setattr(verb, "FOLDERS_MAX", 0)
    found = verb.collect(place.work, {"only_sources": True})
    assert (found["sources"], found["whole"]) == ({}, False)


async def test_the_worker_is_woken_where_there_are_projects_or_as_soon_as_one_is_made(place: Place) -> None:
    away, made = FakePlaces(error=Unavailable("internal", "cannot read")), FakeEvents(*EventType)
    other = FakeEvents(EventType.PROJECT_DELETED)
    for places, events, woken in (
        (FakePlaces(place), FakeEvents(), True),
        (FakePlaces(), other, False),
        (FakePlaces(), made, True),
        (away, other, False),
        (away, made, True),
        (away, FakeEvents(error=away.error), False),
    ):
        nat = FakeNat()
        await Configs(places, InProcessAgents(), nat, events, settle_seconds=0).run()
        assert nat.woken is woken


async def test_the_worker_is_kept_back_until_those_who_waited_through_a_restart_are_answered(place: Place) -> None:
    nat = FakeNat()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(Configs(FakePlaces(place), InProcessAgents(), nat, FakeEvents(), settle_seconds=3600).run)
        await anyio.wait_all_tasks_blocked()
        assert not nat.woken
        tasks.cancel_scope.cancel()
