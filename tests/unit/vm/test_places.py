from pathlib import Path

import pytest
from dev.vm import places


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(places, "ROOT", tmp_path)
    return tmp_path


def test_the_key_of_a_build_changes_with_name_content_mode_and_link(tree: Path) -> None:
    file, link = tree / "a", tree / "link"
    file.write_text("one")
    link.symlink_to("/dev/null")
    seen = {places.digest_of([file, link])}
    file.write_text("two")
    seen.add(places.digest_of([file, link]))
    file.chmod(0o755)
    seen.add(places.digest_of([file, link]))
    link.unlink()
    link.symlink_to("/dev/zero")
    seen.add(places.digest_of([file, link]))
    seen.add(places.digest_of([file, link], "another word"))
    assert len(seen) == 5


def test_masks_are_inputs_of_the_base_disk() -> None:
    names = {file.name for file in places.files_of("appliance/base")}
    assert {"mkosi.conf", "sshd-keygen.service", "systemd-ssh-generator"} <= names
