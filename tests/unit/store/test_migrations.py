from pathlib import Path

import pytest
from tests.fakes.database import MIGRATIONS

from att.kernel.errors import Failed
from att.store.migrations import Head, class_between, head, migrations

GOOD = 'CLASS = "{change}"\nMIN_READER: int = {min_reader}\nrevision = "x"\n'


def _folder(folder: Path, *steps: tuple[str, str, int]) -> Path:
    (folder / "versions").mkdir(parents=True, exist_ok=True)
    for name, change, min_reader in steps:
        (folder / "versions" / name).write_text(GOOD.format(change=change, min_reader=min_reader))
    return folder


def test_the_head_is_the_last_number_and_the_highest_reader(tmp_path: Path) -> None:
    folder = _folder(tmp_path, ("0001_a.py", "additive", 1), ("0002_b.py", "breaking", 2), ("0003_c.py", "additive", 1))
    assert head(folder) == Head(version=3, min_reader=2)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [(3, 3, "none"), (0, 1, "additive"), (0, 3, "breaking"), (2, 3, "none"), (1, 2, "breaking"), (3, 1, "none")],
)
def test_the_class_between_two_versions_is_the_strongest(tmp_path: Path, old: int, new: int, expected: str) -> None:
    folder = _folder(tmp_path, ("0001_a.py", "additive", 1), ("0002_b.py", "breaking", 2), ("0003_c.py", "none", 1))
    assert class_between(folder, old, new) == expected


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("0002_gap.py", GOOD.format(change="none", min_reader=1)),
        ("0001_no_class.py", "MIN_READER = 1"),
        ("0001_wrong_class.py", GOOD.format(change="huge", min_reader=1)),
        ("0001_no_reader.py", 'CLASS = "none"'),
        ("0001_reader_above.py", GOOD.format(change="none", min_reader=2)),
        ("0001_reader_text.py", 'CLASS = "none"\nMIN_READER = "1"'),
        ("0001_syntax.py", "def"),
    ],
)
def test_a_senseless_migration_is_refused_by_name(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / "versions").mkdir()
    (tmp_path / "versions" / name).write_text(text)
    with pytest.raises(Failed) as told:
        head(tmp_path)
    assert told.value.code == "migration_failed"
    assert name in told.value.detail


def test_a_doubled_number_and_an_empty_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Failed):
        head(tmp_path)
    _folder(tmp_path, ("0001_a.py", "none", 1), ("0001_b.py", "none", 1))
    with pytest.raises(Failed):
        head(tmp_path)


def test_comments_do_not_change_the_digest_and_code_does(tmp_path: Path) -> None:
    file = _folder(tmp_path, ("0001_a.py", "none", 1)) / "versions" / "0001_a.py"
    before = migrations(tmp_path)[0].sha256
    file.write_text('"""Words."""\n# more words\n' + file.read_text())
    assert migrations(tmp_path)[0].sha256 == before
    file.write_text(file.read_text() + "more = 1\n")
    assert migrations(tmp_path)[0].sha256 != before


def test_the_repositorys_own_migrations_make_sense() -> None:
    assert head(MIGRATIONS).version >= 1
