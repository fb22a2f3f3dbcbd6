"""Secrets at rest: what opens, what does not, and what is told of them."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from sqlalchemy import select, update
from tests.unit.projects.world import CALLER, code_of, world

from att.effects.sealing_keys import KEY_BYTES
from att.kernel.errors import Failed, Unavailable
from att.projects import opened
from att.projects.decision import VARIABLES_MAX
from att.projects.opened import sealed_values
from att.projects.schema import CredentialSet, ProjectCreate, VariableSet
from att.projects.sealed import Sealer, key_file, make_key
from att.projects.tables import project_variables
from att.projects.variables import variable_place

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("secrets")
    make_key(made)
    return made


def test_the_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    make_key(tmp_path)
    key = (tmp_path / "sealing-key").read_bytes()
    make_key(tmp_path)
    assert (tmp_path / "sealing-key").read_bytes() == key
    assert len(key) == KEY_BYTES
    assert (tmp_path / "sealing-key").stat().st_mode & 0o777 == 0o600


def test_the_key_lies_where_systemd_puts_credentials() -> None:
    assert key_file(Path("/x"), {"CREDENTIALS_DIRECTORY": "/run/c"}) == Path("/run/c/sealing-key")
    assert key_file(Path("/x"), {}) == Path("/x/sealing-key")


@given(text=st.text(max_size=300), place=st.lists(st.text(max_size=10), min_size=1, max_size=4))
def test_what_was_sealed_opens_in_its_place_alone(folder: Path, text: str, place: list[str]) -> None:
    sealer = Sealer(folder / "sealing-key")
    sealed = sealer.seal(text, *place)
    assert sealer.open(sealed, *place) == text
    assert sealer.seal(text, *place) != sealed
    with pytest.raises(Failed):
        sealer.open(sealed, *place, "")
    if len(place) > 1:
        with pytest.raises(Failed):
            sealer.open(sealed, place[0] + place[1], *place[2:])


def test_what_was_changed_or_sealed_with_another_key_does_not_open(folder: Path, tmp_path: Path) -> None:
    sealed = Sealer(folder / "sealing-key").seal("s3cret", "a")
    make_key(tmp_path)
    for broken in (sealed[:-1], b"", b"\x02" + sealed[1:], sealed[:-1] + bytes([sealed[-1] ^ 1])):
        with pytest.raises(Failed, match="cannot open the secret a"):
            Sealer(folder / "sealing-key").open(broken, "a")
    with pytest.raises(Failed) as told:
        Sealer(tmp_path / "sealing-key").open(sealed, "a")
    assert told.value.code == "sealed_broken"


@pytest.mark.parametrize("content", [None, b"", b"short", b"x" * (KEY_BYTES + 1)])
def test_a_missing_or_strange_key_says_that_secrets_cannot_be_used(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "sealing-key").write_bytes(content)
    with pytest.raises(Unavailable) as told:
        Sealer(tmp_path / "sealing-key").seal("x", "a")
    assert told.value.code == "sealing_key_missing"


async def test_the_value_of_a_secret_never_comes_back(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        row = await w.arriving.create(CALLER, ProjectCreate(name="bot", template="tiny"))
        made = await w.variables.set(row.id, "API_KEY", "s3cret", secret=True)
        await w.variables.set(row.id, "LEVEL", "debug", secret=False)
        listed = await w.variables.all(row.id)
        assert [(one.name, one.secret, one.value) for one in listed] == [
            ("API_KEY", True, None),
            ("LEVEL", False, "debug"),
        ]
        assert "s3cret" not in made.model_dump_json()
        assert await w.projects.secrets(row.id) == {"API_KEY": "s3cret", "LEVEL": "debug"}
        raw = b"".join(path.read_bytes() for path in (tmp_path / "db-1").iterdir())
        assert b"s3cret" not in raw


async def test_a_secret_whose_flag_is_turned_in_the_database_does_not_open(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        row = await w.arriving.create(CALLER, ProjectCreate(name="bot", template="tiny"))
        await w.variables.set(row.id, "API_KEY", "s3cret", secret=True)
        async with w.store.write() as connection:
            await connection.execute(update(project_variables).values(secret=False))
        assert await code_of(w.variables.all(row.id)) == "sealed_broken"


async def test_a_variable_is_replaced_and_removed_and_goes_with_its_project(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        row = await w.arriving.create(CALLER, ProjectCreate(name="bot", template="tiny"))
        for value in ("one", "two"):
            await w.variables.set(row.id, "A", value, secret=True)
        assert await w.projects.secrets(row.id) == {"A": "two"}
        await w.variables.remove(row.id, "A")
        assert await code_of(w.variables.remove(row.id, "A")) == "variable_unknown"
        await w.variables.set(row.id, "B", "x", secret=True)
        await w.projects.delete(row.id)
        async with w.store.read() as connection:
            assert (await connection.execute(select(project_variables))).all() == []


async def test_no_more_variables_than_the_limit_are_kept(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        row = await w.arriving.create(CALLER, ProjectCreate(name="bot", template="tiny"))
        for number in range(VARIABLES_MAX):
            await w.variables.set(row.id, f"V{number}", "", secret=False)
        assert await code_of(w.variables.set(row.id, "ONE_MORE", "", secret=False)) == "variables_full"
        await w.variables.set(row.id, "V0", "again", secret=False)


async def test_credentials_are_listed_without_their_secrets_and_removed(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        request = CredentialSet(name="team", host="example.org", secret=SecretStr("s3cret"))
        made = await w.variables.set_credential(CALLER, request)
        assert await w.variables.credentials() == [made]
        assert "s3cret" not in made.model_dump_json()
        login = await w.variables.login("team", "https://example.org/a.git")
        assert (login.username, login.secret) == ("git", "s3cret")
        assert "s3cret" not in repr(login)
        assert await code_of(w.variables.login("team", "https://example.org:8443/a.git")) == "credential_host"
        await w.variables.remove_credential("team")
        assert await code_of(w.variables.remove_credential("team")) == "credential_unknown"


def test_a_secret_in_a_request_is_not_shown_by_it() -> None:
    request = VariableSet(project_id="bot", name="KEY", value=SecretStr("s3cret"))
    assert "s3cret" not in request.model_dump_json() + repr(request) + str(request.model_dump(mode="json"))


def test_the_line_break_at_the_end_of_a_file_is_no_part_of_a_value() -> None:
    assert VariableSet(project_id="b", name="K", value=SecretStr("a\nb\r\n")).value.get_secret_value() == "a\nb"
    assert CredentialSet(name="t", host="h", secret=SecretStr("s3cret\n")).secret.get_secret_value() == "s3cret"


@pytest.mark.parametrize("secret", ["", "\n", "two\nlines", "tab\tin it"])
def test_a_login_that_no_host_could_take_is_refused(secret: str) -> None:
    with pytest.raises(ValueError, match="secret"):
        CredentialSet(name="t", host="h", secret=SecretStr(secret))


async def test_every_sealed_secret_is_opened_beside_a_running_api_and_plain_variables_are_not(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        row = await w.arriving.create(CALLER, ProjectCreate(name="bot", template="tiny"))
        await w.variables.set(row.id, "API_KEY", "s3cret", secret=True)
        await w.variables.set(row.id, "LEVEL", "debug", secret=False)
        await w.variables.set_credential(
            CALLER, CredentialSet(name="team", host="example.org", secret=SecretStr("0f-team"))
        )
        key = tmp_path / "root/etc/att/secrets.d/sealing-key"
        assert sorted(sealed_values(tmp_path / "db", key, None)) == ["0f-team", "s3cret"]
        with pytest.raises(Unavailable, match="cannot use secrets"):
            list(sealed_values(tmp_path / "db", tmp_path / "none", None))


def test_without_a_database_no_secret_is_sealed_and_a_broken_one_is_told(tmp_path: Path) -> None:
    assert list(sealed_values(tmp_path, tmp_path / "none", None)) == []
    (tmp_path / "att.db").write_bytes(b"no database, but long enough to be looked at" * 100)
    with pytest.raises(Failed, match="cannot read the database"):
        list(sealed_values(tmp_path, tmp_path / "none", None))


def database_of_one(folder: Path, key: Path) -> sqlite3.Connection:
    """A database with one secret variable in it, checkpointed; the connection is open."""
    sealed = Sealer(key).seal("s3cret", *variable_place("prj_1", "TOKEN", secret=True))
    base = sqlite3.connect(folder / "att.db", isolation_level=None)
    base.execute("PRAGMA journal_mode = WAL")
    base.execute("CREATE TABLE project_variables (project_id, name, sealed, secret)")
    base.execute("CREATE TABLE credentials (host, name, sealed)")
    base.execute("INSERT INTO project_variables VALUES ('prj_1', 'TOKEN', ?, 1)", (sealed,))
    base.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return base


def test_a_disk_that_takes_no_file_beside_the_database_hides_no_secret(tmp_path: Path, folder: Path) -> None:
    database_of_one(tmp_path, folder / "sealing-key").close()
    (tmp_path / "att.db-wal").mkdir()
    (tmp_path / "att.db-shm").mkdir()
    assert list(sealed_values(tmp_path, folder / "sealing-key", None)) == ["s3cret"]


def test_a_database_that_is_locked_is_told_and_not_read_without_what_was_written_last(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opened, "_BUSY_SECONDS", 0.0)
    with closing(database_of_one(tmp_path, folder / "sealing-key")) as base:
        base.execute("PRAGMA locking_mode = EXCLUSIVE")
        base.execute("UPDATE project_variables SET name = name")
        with pytest.raises(Failed, match=r"cannot read the database: .*locked"):
            list(sealed_values(tmp_path, folder / "sealing-key", None))
