"""Which release is which: asked of the upgrade journal, then the releases on disk, the running service, git.

The first that knows answers, and its name goes with the answer as `release_metadata_source`: what two sources say is
never mixed, because they may speak of different moments.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import structlog

from att.effects.processes import run
from att.upgrade.schema import ReleaseIds
from att_stage0.layout import Layout
from att_stage0.readiness import Readyz
from att_stage0.transaction import Phase, State, Transaction
from att_stage0.units import UnitsFailed
from att_stage0.world import World, read_links

_log = structlog.get_logger(__name__)
_READY_SECONDS = 5.0
_GIT_SECONDS = 10.0
_SWITCHED = frozenset({State.SWITCHED, State.RESTARTED, State.PROBATION, State.COMMITTED})
_CAME_BACK = frozenset({State.ROLLED_BACK, State.FAILED_SAFE})


class ReleaseSource(Protocol):
    """One place that may know."""

    def read(self) -> ReleaseIds | None:
        """Return what it knows, named by its own source, or None where it knows nothing."""


def first_answer(sources: Sequence[ReleaseSource]) -> ReleaseIds:
    """Return the first answer; where nobody knows, ids that are all None."""
    for source in sources:
        try:
            found = source.read()
        except (OSError, UnitsFailed) as error:
            _log.warning("a release source failed", source=type(source).__name__, error=str(error))
            continue
        if found is not None:
            return found
    return ReleaseIds()


class JournalSource:
    """The newest transaction of the upgrade journal."""

    def __init__(self, world: World) -> None:
        self._world = world

    def read(self) -> ReleaseIds | None:
        """See `ReleaseSource`."""
        newest = self._world.transaction()
        return ids_of(newest) if newest is not None else None


class RegistrySource:
    """The complete releases on disk and the links to them."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def read(self) -> ReleaseIds | None:
        """See `ReleaseSource`."""
        links = read_links(self._layout)
        if links.current not in links.releases:
            return None
        previous = links.previous if links.previous in links.releases else None
        return ReleaseIds(
            previous_release_id=previous,
            rollback_release_id=previous,
            deployed_release_id=links.current,
            release_metadata_source="registry",
        )


class ServiceSource:
    """The service that answers at the API's socket."""

    def __init__(self, readyz: Readyz) -> None:
        self._readyz = readyz

    def read(self) -> ReleaseIds | None:
        """See `ReleaseSource`."""
        release = self._readyz(_READY_SECONDS).release
        return ReleaseIds(deployed_release_id=release, release_metadata_source="service") if release else None


class GitSource:
    """The tip of a repository and its first parent; `commit_of` returns the commit that a revision names, or None."""

    def __init__(self, commit_of: Callable[[str], str | None]) -> None:
        self._commit_of = commit_of

    def read(self) -> ReleaseIds | None:
        """See `ReleaseSource`."""
        head = self._commit_of("HEAD")
        if head is None:
            return None
        former = self._commit_of("HEAD^")
        return ReleaseIds(
            previous_release_id=former,
            rollback_release_id=former,
            deployed_release_id=head,
            release_metadata_source="git",
        )


def commits_in(repository: Path) -> Callable[[str], str | None]:
    """Return what names commits of a repository of the caller's own: git obeys the configuration it finds there."""

    def commit_of(revision: str) -> str | None:
        command = ["git", "-C", str(repository), "rev-parse", "--verify", "--quiet", "--end-of-options"]
        quiet = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null"}
        done = run([*command, f"{revision}^{{commit}}"], timeout_seconds=_GIT_SECONDS, environment=quiet)
        return done.output.strip() if done.ok else None

    return commit_of


def ids_of(transaction: Transaction) -> ReleaseIds:
    """Return the releases of one transaction as the journal has them."""
    source, target = transaction.source, transaction.target
    # A rollback by stage0 alone never switched: it goes from its target back to its source at once.
    direct = bool(transaction.values.get("direct"))
    decided = str(transaction.values.get("rollback_target_release_id", ""))
    return ReleaseIds(
        requested_release_id=(source if direct else target) or None,
        previous_release_id=(target if direct else source) or None,
        rollback_release_id=_way_back(transaction) or None,
        deployed_release_id=_deployed(transaction) or None,
        rollback_target_release_id=None if decision_undone(transaction) else decided or None,
        release_metadata_source="journal",
    )


def decision_undone(transaction: Transaction) -> bool:
    """Whether an upgrade was kept after all: its engine died between a decision to go back and the way back."""
    return transaction.state is State.COMMITTED and transaction.kind != "rollback"


def _denied(transaction: Transaction) -> bool:
    return transaction.values.get("rollback_policy_status") in ("deny", "ask")


def _deployed(transaction: Transaction) -> str:
    if transaction.state in _SWITCHED:
        switching = transaction.state is State.SWITCHED and transaction.phase is Phase.INTENT
        return transaction.source if switching else transaction.target
    if transaction.state is State.ROLLING_BACK:
        return transaction.target if transaction.phase is Phase.INTENT else transaction.source
    if transaction.state in _CAME_BACK and _denied(transaction):
        return transaction.target
    return transaction.source


def _way_back(transaction: Transaction) -> str:
    """The release that a rollback would go to now; empty where the journal does not say."""
    if transaction.state in _CAME_BACK:
        return "" if _denied(transaction) else transaction.former_previous
    return "" if transaction.state is State.REFUSED else transaction.source
