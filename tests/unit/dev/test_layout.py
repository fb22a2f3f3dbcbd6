from dataclasses import replace
from pathlib import Path

import pytest
from dev import layout

from att.appliance import load_facts

ROOT = Path(__file__).parents[3]
FACTS = load_facts(ROOT / layout.FACTS_FILE)


def test_the_committed_files_are_what_the_facts_make() -> None:
    source = (ROOT / layout.FACTS_FILE).read_text(encoding="utf-8")
    for name, text in (
        ("appliance/sysusers.d/att.conf", layout.sysusers(FACTS)),
        ("appliance/tmpfiles.d/att.conf", layout.tmpfiles(FACTS)),
        ("docs/guide/layout.md", layout.layout(FACTS, source)),
    ):
        assert (ROOT / name).read_text(encoding="utf-8") == text, f"{name} is stale: run `make generate`"


def test_every_path_unit_and_group_is_in_the_layout_document() -> None:
    text = layout.layout(FACTS, (ROOT / layout.FACTS_FILE).read_text(encoding="utf-8"))
    for name, path in vars(FACTS.paths).items():
        assert f"| `{name}` | `{path}` |" in text
    for unit in FACTS.units:
        assert f"| `{unit.name}` | {unit.user} |" in text
    for group in FACTS.groups:
        assert f"| `{group}` |" in text


def test_a_new_user_of_the_facts_must_be_numbered() -> None:
    other = replace(FACTS.units[1], user="att-new")
    with pytest.raises(ValueError, match="att-new"):
        layout.sysusers(replace(FACTS, units=(*FACTS.units, other)))


def test_project_users_have_their_own_range() -> None:
    lines = layout.sysusers(FACTS).splitlines()
    assert 'u att-p000 20000 "ATT project user"' in lines
    assert 'u att-p255 20255 "ATT project user"' in lines
    assert not any(line.startswith("u att-p256 ") for line in lines)
