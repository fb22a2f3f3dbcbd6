"""What a change is, computed from two trees of files: pure. Nobody's word but the files' own counts here."""

from collections.abc import Iterable, Sequence

from att.kernel.errors import Refused, TooLarge
from att.upgrade.approvals.paths import touched
from att.upgrade.approvals.schema import PATHS_MAX, SHOWN_MAX, Change, Difference
from att.upgrade.approvals.tree import Entry, tree_digest


def change_of(
    commit: str, base: Sequence[Entry], head: Sequence[Entry], *, dropped: Iterable[str], releases: bool
) -> tuple[Change, Difference]:
    """Return what `commit` with the files `head` changes of `base`.

    Raises Refused(tree_hostile) for files that are no plain tree, TooLarge(change_too_large) when more than PATHS_MAX
    paths or tests have to be looked at by a person one by one.
    """
    added, changed, removed = _compare(base, head)
    found = touched([*added, *changed, *removed])
    missing = tuple(sorted(set(dropped)))
    for name, listed in (("protected paths", found.protected), ("paths of the image", found.image), ("tests", missing)):
        if len(listed) > PATHS_MAX:
            raise TooLarge("change_too_large", f"cannot take the change: {len(listed)} {name}, {PATHS_MAX} at most")
    change = Change(
        commit=commit,
        tree=digest_of(head),
        protected=found.protected,
        image=found.image,
        dropped=missing,
        releases=releases,
    )
    difference = Difference(
        added=tuple(added[:SHOWN_MAX]),
        changed=tuple(changed[:SHOWN_MAX]),
        removed=tuple(removed[:SHOWN_MAX]),
        added_count=len(added),
        changed_count=len(changed),
        removed_count=len(removed),
    )
    return change, difference


def digest_of(entries: Iterable[Entry]) -> str:
    """Return the digest of a tree; Refused(tree_hostile) when it is no plain one."""
    try:
        return tree_digest(entries)
    except ValueError as error:
        raise Refused("tree_hostile", f"cannot use the tree: {error}") from error


def _compare(base: Sequence[Entry], head: Sequence[Entry]) -> tuple[list[str], list[str], list[str]]:
    before = {one.path: (one.mode, one.sha256) for one in base}
    after = {one.path: (one.mode, one.sha256) for one in head}
    changed = [path for path, found in after.items() if path in before and before[path] != found]
    return sorted(after.keys() - before.keys()), sorted(changed), sorted(before.keys() - after.keys())
