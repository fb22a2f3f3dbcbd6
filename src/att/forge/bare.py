"""One bare repository of the forge: its refs, its history, and merges made without a worktree."""

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import anyio
import anyio.to_thread

from att.effects.filesystem import write_atomically
from att.forge import process as git
from att.forge.pktline import NOTHING
from att.forge.transport import PUSH_BYTES_MAX
from att.kernel.errors import Conflict, Failed
from att.workspace.git.durable import settle
from att.workspace.git.parsing import numstat

HEADS = "refs/heads/"
FILE_BYTES_MAX = 256 * 1024
DIFF_BYTES_MAX = 2 * 1024 * 1024
REFS_MAX = 10_000
LOOSE_MAX = 1_000
PACKS_MAX = 20
TIDY_SECONDS_MAX = 600.0
EMAIL_HOST = "att.invalid"
_CONFIG = f"""\
[core]
	repositoryformatversion = 0
	filemode = true
	bare = true
	logAllRefUpdates = true
[transfer]
	fsckObjects = true
[fetch]
	fsckObjects = true
[receive]
	fsckObjects = true
	maxInputSize = {PUSH_BYTES_MAX}
	autogc = false
	advertisePushOptions = false
	shallowUpdate = false
	denyDeleteCurrent = refuse
[http]
	receivepack = true
[uploadpack]
	allowTipSHA1InWant = true
"""
_LOCKS = ("*.lock", "refs/**/*.lock", "objects/tmp_objdir-*", "objects/incoming-*", "objects/pack/tmp_*")
_CRUD = re.compile(r"[\x00-\x1f<>\x7f]")


@dataclass(frozen=True)
class Merged:
    """The tree of a merge, or the files in conflict."""

    tree: str
    conflicts: tuple[str, ...]


@dataclass(frozen=True)
class Signature:
    """Who and when, as a commit says it; the same values give the same commit."""

    name: str
    email: str
    time: float

    def environment(self) -> Mapping[str, str]:
        """Return git's environment for it."""
        name = _CRUD.sub("", self.name).strip(" .,:;\"'\\") or "unknown"
        moment = datetime.fromtimestamp(int(self.time), UTC).isoformat()
        values = {"NAME": name, "EMAIL": _CRUD.sub("", self.email), "DATE": moment}
        return {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in values.items()}


