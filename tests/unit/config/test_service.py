"""The config operations: who set what, what differs, and who writes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from att.appliance import Facts, facts
from att.config.operations import OPERATIONS
from att.config.schema import ConfigText
from att.config.service import ConfigService
from att.kernel.errors import Forbidden, InvalidInput, NotFound
from att.kernel.operation import Caller, Context, Role

pytestmark = pytest.mark.anyio


class FakeEngine:
    """The far side: remembers what was asked, answers as told."""

    def __init__(self, answer: Callable[[str, dict[str, Any]], dict[str, Any]]) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self._answer = answer

    async def call(self, verb: str, args: dict[str, Any] | None = None) -> dict[str, Any]:
        self.asked.append((verb, args or {}))
        return self._answer(verb, args or {})


@pytest.fixture
def rooted(tmp_path: Path) -> Facts:
    found = facts().rooted(tmp_path)
    found.paths.config.parent.mkdir(parents=True)
    return found


def context(service: ConfigService, door: str = "api") -> Context:
    return Context(Caller("t1", "ann", Role.ADMIN, door=door), "req_1", {ConfigService: service})


def operation(name: str) -> Any:
    return next(one for one in OPERATIONS if one.name == f"att.config.{name}")


async def test_show_names_for_each_setting_who_set_it(rooted: Facts) -> None:
    rooted.paths.config.write_text("\ndisk:\n  warn_percent: 70\n")
    shown = await ConfigService(rooted, environ={"ATT_LOG_LEVEL": "debug"}).show(None)
    by_name = {one.setting: one for one in shown.items}
    assert (by_name["disk.warn_percent"].value, by_name["disk.warn_percent"].where) == (70, "att.yaml:3")
    assert (by_name["log.level"].origin, by_name["log.level"].where) == ("environment", "ATT_LOG_LEVEL")
    assert by_name["upgrade.approval"].door == "ssh"
    assert by_name["jobs.running_max"].reload == "restart:att-api"


async def test_show_of_one_section_gives_that_alone_and_an_unknown_one_is_refused(rooted: Facts) -> None:
    service = ConfigService(rooted, environ={})
    assert {one.setting.split(".")[0] for one in (await service.show("disk")).items} == {"disk"}
    with pytest.raises(InvalidInput, match="the sections are log, api"):
        await service.show("disks")


async def test_show_of_a_broken_file_tells_the_problem_and_the_defaults(rooted: Facts) -> None:
    rooted.paths.config.write_text("disk: {warn_percent: x}")
    shown = await ConfigService(rooted, environ={}).show("disk")
    assert shown.problems == ["disk.warn_percent (line 1, column 8): expected a whole number, found 'x'"]
    assert shown.items[0].value == 85


async def test_diff_tells_lines_and_settings_and_exits_1(rooted: Facts) -> None:
    rooted.paths.config.write_text("disk:\n  warn_percent: 70\n")
    service = ConfigService(rooted)
    diff = await operation("diff").handler(context(service), ConfigText(text="disk:\n  warn_percent: 71\n"))
    assert [(one.path, one.before, one.after) for one in diff.changes] == [("disk.warn_percent", 70, 71)]
    assert "-  warn_percent: 70\n+  warn_percent: 71\n" in diff.unified
    assert operation("diff").exit_code(diff) == 1


async def test_diff_of_the_same_text_exits_0(rooted: Facts) -> None:
    rooted.paths.config.write_text("disk:\n  warn_percent: 70\n")
    diff = await ConfigService(rooted).diff("disk:\n  warn_percent: 70\n")
    assert (diff.unified, diff.changes) == ("", [])
    assert operation("diff").exit_code(diff) == 0


async def test_a_comment_is_a_difference_without_a_changed_setting(rooted: Facts) -> None:
    diff = await ConfigService(rooted).diff("# hello")
    assert diff.changed
    assert diff.changes == []


async def test_validate_counts_what_the_text_sets(rooted: Facts) -> None:
    valid = await operation("validate").handler(context(ConfigService(rooted)), ConfigText(text="log: {level: info}"))
    assert valid.settings == 1


async def test_apply_goes_through_the_engine_where_there_is_one(rooted: Facts) -> None:
    answer = {"changed": True, "changes": [], "live": [], "restart": [], "previous": None}
    engine = FakeEngine(lambda _verb, _args: answer)
    await operation("apply").handler(context(ConfigService(rooted, engine)), ConfigText(text="log: {level: info}"))
    assert engine.asked == [("config_apply", {"text": "log: {level: info}"})]
    assert not rooted.paths.config.exists()


async def test_an_invalid_text_never_reaches_the_engine(rooted: Facts) -> None:
    engine = FakeEngine(lambda _verb, _args: {})
    with pytest.raises(InvalidInput):
        await ConfigService(rooted, engine).apply("log: {level: loud}", "ssh")
    assert engine.asked == []


async def test_apply_without_an_engine_writes_the_file_and_respects_the_door(rooted: Facts) -> None:
    service = ConfigService(rooted)
    text = ConfigText(text="upgrade: {approval: auto}")
    with pytest.raises(Forbidden):
        await operation("apply").handler(context(service), text)
    applied = await operation("apply").handler(context(service, door="dev"), text)
    assert applied.live == ["upgrade.approval"]
    assert rooted.paths.config.read_text() == "upgrade: {approval: auto}"


async def test_show_without_any_file_works(rooted: Facts) -> None:
    assert (await ConfigService(rooted, environ={}).show(None)).problems == []


def test_the_room_refuses_a_missing_file_by_name(tmp_path: Path) -> None:
    from att.config.check import read_text

    with pytest.raises(NotFound, match="no such file"):
        read_text(tmp_path / "att.yaml")
    with pytest.raises(InvalidInput, match="Is a directory"):
        read_text(tmp_path)
    (tmp_path / "a").write_bytes(b"\xff")
    with pytest.raises(InvalidInput, match="not UTF-8 at byte 0"):
        read_text(tmp_path / "a")
    (tmp_path / "b").write_bytes(b"#" * 300_000)
    with pytest.raises(InvalidInput, match="larger than 256 KiB"):
        read_text(tmp_path / "b")
