"""The migrations against the declared tables, and what the database's entrypoint promises about them."""

import importlib
import sqlite3
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, inspect

from att.kernel.errors import AttError, Failed, Refused, Unavailable
from att.store.file import connect
from att.store.migrating import Progress, migrate, read_head
from att.store.migrations import Head, head, migrations
from att.store.tables import METADATA

REPOSITORY = Path(__file__).resolve().parents[2]
MIGRATIONS = REPOSITORY / "upgrade" / "migrations"
HEAD = head(MIGRATIONS).version

STEP = """
from alembic import context, op
import sqlalchemy as sa
revision = "{number:04}"
down_revision = "{before:04}"
CLASS = "{change}"
MIN_READER = {min_reader}

def upgrade():
{body}
"""


@pytest.fixture(autouse=True, scope="module")
def _all_tables_are_declared() -> None:
    for path in sorted((REPOSITORY / "src" / "att").glob("*/tables.py")):
        importlib.import_module(f"att.{path.parent.name}.tables")


def _release(folder: Path, *steps: tuple[str, int, str]) -> Path:
    """Return migrations like the repository's with further steps: class, min_reader, body of upgrade()."""
    folder.mkdir()
    (folder / "versions").mkdir()
    (folder / "env.py").write_bytes((MIGRATIONS / "env.py").read_bytes())
    known = migrations(MIGRATIONS)
    for migration in known:
        (folder / "versions" / migration.path.name).write_bytes(migration.path.read_bytes())
    for at, (change, min_reader, body) in enumerate(steps, start=len(known) + 1):
        text = STEP.format(number=at, before=at - 1, change=change, min_reader=min_reader, body="    " + body)
        (folder / "versions" / f"{at:04}_step.py").write_text(text)
    return folder


def _create(folder: Path, release: Path = MIGRATIONS) -> list[Progress]:
    told: list[Progress] = []
    migrate(folder, release, told.append, create=True)
    return told


def _query(folder: Path, sql: str) -> list[Any]:
    connection = sqlite3.connect(folder / "att.db")
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def _described(engine: Engine) -> dict[str, Any]:
    seen = inspect(engine)
    tables: dict[str, Any] = {}
    for name in sorted(set(seen.get_table_names()) - {"alembic_version"}):
        columns = [
            (column["name"], str(column["type"]), column["nullable"], column.get("primary_key"))
            for column in seen.get_columns(name)
        ]
        tables[name] = {
            "columns": columns,
            "primary": seen.get_pk_constraint(name),
            "foreign": sorted(seen.get_foreign_keys(name), key=str),
            "unique": sorted(seen.get_unique_constraints(name), key=str),
            "checks": sorted(seen.get_check_constraints(name), key=str),
        }
    with engine.connect() as connection:
        made = connection.exec_driver_sql("SELECT sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL")
        tables["indexes"] = sorted(" ".join(row[0].split()) for row in made)
    engine.dispose()
    return tables


def test_the_migrated_database_is_the_declared_one(tmp_path: Path) -> None:
    _create(tmp_path / "migrated")
    declared = create_engine(f"sqlite:///{tmp_path / 'declared.db'}")
    METADATA.create_all(declared)
    migrated = create_engine(f"sqlite:///{tmp_path / 'migrated' / 'att.db'}")
    assert _described(migrated) == _described(declared)


def test_creating_twice_changes_nothing_and_leaves_no_companion_files(tmp_path: Path) -> None:
    told = _create(tmp_path / "db")
    assert told[-1].percent == 100.0
    before = (tmp_path / "db" / "att.db").read_bytes()
    assert _create(tmp_path / "db") == []
    assert (tmp_path / "db" / "att.db").read_bytes() == before
    assert [path.name for path in (tmp_path / "db").iterdir()] == ["att.db"]
    assert read_head(tmp_path / "db") == head(MIGRATIONS)
    assert _query(tmp_path / "db", "PRAGMA journal_mode") == [("wal",)]


def test_further_migrations_run_once_and_say_who_may_still_read(tmp_path: Path) -> None:
    _create(tmp_path / "db")
    release = _release(
        tmp_path / "release",
        ("additive", 1, 'op.add_column("canaries", sa.Column("colour", sa.String))'),
        ("breaking", HEAD + 2, 'op.execute("CREATE TABLE broken (id INTEGER)")'),
    )
    told: list[Progress] = []
    assert migrate(tmp_path / "db", release, told.append) == Head(version=HEAD + 2, min_reader=HEAD + 2)
    assert [(now.migration, now.of) for now in told if now.percent == 100.0] == [
        (HEAD + 1, HEAD + 2),
        (HEAD + 2, HEAD + 2),
    ]
    assert migrate(tmp_path / "db", release, told.append) == Head(version=HEAD + 2, min_reader=HEAD + 2)
    assert _query(tmp_path / "db", "SELECT version FROM att_migrations") == [(at,) for at in range(1, HEAD + 3)]


