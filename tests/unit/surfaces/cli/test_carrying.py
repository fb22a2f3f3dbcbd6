"""Files to the API and back: folders are packed, results are saved whole or not at all."""

import hashlib
import io
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, cast

import pytest

from att.kernel.errors import Failed, InvalidInput
from att.surfaces.cli.carrying import save, upload
from att.surfaces.cli.client import Client, Sent


class FarSide:
    """Takes what is uploaded and gives `content` for download."""

    def __init__(self, content: bytes = b"") -> None:
        self.content = content
        self.received = b""

    def upload(self, file: IO[bytes], size: int, sent: Sent) -> str:
        self.received = file.read()
        assert len(self.received) == size
        sent(size, size)
        return "upload_1"

    def download(self, path: str) -> Iterator[bytes]:
        assert path == "/api/v1/uploads/upload_1/content"
        yield from (self.content[:3], self.content[3:])


def _result(content: bytes) -> dict[str, Any]:
    digest = hashlib.sha256(content).hexdigest()
    path = "/api/v1/uploads/upload_1/content"
    return {"content": path, "file_name": "bot.tar.gz", "bytes": len(content), "sha256": digest}


def _client(far: FarSide) -> Client:
    return cast("Client", far)


def test_a_file_is_sent_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(b"anything")
    far = FarSide()
    assert upload(_client(far), str(tmp_path / "a.tar"), "upload") == "upload_1"
    assert far.received == b"anything"


def test_a_folder_is_packed_without_what_can_be_made_again_and_without_gits_own_settings(tmp_path: Path) -> None:
    kept = ("a", "src/main.py", ".att/checks.yaml", ".git/HEAD", "src/config")
    left = (".venv/bin/x", "src/__pycache__/x.pyc", "node_modules/x", ".git/config", ".git/hooks/pre-commit")
    for name in (*kept, *left):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "link").symlink_to("a")
    os.mkfifo(tmp_path / "pipe")
    far = FarSide()
    upload(_client(far), str(tmp_path), "upload")
    with tarfile.open(fileobj=io.BytesIO(far.received)) as tar:
        entries = [entry for entry in tar if not entry.isdir()]
    assert {entry.name for entry in entries} == {*kept, "link"}
    assert {(entry.uid, entry.uname) for entry in entries} == {(0, "")}


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"cannot read .*none: No such file") as told:
        upload(_client(FarSide()), str(tmp_path / "none"), "upload")
    assert (told.value.code, told.value.field) == ("file_unreadable", "upload")


def test_a_result_is_saved_under_its_name_in_a_folder(tmp_path: Path) -> None:
    save(_client(FarSide(b"content")), _result(b"content"), str(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["bot.tar.gz"]
    assert (tmp_path / "bot.tar.gz").read_bytes() == b"content"


def test_a_result_that_does_not_come_whole_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("before")
    with pytest.raises(Failed, match="did not come whole"):
        save(_client(FarSide(b"cont")), _result(b"content"), str(tmp_path / "mine"))
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
    assert (tmp_path / "mine").read_text() == "before"


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="No such file or directory"):
        save(_client(FarSide(b"content")), _result(b"content"), str(tmp_path / "none" / "file"))


def test_no_file_is_fetched_from_anywhere_but_the_uploads() -> None:
    from att.kernel.errors import Unavailable
    from att.surfaces.cli.target import Target

    client = Client(Target(Path("/nonexistent")), lambda: None)
    with pytest.raises(Unavailable, match="lies elsewhere"):
        list(client.download("/api/v1/status"))
