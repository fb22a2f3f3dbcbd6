import pytest

from att.kernel.operation import Caller, Context, Role
from att.surfaces.operations import ToolSearch, search

pytestmark = pytest.mark.anyio
CONTEXT = Context(Caller("u1", "vera", Role.VIEWER), "req_1")


async def test_the_best_match_comes_first() -> None:
    found = await search(CONTEXT, ToolSearch(query="token create"))
    assert found.tools[0].name == "att.token.create"
    assert found.tools[0].command == "attctl token create"
    assert found.tools[0].route == "POST /api/v1/tokens"


async def test_no_words_list_everything_of_a_room() -> None:
    found = await search(CONTEXT, ToolSearch(room="job"))
    assert {tool.name for tool in found.tools} == {"att.job.list", "att.job.show", "att.job.log", "att.job.cancel"}


async def test_words_that_match_nothing_find_nothing() -> None:
    assert (await search(CONTEXT, ToolSearch(query="zebra"))).total == 0


async def test_the_limit_cuts_the_list_but_not_the_count() -> None:
    found = await search(CONTEXT, ToolSearch(limit=1))
    assert len(found.tools) == 1
    assert found.total > 10
