"""A grant is the API's word alone: no other key's, no other purpose's, and none before there is a key to check with."""

from pathlib import Path

import pytest

from att.egress.decision import Client
from att.egress.grants import GrantGate, GrantInvalid, Grants, public_file
from att.router.keys import RouterKeys

DEMO = Client("prj_1", "demo")


def loaded(folder: Path) -> tuple[Grants, GrantGate]:
    folder.mkdir(exist_ok=True)
    return Grants.load(folder, folder / "run"), GrantGate(public_file(folder / "run"))


def test_a_grant_names_its_project_to_its_own_user(tmp_path: Path) -> None:
    grants, gate = loaded(tmp_path)
    found = gate.granted(grants.grant(DEMO, 20_007, None), 20_007)
    assert found.client == DEMO
    assert gate.holds(found)
    with pytest.raises(GrantInvalid, match="another user"):
        gate.granted(grants.grant(DEMO, 20_007, None), 20_008)


def test_the_key_outlives_the_process_and_its_public_half_says_no_to_another(tmp_path: Path) -> None:
    grants, gate = loaded(tmp_path)
    again, _ = loaded(tmp_path)
    foreign, _ = loaded(tmp_path / "elsewhere")
    assert gate.granted(again.grant(DEMO, 1, 60), 1).client == DEMO
    with pytest.raises(GrantInvalid, match="signature"):
        gate.granted(foreign.grant(DEMO, 1, 60), 1)
    assert gate.granted(grants.grant(DEMO, 1, 60), 1).client == DEMO


def test_a_key_for_the_router_is_no_grant_even_signed_with_the_same_key(tmp_path: Path) -> None:
    grants, gate = loaded(tmp_path)
    with pytest.raises(GrantInvalid, match="another purpose"):
        gate.granted(RouterKeys(grants._key).for_project("prj_1"), 1)


def test_without_a_public_half_nothing_is_taken(tmp_path: Path) -> None:
    grants, _ = loaded(tmp_path)
    with pytest.raises(GrantInvalid, match="no key"):
        GrantGate(tmp_path / "none.pub").granted(grants.grant(DEMO, 1, 60), 1)
