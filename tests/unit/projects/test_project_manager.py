"""What the plan's project manager does: create, list, get, clone, delete, states."""

import asyncio
import json
import time
from pathlib import Path

import anyio
import pytest
from pydantic import SecretStr
from sqlalchemy import insert, select
from tests.unit.projects.world import CALLER, FarSides, Killed, Remembering, archive, code_of, world

from att.kernel.errors import Conflict, Forbidden, InvalidInput, TooLarge, Unavailable
from att.projects.decision import ProjectStatus
from att.projects.making import TRIES_MAX, Wish
from att.projects.schema import CredentialSet, Project, ProjectClone, ProjectCreate, ProjectImport
from att.projects.service import shown
from att.projects.tables import projects as table
from att.store.service import Store
from att.workspace.place import Place

pytestmark = pytest.mark.anyio
TINY = "tiny"


def _create(name: str = "My Bot") -> ProjectCreate:
    return ProjectCreate(name=name, template=TINY)


async def _rows(store: Store) -> int:
    async with store.read() as connection:
        return len((await connection.execute(select(table))).all())


async def test_create_project_returns_project_with_status_created(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        project = shown(await w.arriving.create(CALLER, _create()))
    assert (project.status, project.name, project.slug) == (ProjectStatus.CREATED, "My Bot", "my-bot")
    assert project.template == "tiny 1.2.0"
    assert w.bus.types() == ["project.created"]


async def test_create_project_generates_unique_id(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        made = [await w.arriving.create(CALLER, _create(name)) for name in ("one", "two", "three")]
    assert len({row.id for row in made}) == 3
    assert all(row.id.startswith("prj_") for row in made)


async def test_create_project_creates_directory_structure(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await w.arriving.create(CALLER, _create())
        place = await w.projects.place("my-bot")
    assert place.work.is_dir()
    assert place.home.is_dir()
    assert place.tasks.is_dir()
    assert place.folder.is_relative_to(tmp_path)


async def test_create_project_from_template_copies_files(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        row = await w.arriving.create(CALLER, _create())
        place = await w.projects.place(row.id)
    assert (place.work / "README.md").read_text() == "hello"
    assert (place.work / "src/tiny/main.py").read_text() == "print()\n"
    assert w.far.repositories == {row.id: "made here"}


async def test_an_unknown_template_is_refused_with_those_there_are(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        with pytest.raises(InvalidInput, match="tiny") as told:
            await w.arriving.create(CALLER, ProjectCreate(name="x", template="nope"))
    assert told.value.code == "template_unknown"


async def test_create_project_with_duplicate_name_raises_error(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        first = await w.arriving.create(CALLER, _create("My Bot"))
        assert await code_of(w.arriving.create(CALLER, _create("my  bot?"))) == "name_taken"
        assert [project.id for project in (await w.projects.list()).projects] == [first.id]
        assert (await w.projects.place("my-bot")).work.is_dir()


@pytest.mark.parametrize("name", ["数据", "x" * 101, "!!"])
async def test_create_project_with_invalid_name_raises_validation_error(tmp_path: Path, name: str) -> None:
    async with world(tmp_path) as w:
        with pytest.raises(InvalidInput, match="1 to 100 characters") as told:
            await w.arriving.create(CALLER, _create(name))
        assert (told.value.code, told.value.status, told.value.field) == ("name_unusable", 422, "name")
        assert await _rows(w.store) == 0


async def test_create_project_with_empty_name_raises_validation_error(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        assert await code_of(w.arriving.create(CALLER, _create("  "))) == "name_unusable"


async def test_create_project_name_with_special_characters_sanitized(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        project = shown(await w.arriving.create(CALLER, _create("Ärger & <Söhne>/../x")))
    assert project.name == "Ärger & <Söhne>/../x"
    assert project.slug == "arger-sohne-x"


async def test_list_projects_returns_all_projects(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        for name in ("beta", "Alpha", "gamma"):
            await w.arriving.create(CALLER, _create(name))
        assert [project.name for project in (await w.projects.list()).projects] == ["Alpha", "beta", "gamma"]
        assert (await w.projects.list(ProjectStatus.RUNNING)).projects == []


async def test_list_projects_empty_returns_empty_list(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        assert (await w.projects.list()).projects == []


async def test_get_project_by_id_returns_correct_project(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await w.arriving.create(CALLER, _create("other"))
        row = await w.arriving.create(CALLER, _create())
        by_id, by_slug = await w.projects.show(row.id), await w.projects.show("my-bot")
    assert by_id == by_slug
    assert by_id.name == "My Bot"
    assert by_id.disk_bytes is None


async def test_get_project_by_nonexistent_id_raises_not_found(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        assert await code_of(w.projects.show("prj_none")) == "project_unknown"
        assert await code_of(w.projects.place("none")) == "project_unknown"


async def test_delete_project_removes_directory(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        row = await w.arriving.create(CALLER, _create())
        place = await w.projects.place(row.id)
        deleted = await w.projects.delete("my-bot")
        assert (deleted.id, deleted.name) == (row.id, "My Bot")
        assert not place.folder.exists()
        assert w.far.repositories == {}
        assert await code_of(w.projects.show(row.id)) == "project_unknown"
        assert await _rows(w.store) == 0
    assert w.bus.types()[-1] == "project.deleted"


async def test_delete_project_nonexistent_raises_not_found(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        assert await code_of(w.projects.delete("prj_none")) == "project_unknown"


async def test_delete_running_project_stops_first(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        row = await w.arriving.create(CALLER, _create())
        await w.projects.become(row.id, ProjectStatus.RUNNING)
        w.far.happened.clear()
        await w.projects.delete(row.id)
    assert w.far.happened == ["stop apps", "remove repository", "remove files"]


async def test_clone_project_from_git_url(tmp_path: Path) -> None:
    request = ProjectClone(source="https://example.org/team/My%20Bot.git")
    async with world(tmp_path) as w:
        row = await w.arriving.clone(CALLER, Remembering(), request)
        place = await w.projects.place(row.id)
    assert (row.name, row.slug) == ("My Bot", "my-bot")
    assert (place.work / "README.md").read_text() == f"from {request.source} as nobody"
    assert shown(row).upstream == request.source


async def test_clone_project_sets_status_cloned(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        row = await w.arriving.clone(CALLER, Remembering(), ProjectClone(source="https://example.org/a.git", name="b"))
        assert (await w.projects.show(row.id)).status is ProjectStatus.CLONED


@pytest.mark.parametrize("url", ["nonsense", "git@host:a.git", "https://u:p@host/a.git"])
def test_clone_project_invalid_url_raises_error(url: str) -> None:
    with pytest.raises(ValueError, match="source"):
        ProjectClone(source=url)


async def test_clone_project_auth_failure_raises_error(tmp_path: Path) -> None:
    far = FarSides(fails={"fetch": Forbidden("clone_refused", "cannot clone: the host wants another login")})
    async with world(tmp_path, far=far) as w:
        request = ProjectClone(source="https://example.org/a.git")
        assert await code_of(w.arriving.clone(CALLER, Remembering(), request)) == "clone_refused"
        assert await _rows(w.store) == 0
        assert list((tmp_path / "root/var/lib/att/projects").glob("*")) == []


async def test_a_private_repository_is_cloned_with_the_credential_of_its_host(tmp_path: Path) -> None:
    stored = CredentialSet(name="team", host="example.org", username="bot", secret=SecretStr("s3cret"))
    async with world(tmp_path) as w:
        await w.variables.set_credential(CALLER, stored)
        url = "https://example.org/a.git"
        row = await w.arriving.clone(CALLER, Remembering(), ProjectClone(source=url, credential="team"))
        assert (w.projects._outside.place(row).work / "README.md").read_text() == f"from {url} as bot"
        elsewhere = ProjectClone(source="https://evil.example/a.git", credential="team")
        assert await code_of(w.arriving.clone(CALLER, Remembering(), elsewhere)) == "credential_host"
        missing = ProjectClone(source=url, credential="none")
        assert await code_of(w.arriving.clone(CALLER, Remembering(), missing)) == "credential_unknown"


async def test_an_appliance_clones_no_file_but_of_the_seed(tmp_path: Path) -> None:
    async with world(tmp_path, appliance=True) as w:
        request = ProjectClone(source="file:///var/lib/att/api/forge/other.git")
        assert await code_of(w.arriving.clone(CALLER, Remembering(), request)) == "url_refused"
        seed = w.projects._outside.where.paths.seed
        row = await w.arriving.clone(CALLER, Remembering(), ProjectClone(source=f"file://{seed}/example.git"))
        assert row.slug == "example"


async def test_project_status_transitions_are_valid(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        row = await w.arriving.create(CALLER, _create())
        for status in (ProjectStatus.RUNNING, ProjectStatus.ERROR, ProjectStatus.RUNNING, ProjectStatus.STOPPED):
            await w.projects.become(row.id, status, "why")
            assert (await w.projects.show(row.id)).status is status
        await w.projects.become(row.id, ProjectStatus.STOPPED, "why")
    assert w.bus.types().count("project.changed") == 4


async def test_project_status_invalid_transition_raises_error(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        row = await w.arriving.create(CALLER, _create())
        assert await code_of(w.projects.become(row.id, ProjectStatus.STOPPED)) == "project_state"
        assert await code_of(w.projects.become(row.id, ProjectStatus.CLONED)) == "project_state"
        assert await code_of(w.projects.become("prj_none", ProjectStatus.RUNNING)) == "project_unknown"
        assert (await w.projects.show(row.id)).status is ProjectStatus.CREATED


async def test_a_project_survives_its_json(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        project = shown(await w.arriving.create(CALLER, _create()))
    assert Project.model_validate(json.loads(project.model_dump_json())) == project


async def test_an_archive_becomes_a_project(tmp_path: Path) -> None:
    upload = tmp_path / "upload"
    upload.write_bytes(archive({"bot-1.0/README.md": "hi", "bot-1.0/src/x.py": "1"}))
    async with world(tmp_path) as w:
        progress = Remembering()
        row = await w.arriving.take_in(CALLER, progress, ProjectImport(upload=str(upload), name="Imported"))
        place = await w.projects.place(row.id)
    assert (place.work / "src/x.py").read_text() == "1"
    assert progress.steps == ["unpack", "repository"]
    assert progress.lines == ["2 files, 3 bytes"]


async def test_an_archive_beyond_the_quota_leaves_nothing(tmp_path: Path) -> None:
    upload = tmp_path / "upload"
    upload.write_bytes(archive({"big": "0" * 20_000}))
    async with world(tmp_path, quota=10_000) as w:
        request = ProjectImport(upload=str(upload), name="Imported")
        assert await code_of(w.arriving.take_in(CALLER, Remembering(), request)) == "archive_too_large"
        assert await _rows(w.store) == 0


@pytest.mark.parametrize("at", ["prepare", "repository"])
async def test_a_creation_that_fails_leaves_nothing(tmp_path: Path, at: str) -> None:
    far = FarSides(fails={at: Unavailable("agent_unreachable", "cannot: gone")})
    async with world(tmp_path, far=far) as w:
        assert await code_of(w.arriving.create(CALLER, _create())) == "agent_unreachable"
        assert await _rows(w.store) == 0
        del far.fails[at]
        await w.arriving.create(CALLER, _create())


async def test_a_creation_whose_leftovers_cannot_be_removed_says_why_it_failed_and_the_sweep_removes_them(
    tmp_path: Path,
) -> None:
    refused = Forbidden("clone_refused", "cannot clone: the host wants another login")
    far = FarSides(fails={"repository": refused, "remove files": Conflict("task_running", "cannot forget: it runs")})
    async with world(tmp_path, far=far) as w:
        assert await code_of(w.arriving.create(CALLER, _create())) == "clone_refused"
        assert await _rows(w.store) == 1
        far.fails.clear()
        await w.projects.sweep()
        assert await _rows(w.store) == 0


@pytest.mark.parametrize("deaths", [1, 2, 3])
async def test_a_creation_over_which_the_agent_died_is_begun_again_from_nothing(tmp_path: Path, deaths: int) -> None:
    far, left = FarSides(), [deaths]

    def dies(step: str) -> None:
        if step == "repository" and left[0]:
            left[0] -= 1
            raise Unavailable("agent_unreachable", "cannot tell whether git.init was done: the agent died over it")

    far.before = dies
    async with world(tmp_path, far=far) as w:
        if deaths < TRIES_MAX:
            await w.arriving.create(CALLER, _create())
        else:
            assert await code_of(w.arriving.create(CALLER, _create())) == "agent_unreachable"
        assert await _rows(w.store) == len((await w.projects.list()).projects) == (deaths < TRIES_MAX)
        assert (far.happened.count("repository"), far.happened.count("remove files")) == (min(deaths + 1, 3), deaths)
        assert w.bus.types().count("project.created") == (deaths < TRIES_MAX)


@pytest.mark.parametrize("at", ["prepare", "repository"])
async def test_a_cancelled_creation_leaves_nothing(tmp_path: Path, at: str) -> None:
    far = FarSides(fails={at: asyncio.CancelledError()})
    async with world(tmp_path, far=far) as w:
        with pytest.raises(asyncio.CancelledError):
            await w.arriving.create(CALLER, _create())
        assert await _rows(w.store) == 0


@pytest.mark.parametrize("at", ["prepare", "repository"])
async def test_a_killed_creation_is_never_seen_and_swept_by_the_next_process(tmp_path: Path, at: str) -> None:
    async with world(tmp_path, far=FarSides(fails={at: Killed()})) as w:
        with pytest.raises(Killed):
            await w.arriving.create(CALLER, _create())
        assert (await w.projects.list()).projects == []
        assert await code_of(w.projects.show("my-bot")) == "project_unknown"
    async with world(tmp_path) as w:
        assert await _rows(w.store) == 1
        await w.projects.sweep()
        assert await _rows(w.store) == 0
        assert w.far.happened == ["stop apps", "remove repository", "remove files"]
        assert list((tmp_path / "root/var/lib/att/projects").glob("*")) == []
        await w.arriving.create(CALLER, _create())


@pytest.mark.parametrize("at", ["stop apps", "remove files", "remove repository"])
async def test_a_killed_deletion_is_finished_by_the_next_process(tmp_path: Path, at: str) -> None:
    async with world(tmp_path) as w:
        await w.arriving.create(CALLER, _create())
        w.far.fails = {at: Killed()}
        with pytest.raises(Killed):
            await w.projects.delete("my-bot")
        assert (await w.projects.list()).projects == []
    async with world(tmp_path) as w:
        await w.projects.sweep()
        assert await _rows(w.store) == 0


@pytest.mark.parametrize("at", ["prepare", "fetch"])
async def test_a_killed_clone_is_begun_again_by_its_job_as_the_same_project(tmp_path: Path, at: str) -> None:
    progress, request = Remembering(), ProjectClone(source="https://example.org/a.git")
    async with world(tmp_path, far=FarSides(fails={at: Killed()})) as w:
        with pytest.raises(Killed):
            await w.arriving.clone(CALLER, progress, request)
        first = (await progress.state())["project_id"]
    async with world(tmp_path) as w:
        row = await w.arriving.clone(CALLER, progress, request)
        again = await w.arriving.clone(CALLER, progress, request)
        assert row.id == again.id == first
        assert [project.slug for project in (await w.projects.list()).projects] == ["a"]
    assert w.far.happened.count("fetch") == 1


async def test_a_sweep_that_fails_is_tried_again(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await w.arriving.create(CALLER, _create())
        w.far.fails = {"remove files": Unavailable("agent_unreachable", "cannot: gone")}
        assert await code_of(w.projects.delete("my-bot")) == "agent_unreachable"
        await w.projects.sweep()
        assert await _rows(w.store) == 1
        w.far.fails = {}
        await w.projects.sweep()
        assert await _rows(w.store) == 0


async def test_a_project_in_the_making_is_left_alone_by_the_sweep(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        swept = anyio.Event()

        async def fill(place: Place) -> None:
            await w.projects.sweep()
            assert place.work.is_dir()
            swept.set()

        row = await w.projects.makers.make(Wish("x", ProjectStatus.CREATED, CALLER), fill)
        assert swept.is_set()
        assert (await w.projects.show(row.id)).slug == "x"


async def test_on_the_appliance_each_project_has_a_user_that_is_given_again_when_its_files_are_gone(
    tmp_path: Path,
) -> None:
    async with world(tmp_path, appliance=True) as w:
        for name in ("one", "two", "three"):
            await w.arriving.create(CALLER, _create(name))
        assert [place.user for place in await w.projects.all()] == ["att-p000", "att-p002", "att-p001"]
        w.far.fails = {"remove repository": Unavailable("agent_unreachable", "cannot: gone")}
        assert await code_of(w.projects.delete("two")) == "agent_unreachable"
        await w.arriving.create(CALLER, _create("four"))
        place = await w.projects.place("four")
        assert (place.user, place.folder.name) == ("att-p003", "p003"), "the folder that the machine made for that user"
        w.far.fails = {}
        await w.projects.sweep()
        await w.arriving.create(CALLER, _create("five"))
        assert (await w.projects.place("five")).user == "att-p001"


async def test_no_more_projects_than_the_limit_are_made(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        async with w.store.write() as connection:
            for number in range(256):
                name = f"p{number}"
                row = {"id": name, "name": name, "slug": name, "state": "created", "phase": "ready", "detail": ""}
                await connection.execute(insert(table).values(**row, owner="x", created=0.0, updated=0.0))
        assert await code_of(w.arriving.create(CALLER, _create())) == "projects_full"


async def test_a_project_that_fills_its_room_is_told_by_what(tmp_path: Path) -> None:
    async with world(tmp_path, quota=50_000) as w:
        await w.arriving.create(CALLER, _create())
        place = await w.projects.place("my-bot")
        await w.projects.require_room(place)
        assert (await w.projects.show("my-bot")).disk_bytes is not None
        (place.home / "cache").write_bytes(b"x" * 100_000)
        await w.projects.require_room(place)  # counted a moment ago
        w.clock.advance(11)
        with pytest.raises(TooLarge, match="home 10") as told:
            await w.projects.require_room(place)
        assert told.value.code == "quota_reached"


async def test_creation_from_a_template_takes_less_than_two_seconds(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        started = time.perf_counter()
        await w.arriving.create(CALLER, _create())
        assert time.perf_counter() - started < 2