class Bare:
    """The bare repository in `folder`; nothing of its content ever runs here."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def exists(self) -> bool:
        """Whether it was made whole."""
        return await anyio.Path(self.folder / "HEAD").is_file() and await anyio.Path(self.folder / "att-made").exists()

    async def make(self, branch: str) -> None:
        """Make it with our settings and no hooks; may run again."""
        if await self.exists():
            return
        await anyio.Path(self.folder).mkdir(mode=0o700, parents=True, exist_ok=True)
        await git.must(
            self.folder, "make the repository", "init", "--quiet", "--bare", "--template=", f"--initial-branch={branch}"
        )
        await anyio.to_thread.run_sync(write_atomically, self.folder / "config", _CONFIG.encode())
        await anyio.Path(self.folder / "att-made").touch()
        await self.settle(files=("HEAD", "att-made"))

    async def remove(self) -> None:
        """Remove it; quiet when it is gone."""
        if await anyio.Path(self.folder).is_dir():
            await anyio.to_thread.run_sync(shutil.rmtree, self.folder)

    async def settle(self, *refs: str, files: Sequence[str] = ()) -> None:
        """Make refs and files of it durable under their names; see `durable.settle`."""
        await anyio.to_thread.run_sync(settle, self.folder, refs, files)

    async def unlock(self) -> None:
        """Remove what a git left behind that died with the process before: no git of ours runs now."""
        await anyio.to_thread.run_sync(_unlocked, self.folder)

    async def tidy(self, *, loose_max: int = LOOSE_MAX, packs_max: int = PACKS_MAX) -> bool:
        """Pack its objects when there are many loose ones or packs; whether that was so. Nothing is dropped."""
        text = await git.must(self.folder, "count the objects", "count-objects", "-v")
        counts = dict(line.split(": ", 1) for line in text.splitlines())
        if int(counts["count"]) <= loose_max and int(counts["packs"]) <= packs_max:
            return False
        packed = await git.run(self.folder, "repack", "-q", "-d", "-l", "--geometric=2", seconds=TIDY_SECONDS_MAX)
        if packed.code != 0:
            raise Failed("git_failed", f"cannot pack {self.folder.name}: {packed.reason[:300]}")
        return True

    async def take_bundle(self, bundle: Path, refspecs: Sequence[str]) -> None:
        """Fetch refs from a git bundle."""
        taken = await git.run(
            self.folder, "fetch", "--no-auto-maintenance", "--no-write-fetch-head", "--no-tags", "--", str(bundle),
            *refspecs, seconds=TIDY_SECONDS_MAX, settings=("protocol.file.allow=always",),
        )  # fmt: skip
        if taken.code != 0:
            raise Failed("git_failed", f"cannot take the bundle {bundle.name}: {taken.reason[:300]}")
        await self.settle(*await self.refs())

    async def refs(self, prefix: str = "refs/") -> dict[str, str]:
        """Return the refs below `prefix` with their objects."""
        form = "--format=%(objectname) %(refname)"
        text = await git.must(self.folder, "list the refs", "for-each-ref", f"--count={REFS_MAX}", form, prefix)
        pairs = (line.partition(" ") for line in text.splitlines())
        return {name: commit for commit, _, name in pairs}

    async def commit_of(self, ref: str) -> str | None:
        """Return the commit at a full ref or id, None where there is none."""
        found = await git.run(self.folder, "rev-parse", "--verify", "--quiet", "--end-of-options", ref + "^{commit}")
        return found.text.strip() if found.code == 0 else None

    async def default_branch(self) -> str:
        """Return the branch that HEAD names."""
        return (await git.must(self.folder, "read HEAD", "symbolic-ref", "--short", "HEAD")).strip()

    async def set_default_branch(self, branch: str) -> None:
        """Have HEAD name `branch`."""
        await git.must(self.folder, "set HEAD", "symbolic-ref", "HEAD", HEADS + branch)
        await self.settle(files=("HEAD",))

    async def is_ancestor(self, old: str, new: str) -> bool:
        """Whether `new` holds all of `old`."""
        return (await git.run(self.folder, "merge-base", "--is-ancestor", old, new)).code == 0

    async def merge_tree(self, base: str, head: str) -> Merged:
        """Merge two commits into a tree, or list the files in conflict."""
        found = await git.run(
            self.folder, "merge-tree", "--write-tree", "--name-only", "--no-messages", "-z", base, head
        )
        fields = found.fields
        if found.code not in (0, 1) or not fields:
            raise Conflict("git_failed", f"cannot merge: {found.reason[:300]}")
        return Merged(fields[0], tuple(sorted(set(filter(None, fields[1:])))) if found.code == 1 else ())

    async def commit_tree(self, tree: str, parents: Sequence[str], message: str, signature: Signature) -> str:
        """Write a commit and return its id."""
        named = [part for parent in parents for part in ("-p", parent)]
        text = await git.must(
            self.folder, "write the commit", "commit-tree", tree, *named, "-F", "-",
            feed=message.encode(), more=signature.environment(),
        )  # fmt: skip
        commit = text.strip()
        await self.settle(files=(f"objects/{commit[:2]}/{commit[2:]}",))
        return commit

    async def update_ref(self, ref: str, new: str, old: str, reason: str) -> bool:
        """Move `ref` from `old` to `new`, telling the reflog `reason`; False when it is elsewhere by now."""
        more = Signature("ATT", f"forge@{EMAIL_HOST}", datetime.now(UTC).timestamp()).environment()
        moved = await git.run(self.folder, "update-ref", "--create-reflog", "-m", reason, ref, new, old, more=more)
        if moved.code == 0:
            await self.settle(ref, files=(f"logs/{ref}",))
            return True
        if (await self.commit_of(ref) or NOTHING) != old:
            return False
        raise Failed("git_failed", f"cannot move {ref}: {moved.reason[:300]}")

    async def file(self, commit: str, path: str) -> bytes | None:
        """Return the content of a small file in a commit, None where there is none. Raises TooLarge."""
        found = await git.run(self.folder, "cat-file", "blob", f"{commit}:{path}", bytes_max=FILE_BYTES_MAX)
        return found.out if found.code == 0 else None

    async def files(self, base: str, head: str) -> list[dict[str, object]]:
        """Return what changes from the common ancestor of both to `head`, file by file."""
        found = await git.run(
            self.folder, "diff", "--numstat", "-z", "--no-ext-diff", "--no-textconv", f"{base}...{head}"
        )
        if found.code != 0:
            raise Conflict("git_failed", f"cannot compare: {found.reason[:300]}")
        return numstat(found.fields)

    async def diff(self, base: str, head: str) -> str:
        """Return the unified diff from the common ancestor of both to `head`. Raises TooLarge(git_output_large)."""
        found = await git.run(
            self.folder, "diff", "--no-ext-diff", "--no-textconv", f"{base}...{head}", bytes_max=DIFF_BYTES_MAX
        )
        if found.code != 0:
            raise Conflict("git_failed", f"cannot compare: {found.reason[:300]}")
        return found.text

    async def commits_between(self, base: str, head: str) -> int:
        """Return how many commits `head` has that `base` lacks."""
        text = await git.must(self.folder, "count the commits", "rev-list", "--count", f"{base}..{head}")
        return int(text)


def _unlocked(folder: Path) -> None:
    for pattern in _LOCKS:
        for left in folder.glob(pattern):
            if left.is_dir():
                shutil.rmtree(left)
            else:
                left.unlink(missing_ok=True)
