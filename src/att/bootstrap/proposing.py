"""Shows the engine what a pull request would bring: the objects themselves, and which tests it collects no more."""

from dataclasses import dataclass

from att.bootstrap.collecting import Collector
from att.bootstrap.ports import Proposals
from att.bootstrap.source import Source
from att.upgrade.approvals.schema import SUBJECT_CHARS_MAX
from att.upgrade.approvals.standing import Standing


@dataclass(frozen=True)
class Proposer:
    """Proposes what a cycle or somebody by hand asks for."""

    source: Source
    collector: Collector
    engine: Proposals

    async def propose(self, number: int, head: str, *, releases: bool, subject: str) -> Standing:
        """Return how the engine sees it. Raises Refused(base_unrelated, new_image_needed, tests_uncollectable)."""
        base = await self.source.demand_base((await self.engine.status()).base)
        dropped = await self.collector.dropped(base, head, f"refs/pull/{number}/head")
        async with self.source.pack(base, head) as pack:
            return await self.engine.propose(
                pack,
                number=number,
                commit=head,
                releases=releases,
                dropped=dropped,
                subject=subject[:SUBJECT_CHARS_MAX],
            )
