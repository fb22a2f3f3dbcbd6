"""Rotation over a real database, real key files and a played service manager, killed between any two steps."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from tests.unit.projects.world import CALLER, world

from att.appliance import Facts, facts
from att.effects import sealing_keys, signing_keys
from att.effects.signing_keys import load_or_make
from att.egress import grants
from att.kernel.errors import Failed, InvalidInput
from att.projects import resealing, sealed
from att.projects.opened import sealed_values
from att.projects.schema import CredentialSet, ProjectCreate
from att.projects.sealed import Sealer
from att.router import keys
from att.router.providers import FILE, KEY_FILE, STATE_FOLDER, Providers, keys_of
from att.runtime import local_login
from att.secrets.rotation.service import RotationService
from att.surfaces.cli.machine import rotating

pytestmark = pytest.mark.anyio


class Killed(BaseException):
    """The process is gone."""


@dataclass
class Played:
    """The service manager: what starts loads its files, as the services do."""

    box: Facts
    restarted: list[str] = field(default_factory=list)
    before: Callable[[], None] = lambda: None

    def restart(self, unit: str) -> None:
        self.before()
        self.restarted.append(unit)
        if unit == "att-router":
            Providers(self.box.paths.state / STATE_FOLDER).end_rotation()

    @contextmanager
    def alone(self) -> Iterator[None]:
        yield


@dataclass
class Box:
    """An appliance with a secret of each kind."""

    facts: Facts
    manager: Played

    def service(self) -> RotationService:
        return RotationService(rotating.secrets_of(self.facts, self.manager), self.manager, {})

    @property
    def sealing(self) -> Path:
        return self.facts.paths.secrets / sealed.KEY_FILE

    @property
    def providing(self) -> Path:
        return self.facts.paths.state / STATE_FOLDER / KEY_FILE

    def demand_all_open(self) -> None:
        assert sorted(sealed_values(self.facts.paths.api_database, self.sealing, None)) == ["0f-team", "s3cret"]
        assert sorted(sealed_values(self.facts.paths.api_state / "db-0", self.sealing, None)) == ["0f-team", "s3cret"]
        assert list(keys_of(self.facts.paths.state / STATE_FOLDER)) == ["sk-1"]


@pytest.fixture
async def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Box:
    async with world(tmp_path) as w:
        row = await w.arriving.create(CALLER, ProjectCreate(name="bot", template="tiny"))
        await w.variables.set(row.id, "API_KEY", "s3cret", secret=True)
        await w.variables.set(row.id, "LEVEL", "debug", secret=False)
        request = CredentialSet(name="team", host="example.org", secret=SecretStr("0f-team"))
        await w.variables.set_credential(CALLER, request)
    found = facts().rooted(tmp_path / "root")
    paths = found.paths
    paths.api_state.mkdir(parents=True, exist_ok=True)
    shutil.copytree(tmp_path / "db", paths.api_state / "db-0")
    shutil.copytree(tmp_path / "db", paths.api_state / "db-1")
    paths.api_database.symlink_to("db-1")
    (paths.state / STATE_FOLDER).mkdir()
    (paths.state / "launcher").mkdir()
    Providers(paths.state / STATE_FOLDER).add("vllm", "http://10.0.0.5/v1", ["m"], "sk-1")
    for path in (paths.api_state / keys.KEY_FILE, paths.api_state / grants.KEY_FILE):
        load_or_make(path)
    local_login.load_key(paths.state / "launcher")
    made = resealing.reseal
    monkeypatch.setattr(rotating, "reseal", lambda path, key, _user: made(path, key, None))
    return Box(found, Played(found))


async def test_all_keys_are_others_and_all_they_had_sealed_opens_with_the_new_ones_alone(box: Box) -> None:
    secrets = rotating.secrets_of(box.facts, box.manager)
    before = {one.name: one.file.read_bytes() for one in secrets}
    modes = {one.name: one.file.stat().st_mode for one in secrets}
    done = box.service().rotate([])
    after = {one.name: one.file.read_bytes() for one in secrets}
    assert all(before[name] != after[name] for name in before)
    assert {one.name: one.file.stat().st_mode for one in secrets} == modes
    assert {name: len(after[name]) for name in ("sealing", "providers")} == {"sealing": 32, "providers": 32}
    assert box.manager.restarted == ["att-launcher", "att-api", "att-router", "att-api"]
    assert {one.name: one.resealed for one in done.secrets if one.resealed} == {"sealing": 3, "providers": 1}
    assert any("attctl runtime restart" in line for line in done.warnings)
    box.demand_all_open()
    box.sealing.unlink()
    box.sealing.write_bytes(before["sealing"])
    with pytest.raises(Failed, match="it was not sealed here with this key"):
        list(sealed_values(box.facts.paths.api_database, box.sealing, None))


async def test_killed_between_any_two_steps_nothing_is_lost_and_the_next_one_ends_it(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = 0

    def strike(*_: object) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise Killed

    def struck(name: str, room: Any) -> None:
        real = getattr(room, name)

        def called(*args: Any, **named: Any) -> Any:
            strike()
            return real(*args, **named)

        monkeypatch.setattr(room, name, called)

    struck("write_atomically", sealing_keys)
    struck("write_atomically", signing_keys)
    struck("run", resealing)
    struck("reseal", rotating)
    box.manager.before = strike
    for number in range(1, 200):
        left = number
        try:
            box.service().rotate(["sealing", "providers", "egress"])
        except Killed:
            left = 0
            box.demand_all_open()
            Providers(box.facts.paths.state / STATE_FOLDER).end_rotation()  # the router's next start
            box.demand_all_open()
            continue
        break
    assert number > 10
    left = 0
    box.demand_all_open()
    box.service().rotate([])
    assert len(sealing_keys.read(box.sealing)) == len(sealing_keys.read(box.providing)) == 1
    box.demand_all_open()


async def test_one_that_was_interrupted_goes_on_with_the_keys_it_has(box: Box) -> None:
    sealing_keys.begin(box.sealing)
    keys_then = box.sealing.read_bytes()
    assert [one.under_way for one in box.service().plan(["sealing"]).secrets] == [True]
    box.service().rotate(["sealing"])
    assert box.sealing.read_bytes() == keys_then[:32]
    box.demand_all_open()


async def test_what_opens_with_no_key_stays_as_it_is_and_is_told(box: Box) -> None:
    other = box.facts.paths.api_state / "other-key"
    sealing_keys.make(other)
    box.sealing.unlink()
    box.sealing.write_bytes(other.read_bytes())
    done = box.service().rotate(["sealing"])
    assert sorted(line for line in done.warnings) == [
        "db-0: 3 secrets open with no key, as before",
        "db-1: 3 secrets open with no key, as before",
    ]


async def test_a_provider_whose_key_opens_no_more_keeps_no_rotation_from_its_end(box: Box) -> None:
    folder = box.facts.paths.state / STATE_FOLDER
    file = folder / FILE
    Providers(folder).add("moved", "http://10.0.0.6/v1", ["n"], "sk-2")
    file.write_text(file.read_text().replace("10.0.0.6", "10.0.0.7"))
    done = box.service().rotate(["providers"])
    assert [one.resealed for one in done.secrets] == [1]
    assert done.warnings == ["moved: its key opens with no key, as before: remove the provider, add it again"]


async def test_what_opens_with_no_key_hides_none_of_the_secrets_that_do(box: Box) -> None:
    file = box.facts.paths.api_database / "att.db"
    with closing(sqlite3.connect(file)) as base, base:
        base.execute("UPDATE project_variables SET sealed = x'01'")
    seen: list[str] = []
    with pytest.raises(Failed, match="it was not sealed here"):
        seen.extend(sealed_values(box.facts.paths.api_database, box.sealing, None))
    assert seen == ["0f-team"]


async def test_a_plan_changes_nothing_and_names_what_ends_and_restarts(box: Box) -> None:
    before = box.sealing.read_bytes()
    plan = box.service().plan(["router", "sealing"])
    assert (plan.done, plan.restarts, [one.name for one in plan.secrets]) == (False, ["att-api"], ["router", "sealing"])
    assert "attctl models key" in plan.secrets[0].ends
    assert (box.sealing.read_bytes(), box.manager.restarted) == (before, [])
    with pytest.raises(InvalidInput, match="did you mean sealing"):
        box.service().plan(["sealin"])


async def test_a_router_that_did_not_seal_again_is_no_success(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(box.manager, "restart", lambda _unit: None)
    with pytest.raises(Failed) as told:
        box.service().rotate(["providers"])
    assert told.value.code == "rotation_unfinished"
    box.demand_all_open()


async def test_a_database_that_cannot_be_read_keeps_both_keys(box: Box) -> None:
    (box.facts.paths.api_state / "db-0/att.db").write_bytes(b"no database, but long enough to be looked at" * 100)
    with pytest.raises(Failed, match="cannot seal the secrets in"):
        box.service().rotate(["sealing"])
    assert len(sealing_keys.read(box.sealing)) == 2
    assert Sealer(box.sealing).seal("x", "a")


async def test_the_engine_looks_at_every_file_whose_rotation_can_be_interrupted(box: Box) -> None:
    secrets = rotating.secrets_of(box.facts, box.manager)
    sealing = [one for one in secrets if one.begin is rotating._begun]
    for one in sealing:
        one.begin(one.file)
    assert sealing_keys.unfinished(box.facts) == [str(one.file) for one in sealing]
    for one in sealing:
        sealing_keys.end(one.file)
    assert sealing_keys.unfinished(box.facts) == []
