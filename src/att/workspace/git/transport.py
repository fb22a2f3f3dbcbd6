"""Lets git in a worktree speak with the forge over the connection of a stream verb.

git gets one end of a socket pair as its remote (`fd::N`); two threads carry bytes between the other end and the
connection, in frames towards the forge (`frames`). Whatever runs in the sandbox may speak here: the forge checks all.
"""

import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from att.workspace.git import frames
from att.workspace.git.changing import REMOTE, set_origin
from att.workspace.git.command import ERRORS_BYTES_MAX, Worktree, end_group

STREAM_SECONDS_MAX = 900.0
CHECKS_FOLDER = "checks"
_CHUNK = 65_536

Accept = Callable[[], None]


def push(worktree: Worktree, arguments: Mapping[str, Any], connection: socket.socket, accept: Accept) -> None:
    """Push `source` (a commit) to the forge's `target` ref, and with `all` every local branch beside it.

    `expected` allows to replace that value there; the local branch `track` follows the pushed one.
    """
    expected, track = arguments.get("expected"), arguments.get("track")
    lease = [f"--force-with-lease={arguments['target']}:{expected}"] if expected is not None else []
    refspecs = [f"{arguments['source']}:{arguments['target']}"]
    if arguments.get("all"):
        refspecs = ["refs/heads/*:refs/heads/*"]
    follow = ("branch", "--quiet", f"--set-upstream-to={REMOTE}/{track}", str(track)) if track is not None else None
    worktree.free_refs()
    accept()
    _over(worktree, connection, "push", "--porcelain", "--no-verify", "--no-signed", *lease, REMOTE, *refspecs,
          then=follow)  # fmt: skip


def fetch(worktree: Worktree, arguments: Mapping[str, Any], connection: socket.socket, accept: Accept) -> None:
    """Fetch the forge's branches and tags, or the refspecs given; branches gone there go here with `prune`."""
    prune = ["--prune"] if arguments.get("prune") else []
    refspecs = [str(one) for one in arguments.get("refspecs", ())]
    worktree.free_refs()
    accept()
    _over(worktree, connection, "fetch", "--no-recurse-submodules", "--no-auto-maintenance", "--no-write-fetch-head",
          *prune, REMOTE, *refspecs)  # fmt: skip


def check_out(worktree: Worktree, arguments: Mapping[str, Any], connection: socket.socket, accept: Accept) -> None:
    """Make a fresh repository for one check, holding `ref` of the forge alone, checked out at `commit`.

    What is left of one that was killed over the same goes first.
    """
    fresh = Worktree(check_folder(worktree.root, str(arguments["name"])))
    if fresh.root.is_dir():
        shutil.rmtree(fresh.root)
    fresh.root.mkdir(parents=True)
    fresh.must("make the repository of the check", "init", "--quiet", "--template=", "--initial-branch=check")
    set_origin(fresh, str(arguments["origin"]))
    accept()
    _over(fresh, connection, "fetch", "--no-auto-maintenance", "--depth=1", "--no-tags", REMOTE, str(arguments["ref"]),
          then=("checkout", "--quiet", "--force", "--detach", str(arguments["commit"])))  # fmt: skip


def check_folder(root: Path, name: str) -> Path:
    """Return where one check's files lie: in the project's home, beside the worktree."""
    return root.parent / "home" / CHECKS_FOLDER / Path(name).name


def _over(worktree: Worktree, connection: socket.socket, *arguments: str, then: Sequence[str] | None = None) -> None:
    """Run git with the connection as its remote, then `then` if it went well; the last frame says how both ended."""
    near, far = socket.socketpair()
    with near, far:
        origin = worktree.run("config", "--local", "--get", f"remote.{REMOTE}.url").text.strip() or REMOTE
        settings = ("protocol.fd.allow=always", f"url.fd::{far.fileno()}.insteadOf={origin}")
        process = subprocess.Popen(
            worktree.command(*arguments, settings=settings),
            cwd=worktree.root,
            env=worktree.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=[far.fileno()],
            start_new_session=True,
        )
        far.close()
        told = _carried(process, near, connection)
    if told["code"] == 0 and then is not None:
        output = worktree.run(*then)
        told = {"code": output.code, "out": output.text[:ERRORS_BYTES_MAX], "errors": output.errors}
    with suppress(OSError):  # nobody listens any more
        connection.sendall(frames.result(told))


def _carried(process: subprocess.Popen[bytes], near: socket.socket, connection: socket.socket) -> dict[str, Any]:
    """Carry bytes until git has ended; it is ended when the forge goes away or the time is over."""
    threads = (
        threading.Thread(target=_inward, args=(connection, near), daemon=True),
        threading.Thread(target=_outward, args=(near, connection), daemon=True),
    )
    for thread in threads:
        thread.start()
    with process:
        try:
            out, errors = process.communicate(timeout=STREAM_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            end_group(process)
            out, errors = process.communicate()
        finally:
            end_group(process)
    threads[1].join()
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RD)
    threads[0].join()
    return {
        "code": process.returncode,
        "out": out[:ERRORS_BYTES_MAX].decode("utf-8", errors="replace"),
        "errors": errors[:ERRORS_BYTES_MAX].decode("utf-8", errors="replace"),
    }


def _inward(connection: socket.socket, near: socket.socket) -> None:
    """From the forge to git, bare."""
    with suppress(OSError):
        while chunk := connection.recv(_CHUNK):
            near.sendall(chunk)
    with suppress(OSError):
        near.shutdown(socket.SHUT_WR)


def _outward(near: socket.socket, connection: socket.socket) -> None:
    """From git to the forge, in frames."""
    try:
        while chunk := near.recv(_CHUNK):
            connection.sendall(frames.frame(frames.DATA, chunk))
        connection.sendall(frames.frame(frames.END))
    except OSError:  # the forge is gone: git learns it at once
        with suppress(OSError):
            near.shutdown(socket.SHUT_RDWR)
