"""Small repositories made with the real git, and packs of them as they cross the engine's socket."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

_ENVIRONMENT = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_AUTHOR_NAME": "A",
    "GIT_AUTHOR_EMAIL": "a@att.test",
    "GIT_COMMITTER_NAME": "A",
    "GIT_COMMITTER_EMAIL": "a@att.test",
    "GIT_COMMITTER_DATE": "1766000000 +0000",
}


class Repository:
    """A repository in `folder`, on branch main."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.git("init", "-q", "-b", "main")

    def raw(self, *words: str, input_bytes: bytes = b"") -> bytes:
        """Run git and return what it printed."""
        return subprocess.run(
            ["git", *words],
            cwd=self.folder,
            input=input_bytes,
            capture_output=True,
            check=True,
            timeout=60,
            env={**os.environ, **_ENVIRONMENT},
        ).stdout

    def git(self, *words: str, input_bytes: bytes = b"") -> str:
        """Run git and return its only line."""
        return self.raw(*words, input_bytes=input_bytes).decode().strip()

    def commit(self, files: Mapping[str, bytes | None], message: str) -> str:
        """Write these files (None removes one), commit everything, return the commit."""
        for path, content in files.items():
            file = self.folder / path
            if content is None:
                file.unlink()
                continue
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        self.git("add", "-A", "-f")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")

    def tree_of(self, lines: bytes) -> str:
        """Return a commit of a tree that no work tree could hold: `lines` as `git mktree -z` takes them."""
        tree = self.git("mktree", "-z", "--missing", input_bytes=lines)
        return self.git("commit-tree", "-m", "odd", tree)

    def pack(self, base: str, head: str) -> bytes:
        """Return every object from `base` to `head`, with all that `base` holds."""
        since = self.raw("rev-list", "--objects", head, f"^{base}")
        whole = self.raw("rev-list", "--objects", "--no-walk", base)
        names = {line.split(b" ")[0] for line in [*since.splitlines(), *whole.splitlines()]}
        return self.raw("pack-objects", "--stdout", "-q", input_bytes=b"\n".join(sorted(names)) + b"\n")

    def clear(self) -> None:
        """Remove every file of the work tree."""
        for path in self.folder.iterdir():
            if path.name != ".git":
                shutil.rmtree(path) if path.is_dir() else path.unlink()
