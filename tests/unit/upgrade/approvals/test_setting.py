"""When the engine believes that nobody needs to be asked."""

from pathlib import Path

import pytest

from att.upgrade.approvals.setting import approval_setting

AUTO = "upgrade:\n  approval: auto\n"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "att.yaml"
    path.write_text(AUTO)
    path.chmod(0o644)
    return path


def test_auto_holds_where_the_file_says_so(config: Path) -> None:
    assert approval_setting(config) == "auto"


@pytest.mark.parametrize(
    "text", ["", "upgrade:\n  approval: required\n", "upgrade:\n  approval: Auto\n", AUTO + "nothing: 1\n", "{", "\0"]
)
def test_anything_else_in_the_file_asks_a_person(config: Path, text: str) -> None:
    config.write_text(text)
    assert approval_setting(config) == "required"


@pytest.mark.parametrize("data", [b"\xff\xfe", b"x" * 5_000_000])
def test_a_file_that_cannot_be_read_asks_a_person(config: Path, data: bytes) -> None:
    config.write_bytes(data)
    assert approval_setting(config) == "required"


@pytest.mark.parametrize("mode", [0o664, 0o646, 0o666])
def test_a_file_that_others_may_write_asks_a_person(config: Path, mode: int) -> None:
    config.chmod(mode)
    assert approval_setting(config) == "required"


def test_no_file_asks_a_person(tmp_path: Path) -> None:
    assert approval_setting(tmp_path / "att.yaml") == "required"


def test_the_environment_is_not_believed(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config.write_text("")
    monkeypatch.setenv("ATT_UPGRADE_APPROVAL", "auto")
    assert approval_setting(config) == "required"
