"""Which tests a commit collects: asked of pytest, in the project's sandbox, on a fresh checkout."""

import hashlib
from contextlib import suppress

from att.bootstrap.decision import dropped_tests
from att.bootstrap.project import SelfProject
from att.bootstrap.source import BASE_REF, Source
from att.forge.check_tasks import spec_of
from att.forge.checks_file import CheckSpec
from att.forge.repositories import BareRepositories
from att.kernel.errors import NotFound, Refused
from att.workspace.ports import Agents, Sandboxes
from att.workspace.schema import Ending

COMMAND = "python -m att_nat.tests --collect-only -q -p no:pytest_cov tests/unit"
SECONDS_MAX = 300
ID_CHARS_MAX = 1_024
IDS_BYTES_MAX = 16 * 1024 * 1024
_KEPT = 4


class Collector:
    """Asks for the ids of tests; what it once learnt of a commit it knows."""

    def __init__(
        self,
        project: SelfProject,
        source: Source,
        repositories: BareRepositories,
        agents: Agents,
        sandboxes: Sandboxes,
        *,
        command: str = COMMAND,
    ) -> None:
        self._project = project
        self._source = source
        self._repositories = repositories
        self._agents = agents
        self._sandboxes = sandboxes
        self._command = command
        self._known: dict[str, tuple[str, ...]] = {}

    async def dropped(self, base: str, head: str, ref: str) -> tuple[str, ...]:
        """Return the tests that `base` collects and `head`, at the forge's `ref`, does not.

        Raises Refused(tests_uncollectable) where pytest cannot list them, and what a checkout raises.
        """
        await self._source.keep_base(base)
        return dropped_tests(await self._ids(base, BASE_REF), await self._ids(head, ref))

    async def _ids(self, commit: str, ref: str) -> tuple[str, ...]:
        if commit not in self._known:
            found = await self._collected(commit, ref)
            self._known = {**dict(list(self._known.items())[1 - _KEPT :]), commit: found}
        return self._known[commit]

    async def _collected(self, commit: str, ref: str) -> tuple[str, ...]:
        place = await self._project.place()
        # One task a commit and command: after a death the one that runs is found again.
        task_id = "task_" + hashlib.sha256(f"{commit} {self._command}".encode()).hexdigest()[:16]
        try:
            await self._sandboxes.state(place, task_id)
        except NotFound:
            await self._repositories.check_out_apart(place, name=task_id, ref=ref, commit=commit)
            spec = spec_of(place, task_id, CheckSpec(run=self._command, timeout_seconds=SECONDS_MAX))
            await self._sandboxes.start(place, spec)
        ended = await self._sandboxes.wait(place, task_id)
        told = bytearray()
        async for part in self._sandboxes.read_log(place, task_id):
            told += part
            if len(told) > IDS_BYTES_MAX:
                raise Refused("tests_uncollectable", f"cannot list the tests of {commit[:12]}: there are too many")
        await self._agents.of(place).call("git.forget_check", name=task_id)
        with suppress(NotFound):
            await self._sandboxes.forget(place, task_id)
        text = told.decode("utf-8", "replace")
        if ended.ending is not Ending.EXITED or ended.code != 0:
            last = next((line for line in reversed(text.splitlines()) if line.strip()), "it said nothing")
            raise Refused("tests_uncollectable", f"cannot list the tests of {commit[:12]}: {last[:300]}")
        ids = (line for line in text.splitlines() if "::" in line and not line.startswith((" ", "=")))
        return tuple(dict.fromkeys(one[:ID_CHARS_MAX] for one in ids))