def test_a_failing_migration_leaves_those_before_it_and_can_go_on_when_mended(tmp_path: Path) -> None:
    _create(tmp_path / "db")
    good = ("additive", 1, 'op.add_column("canaries", sa.Column("colour", sa.String))')
    bad = ("additive", 1, 'op.execute("CREATE TABLE half (id INTEGER)"); op.execute("nonsense")')
    with pytest.raises(Failed) as told:
        migrate(tmp_path / "db", _release(tmp_path / "bad", good, bad), lambda _: None)
    assert told.value.code == "migration_failed"
    assert "nonsense" in told.value.detail
    assert read_head(tmp_path / "db") == Head(version=HEAD + 1, min_reader=1)
    assert _query(tmp_path / "db", "SELECT name FROM sqlite_schema WHERE name = 'half'") == []
    mended = ("additive", 1, 'op.execute("CREATE TABLE half (id INTEGER)")')
    assert migrate(tmp_path / "db", _release(tmp_path / "mended", good, mended), lambda _: None).version == HEAD + 2


def test_a_migration_that_raises_anything_is_a_failed_one(tmp_path: Path) -> None:
    _create(tmp_path / "db")
    with pytest.raises(Failed) as told:
        migrate(tmp_path / "db", _release(tmp_path / "r", ("none", 1, 'raise KeyError("why")')), lambda _: None)
    assert told.value.code == "migration_failed"
    assert read_head(tmp_path / "db").version == HEAD


def test_a_migration_that_orphans_rows_is_refused(tmp_path: Path) -> None:
    _create(tmp_path / "db")
    body = "op.execute(\"INSERT INTO job_lines VALUES ('none', 1, 0, '')\")"
    with pytest.raises(Failed) as told:
        migrate(tmp_path / "db", _release(tmp_path / "r", ("additive", 1, body)), lambda _: None)
    assert "parent" in told.value.detail
    assert _query(tmp_path / "db", "SELECT count(*) FROM job_lines") == [(0,)]


def test_an_older_release_leaves_a_readable_newer_database_alone(tmp_path: Path) -> None:
    _create(tmp_path / "db", _release(tmp_path / "newer", ("additive", 1, "pass")))
    assert migrate(tmp_path / "db", MIGRATIONS, lambda _: None) == Head(version=HEAD + 1, min_reader=1)


def test_an_older_release_refuses_a_database_it_cannot_read(tmp_path: Path) -> None:
    _create(tmp_path / "db", _release(tmp_path / "newer", ("breaking", HEAD + 1, "pass")))
    with pytest.raises(Unavailable) as told:
        migrate(tmp_path / "db", MIGRATIONS, lambda _: None)
    assert told.value.code == "schema_too_new"


def test_a_migration_changed_after_it_ran_is_refused(tmp_path: Path) -> None:
    _create(tmp_path / "db", _release(tmp_path / "one", ("additive", 1, "pass")))
    with pytest.raises(Refused) as told:
        migrate(tmp_path / "db", _release(tmp_path / "other", ("additive", 1, "pass; pass")), lambda _: None)
    assert told.value.code == "migration_changed"


def test_a_long_migration_tells_how_far_it_is(tmp_path: Path) -> None:
    _create(tmp_path / "db")
    body = 'context.config.attributes["progress"](50.0)'
    told: list[Progress] = []
    migrate(tmp_path / "db", _release(tmp_path / "r", ("additive", 1, body)), told.append)
    assert (HEAD + 1, 50.0) in [(now.migration, now.percent) for now in told]


def test_a_locked_database_is_not_migrated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _create(tmp_path / "db")
    monkeypatch.setattr("att.store.file.connect", partial(connect, busy_seconds=0.05))
    holder = sqlite3.connect(tmp_path / "db" / "att.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    release = _release(tmp_path / "r", ("additive", 1, "pass"))
    with pytest.raises(AttError):
        migrate(tmp_path / "db", release, lambda _: None)
    holder.close()
    assert migrate(tmp_path / "db", release, lambda _: None).version == HEAD + 1


@pytest.mark.parametrize("migration", migrations(MIGRATIONS), ids=lambda migration: migration.path.stem)
def test_additive_migrations_add_no_required_column_and_drop_nothing(migration: Any) -> None:
    text = migration.path.read_text()
    if migration.change == "additive":
        assert "drop_" not in text
        assert "batch_alter_table" not in text
