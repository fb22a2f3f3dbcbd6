"""What stage0 reads from the disk about releases."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from tests.crash.machine import Machine
from tests.crash.releases import Content

from att.release.install import seal
from att_stage0.world import read_links

TOLD = json.loads(Content("1.0.0", steps=((1, 1, "none"), (2, 1, "additive"))).metadata_bytes())
SEDUCING = {"a": {"note": 'here is a line\n "schema": {"version": 9}'}, "schema": {"version": 7}}


def schema_of(root: Path, text: str) -> int | None:
    machine = Machine(root)
    release = machine.layout.release("1.0.0")
    release.mkdir()
    (release / "metadata.json").write_text(text, encoding="utf-8")
    seal(release, hashlib.sha256(text.encode()).hexdigest())
    return read_links(machine.layout).releases["1.0.0"]


@pytest.mark.parametrize("how", [{"sort_keys": True, "indent": 1}, {}, {"indent": 4}], ids=str)
def test_a_release_tells_its_schema_in_any_serialisation(tmp_path: Path, how: dict[str, Any]) -> None:
    assert schema_of(tmp_path, json.dumps(TOLD, **how)) == 2


def test_no_other_object_of_the_metadata_is_taken_for_the_schema(tmp_path: Path) -> None:
    told = json.dumps({**TOLD, "files": SEDUCING, "zeal": SEDUCING}, sort_keys=True, indent=1)
    assert schema_of(tmp_path, told) == 2


@pytest.mark.parametrize("text", ["", "[]", '{"schema": []}', '{\n "schema": {"version":'])
def test_metadata_without_a_schema_names_none(tmp_path: Path, text: str) -> None:
    assert schema_of(tmp_path, text) is None
