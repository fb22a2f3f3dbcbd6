"""The tests of a cycle's head, before anybody else sees it: those that its changed paths concern."""

from dataclasses import dataclass
from typing import Any

from att.bootstrap.decision import TESTS, affected
from att.bootstrap.part import Part
from att.bootstrap.probing import Course
from att.bootstrap.source import Source
from att.kernel.errors import Refused
from att.projects.decision import SELF_SLUG
from att.testing.schema import Outcome, RunRequest
from att.testing.service import Testing

TIMEOUT_SECONDS = 1_800.0


@dataclass(frozen=True)
class Trial:
    """Runs tests as `att.test.run` does."""

    source: Source
    testing: Testing

    async def run(self, course: Course, *, base: str, head: str) -> dict[str, Any]:
        """Return how the tests of `head` ended: its commit, whether they passed, the run. Refused(tests_missing)."""
        present = await self.source.names(head, TESTS.rstrip("/"))
        targets = affected(await self.source.paths(base, head), present)
        if not targets:
            raise Refused("tests_missing", f"cannot test {head[:12]}: it has no tests where they must be")
        request = RunRequest(
            project_id=SELF_SLUG, targets=list(targets), coverage=False, timeout_seconds=TIMEOUT_SECONDS
        )
        run = await self.testing.run(request, Part(course.progress, f"test {head}"))
        counts = run.report.counts
        failed = [failure.test for failure in run.report.failures[:20]]
        return {
            "commit": head,
            "passed": run.outcome is Outcome.PASSED,
            "run": run.id,
            "outcome": run.outcome.value,
            "total": counts.total,
            "failed": failed,
            "targets": list(targets),
        }
