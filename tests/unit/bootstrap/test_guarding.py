"""What closing a pull request of project att takes back of what operators were asked."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from att.bootstrap.guarding import GuardedPulls
from att.bootstrap.ports import Proposals
from att.forge.ports import PullRequests
from att.forge.repositories import BareRepositories
from att.forge.schema import PullRequest, PullState
from att.projects.decision import SELF_SLUG
from att.workspace.place import Place

NOW = datetime(2026, 11, 22, tzinfo=UTC)
PLACE = Place("prj_1", SELF_SLUG, Path("/nowhere"))


class Forge:
    """A forge with one pull request, number 7."""

    def __init__(self, state: PullState) -> None:
        words = dict.fromkeys(("id", "project_id", "url", "title", "body", "head", "base", "author", "author_id"), "x")
        commits: dict[str, Any] = {"head_commit": "a", "base_commit": "b", "merge_commit": None, "merged_by": None}
        times: dict[str, Any] = {"created": NOW, "updated": NOW, "ended": None}
        self.pull = PullRequest.model_validate({**words, **commits, **times, "number": 7, "state": state})

    async def page(self, _place: Place, **_: object) -> list[PullRequest]:
        return [self.pull]

    async def close(self, _place: Place, _number: int) -> PullRequest:
        return self.pull


class Engine:
    def __init__(self) -> None:
        self.withdrawn: list[int] = []

    async def withdraw(self, number: int) -> None:
        self.withdrawn.append(number)


@pytest.mark.parametrize(
    ("state", "number", "withdrawn"),
    [
        (PullState.OPEN, 7, [7]),
        (PullState.CLOSED, 7, [7]),
        (PullState.OPEN, 8, [8]),
        (PullState.MERGING, 7, []),
        (PullState.MERGED, 7, []),
    ],
)
def test_the_operators_yes_stays_with_what_is_merged_and_goes_with_what_nobody_wants(
    state: PullState, number: int, withdrawn: list[int]
) -> None:
    engine = Engine()
    forge = cast(PullRequests, Forge(state))
    pulls = GuardedPulls(forge, cast(BareRepositories, None), cast(Proposals, engine))
    asyncio.run(pulls.close(PLACE, number))
    assert engine.withdrawn == withdrawn
