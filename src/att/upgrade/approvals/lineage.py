"""What the commits between the running release and a merge say: its version, and whether a held merge is undone. Pure.

Ids, parents and trees are those that were recomputed from the commits' own bytes; no name, time or message counts.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from att.kernel.errors import Refused
from att.release.version import parse_version
from att.upgrade.approvals.ports import CommitObject
from att.upgrade.approvals.schema import Built, Held

_LEAN = ".lean"
_COMMIT_CHARS = 9
_CHANGED = re.compile(r"\.d[0-9a-f]{8}(\.|$)")
"""What a version's local part says of a build with changes that no commit has."""


def demand_clean(version: str) -> None:
    """Raise Refused(release_unclean) for a release that was built of changes that no commit has."""
    if _CHANGED.search(parse_version(version).local):
        text = f"cannot go on from {version}: it was built of changes that no commit has"
        raise Refused("release_unclean", text)


def built_of(commits: Sequence[CommitObject], merge: str, tree: str) -> Built:
    """Return what was merged; `tree` is the digest of its files. Refused(merge_differs) when it is not among them."""
    found = {one.id: one for one in commits}.get(merge)
    if found is None:
        raise Refused("merge_differs", f"cannot release {merge[:12]}: its commit did not come with it")
    return Built(commit=found.id, parents=found.parents, tree=tree)


def next_version(running: str, commits: Sequence[CommitObject], *, base: str, merge: str) -> str:
    """Return the version of `merge`: the running one's count, raised by the first-parent steps between them.

    Refused(base_unrelated) when `base` is not on the merge's own line.
    """
    known = parse_version(running)
    tagged = ".dev" not in running.partition("+")[0]
    count = _steps(commits, base=base, merge=merge) + (0 if tagged else known.dev)
    lean = _LEAN if known.local.endswith(_LEAN) else ""
    patch = known.patch + 1 if tagged else known.patch
    return f"{known.major}.{known.minor}.{patch}.dev{count}+g{merge[:_COMMIT_CHARS]}{lean}"


def _steps(commits: Sequence[CommitObject], *, base: str, merge: str) -> int:
    by_id = {one.id: one for one in commits}
    if merge == base:
        raise Refused("merge_differs", f"cannot release {merge[:12]}: it is what runs")
    at, steps = merge, 0
    while at != base:
        commit = by_id.get(at)
        if commit is None or not commit.parents or steps > len(by_id):
            text = f"cannot release {merge[:12]}: the running release's {base[:12]} is not on its line of main"
            raise Refused("base_unrelated", text)
        at, steps = commit.parents[0], steps + 1
    return steps


def still_held(held: Held | None, commits: Sequence[CommitObject], *, base: str, merge: str) -> Held | None:
    """Return `held` where `merge` stands on the held merge and nothing between them took it back, else None.

    Taken back it is by a commit on top of it whose files are exactly those that main had at some time before it, back
    to the release that runs: where it took back another one itself, what main had right before is no way back.
    """
    if held is None or held.commit == base:
        return None
    by_id = {one.id: one for one in commits}
    made_of = _ancestors(by_id, merge)
    if held.commit not in made_of:
        return None
    former = {by_id[one].tree for one in _line(by_id, held.commit, base)}
    after = _descendants(by_id, made_of, held.commit)
    return None if any(by_id[one].tree in former for one in after) else held


def _line(by_id: Mapping[str, CommitObject], start: str, end: str) -> Iterator[str]:
    """Yield what main was before `start`, newest first, down to `end`, as far as it is known."""
    at = start
    for _ in by_id:
        parents = by_id[at].parents
        if at == end or not parents or parents[0] not in by_id:
            return
        at = parents[0]
        yield at


def _ancestors(by_id: Mapping[str, CommitObject], start: str) -> set[str]:
    """The commits that `start` is made of, itself among them, as far as they are known."""
    return _reached(start, lambda name: by_id[name].parents if name in by_id else ()) & by_id.keys()


def _descendants(by_id: Mapping[str, CommitObject], among: set[str], start: str) -> set[str]:
    """Those of `among` that are made of `start`, without itself."""
    children: dict[str, list[str]] = {}
    for name in among:
        for parent in by_id[name].parents:
            children.setdefault(parent, []).append(name)
    return _reached(start, lambda name: children.get(name, ())) - {start}


def _reached(start: str, ways: Callable[[str], Iterable[str]]) -> set[str]:
    found: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += ways(name)
    return found
