"""git in the worktree: what is there, what changes it, and the streams over which it speaks with the forge."""

import shutil
import socket
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from att.workspace.git import changing, history, patching, transport
from att.workspace.git.command import Worktree
from att.workspace.verbs import StreamVerb, Verb, accept

_Call = Callable[[Worktree, Mapping[str, Any]], Any]
_Stream = Callable[[Worktree, Mapping[str, Any], socket.socket, transport.Accept], None]


def _verb(work: _Call) -> Verb:
    def verb(root: Path, arguments: Mapping[str, Any]) -> Any:
        return work(Worktree(root), arguments)

    return verb


def _stream(work: _Stream) -> StreamVerb:
    def stream(root: Path, arguments: Mapping[str, Any], connection: socket.socket) -> None:
        work(Worktree(root), arguments, connection, partial(accept, connection))

    return stream


def _resolve(worktree: Worktree, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the commit of a revision, and the branch that is checked out."""
    commit = history.commit_of(worktree, str(arguments["ref"]), field="branch")
    return {"commit": commit, "current": history.current_branch(worktree)}


def _forget_check(worktree: Worktree, arguments: Mapping[str, Any]) -> None:
    """Remove the files of one check; quiet when they are gone."""
    folder = transport.check_folder(worktree.root, str(arguments["name"]))
    if folder.is_dir():
        shutil.rmtree(folder)


VERBS: Mapping[str, Verb] = {
    "git.status": _verb(history.status),
    "git.log": _verb(history.log),
    "git.branches": _verb(history.branches),
    "git.diff": _verb(history.diff),
    "git.blame": _verb(history.blame),
    "git.resolve": _verb(_resolve),
    "git.init": _verb(changing.init),
    "git.stage": _verb(changing.stage),
    "git.commit": _verb(changing.commit),
    "git.branch": _verb(changing.make_branch),
    "git.merge": _verb(changing.merge),
    "git.apply": _verb(patching.apply),
    "git.restore": _verb(patching.restore),
    "git.leave": _verb(patching.leave),
    "git.forget_check": _verb(_forget_check),
}
READS = frozenset({"git.status", "git.log", "git.branches", "git.diff", "git.blame", "git.resolve"})
AGAIN = frozenset({"git.init", "git.stage", "git.commit", "git.restore", "git.leave", "git.forget_check"})
STREAMS: Mapping[str, StreamVerb] = {
    "git.push": _stream(transport.push),
    "git.fetch": _stream(transport.fetch),
    "git.check_out": _stream(transport.check_out),
}
