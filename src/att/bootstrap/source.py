"""ATT's own repository in the forge, as cycles read it: digests, packs, changed paths; nothing of it is run here."""

import hashlib
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio.to_thread

from att.bootstrap.project import MAIN, SelfProject
from att.forge import process as git
from att.forge.bare import HEADS, Bare
from att.forge.checks_file import PATH as CHECKS_PATH
from att.forge.checks_file import parse, required
from att.forge.repositories import BareRepositories
from att.kernel.errors import Failed, Refused
from att.upgrade.approvals.tree import Entry, tree_digest

TREE_BYTES_MAX = 256 * 1024 * 1024
PACK_BYTES_MAX = 256 * 1024 * 1024
PACK_SECONDS_MAX = 300.0
BASE_REF = "refs/bootstrap/base"
"""Keeps the running release's commit where a checkout of it can be fetched from."""


class Source:
    """The bare repository of project `att`; `folder` takes packs while they are handed over."""

    def __init__(self, project: SelfProject, repositories: BareRepositories, folder: Path) -> None:
        self._project = project
        self._repositories = repositories
        self._folder = folder
        self._digests: dict[str, str] = {}

    async def bare(self) -> Bare:
        """Return the repository; NotFound(seed_missing, remote_missing)."""
        return await self._repositories.there((await self._project.place()).project_id)

    async def main(self) -> str:
        """Return the tip of main."""
        return await self.commit(HEADS + MAIN)

    async def commit(self, revision: str) -> str:
        """Return a commit that must be there; Failed(git_failed)."""
        found = await (await self.bare()).commit_of(revision)
        if found is None:
            raise Failed("git_failed", f"cannot find {revision} in ATT's own repository")
        return found

    async def demand_base(self, base: str) -> str:
        """Return the running release's commit if main contains it; Refused(base_unrelated) when it does not."""
        bare = await self.bare()
        if await bare.commit_of(base) is None or not await bare.is_ancestor(base, await self.main()):
            text = f"cannot begin: main of project att does not contain {base[:12]}, of which this release was built"
            raise Refused("base_unrelated", text)
        return base

    async def keep_base(self, base: str) -> None:
        """Keep a ref on the running release's commit, for checkouts."""
        bare = await self.bare()
        kept = await bare.commit_of(BASE_REF)
        if kept != base:
            await bare.update_ref(BASE_REF, base, kept or "0" * len(base), "the running release")

    async def checks_digest(self, commit: str) -> str:
        """Return the digest of a commit's checks file, that of nothing where there is none."""
        return hashlib.sha256(await (await self.bare()).file(commit, CHECKS_PATH) or b"").hexdigest()

    async def required(self, commit: str) -> frozenset[str]:
        """Return the checks that a commit demands of what is merged into it; Refused(checks_invalid)."""
        return frozenset(required(parse(await (await self.bare()).file(commit, CHECKS_PATH))))

    async def paths(self, base: str, head: str) -> list[str]:
        """Return every path that differs between two commits."""
        changed = ("diff-tree", "-r", "-z", "--name-only", "--no-renames", base, head)
        found = await git.run((await self.bare()).folder, *changed)
        if found.code != 0:
            raise Failed("git_failed", f"cannot compare: {found.reason[:300]}")
        return found.fields

    async def names(self, commit: str, folder: str) -> list[str]:
        """Return the paths directly below a folder of a commit."""
        found = await git.run((await self.bare()).folder, "ls-tree", "-z", "--name-only", commit, f"{folder}/")
        return found.fields

    async def tree_of(self, commit: str) -> str:
        """Return git's own id of a commit's tree."""
        bare = await self.bare()
        return (await git.must(bare.folder, "find the tree", "rev-parse", "--verify", f"{commit}^{{tree}}")).strip()

    async def tree_digest(self, commit: str) -> str:
        """Return the digest of all files of a commit, as the engine computes it; Refused(tree_unusable)."""
        tree = await self.tree_of(commit)
        if tree not in self._digests:
            folder = (await self.bare()).folder
            listed = (await git.run(folder, "ls-tree", "-r", "-z", "--full-tree", tree, bytes_max=TREE_BYTES_MAX)).out
            blobs = [_blob(line) for line in listed.split(b"\0")[:-1]]
            asked = b"".join(blob + b"\n" for _, blob, _ in blobs)
            told = await git.run(folder, "cat-file", "--batch", feed=asked, bytes_max=TREE_BYTES_MAX)
            hashes = await anyio.to_thread.run_sync(lambda: list(_hashes(told.out)))
            if len(hashes) != len(blobs):
                raise Failed("git_failed", f"cannot read all files of {commit[:12]}")
            entries = (Entry(mode, path, sha) for (mode, _, path), sha in zip(blobs, hashes, strict=True))
            try:
                digest = tree_digest(entries)
            except ValueError as error:
                raise Refused("tree_unusable", f"cannot use the tree of {commit[:12]}: {error}") from error
            self._digests = {**dict(list(self._digests.items())[-7:]), tree: digest}
        return self._digests[tree]

    @asynccontextmanager
    async def pack(self, base: str, head: str) -> AsyncIterator[Path]:
        """Give a file with the objects of all commits from `base` to `head`, both whole: what the engine reads."""
        bare = await self.bare()
        since = await git.must(bare.folder, "list the objects", "rev-list", "--objects", f"{base}..{head}")
        whole = await git.must(bare.folder, "list the objects", "rev-list", "--objects", "--no-walk", base)
        ids = dict.fromkeys(line.partition(" ")[0] for line in (since + whole).splitlines())
        feed = "".join(f"{one}\n" for one in ids).encode()
        packing = ("pack-objects", "--stdout", "--quiet", "--no-reuse-delta", "--window=0")
        packed = await git.run(bare.folder, *packing, feed=feed, seconds=PACK_SECONDS_MAX, bytes_max=PACK_BYTES_MAX)
        if packed.code != 0:
            raise Failed("git_failed", f"cannot pack {head[:12]}: {packed.reason[:300]}")
        # Without a name: nobody else can open it, and nothing is left of it when this process dies.
        with tempfile.TemporaryFile(dir=self._folder) as file:
            await anyio.to_thread.run_sync(file.write, packed.out)
            file.flush()
            yield Path(f"/proc/self/fd/{file.fileno()}")


def _blob(line: bytes) -> tuple[str, bytes, str]:
    """Return mode, id and path of a line of ls-tree."""
    told, _, path = line.partition(b"\t")
    mode, _, blob = told.split(b" ")
    return mode.decode(), blob, path.decode(errors="surrogateescape")


def _hashes(told: bytes) -> Iterator[str]:
    """Yield the sha256 of each object in the answer of cat-file."""
    at = 0
    while at < len(told):
        end = told.index(b"\n", at)
        words = told[at:end].split(b" ")
        if len(words) != 3:
            return
        size = int(words[2])
        yield hashlib.sha256(memoryview(told)[end + 1 : end + 1 + size]).hexdigest()
        at = end + 1 + size + 1
