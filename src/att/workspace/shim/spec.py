"""What `att-run` is told: a task whose interpreter, folders and sandbox are already decided."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from att.workspace.shim.records import AUTHORITIES, OUT

SPEC_BYTES_MAX = 2 * 1024 * 1024
PORT_ARGUMENT = "{port}"
OWN_TEMPORARY = "/tmp"  # noqa: S108 # nosec B108 - a unit and a sandbox each have one of their own
_PATH = "/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True)
class RunSpec:
    """One task. `environment` is all that the task gets, secrets among it.

    `port` is the app's TCP port on loopback (0: `att-run` chooses one); an argument `{port}` is replaced by it, and it
    is ATT_PORT. `outward` maps loopback ports inside to unix sockets outside; `proxy` is such a port (0 again) for
    HTTPS_PROXY, the socket of the way out and the grant to show there; `authorities` are a file to make and the
    certificates (PEM) to trust on that way beside the system's. `listens`: the task inherits a listening
    socket, `agent.sock`, as descriptor ATT_LISTEN_FD. `contained`: the first process is bubblewrap, which takes its
    children down with it, so it gets no SIGTERM, says a death by signal N with the code 128 + N, and leaves it to the
    process inside to make the terminal its own: job control knows no session of another process namespace.
    `log_keeps_newest`: beyond `log_bytes_max` the log loses its beginning, not its end.
    """

    task_id: str
    kind: str
    argv: tuple[str, ...]
    cwd: str
    environment: dict[str, str] = field(repr=False)
    log_bytes_max: int
    timeout_seconds: float | None = None
    pty: bool = False
    port: int | None = None
    outward: tuple[tuple[int, str], ...] = ()
    proxy: tuple[int, str, str] | None = field(default=None, repr=False)
    authorities: tuple[str, str] | None = None
    stdin: str = field(default="", repr=False)
    listens: bool = False
    contained: bool = False
    log_keeps_newest: bool = False

    def dumped(self) -> bytes:
        """Return the form in which it travels."""
        return json.dumps(asdict(self)).encode()


def parsed(data: bytes) -> RunSpec:
    """Return the spec of `dumped`; raises ValueError for anything else."""
    try:
        found: dict[str, Any] = json.loads(data)
        outward = tuple((int(port), str(path)) for port, path in found.pop("outward"))
        pairs = {name: tuple(found[name]) if found[name] else None for name in ("proxy", "authorities")}
        return RunSpec(**{**found, "argv": tuple(found["argv"]), "outward": outward, **pairs})
    except (KeyError, TypeError) as error:
        raise ValueError(f"cannot read the spec: {error}") from error


@dataclass(frozen=True)
class Inside:
    """What the place of a task decides: the project's folder, the interpreters, where temporary files go.

    `egress` is the port of a task's proxy and the socket of the way out, for a task that has a grant; `authorities` are
    those of the site's own, PEM.
    """

    folder: Path
    att_python: str
    nat_python: str
    temporary: str
    egress: tuple[int, str]
    outward: tuple[tuple[int, str], ...] = ()
    authorities: str = ""


def resolved(task: Mapping[str, Any], inside: Inside) -> RunSpec:
    """Return how to run a task (the JSON of a TaskSpec) there; raises ValueError for a folder outside the worktree."""
    work, home, own = inside.folder / "work", inside.folder / "home", inside.folder / "tasks" / task["task_id"]
    cwd = PurePosixPath(task["cwd"])
    if cwd.is_absolute() or ".." in cwd.parts:
        raise ValueError(f"cannot run in {cwd}: it is outside the worktree")
    python = {"att": inside.att_python, "nat": inside.nat_python}.get(task["program"])
    environment = {
        "PATH": ":".join(([str(PurePosixPath(python).parent)] if python else []) + [_PATH]),
        "LC_ALL": "C.UTF-8",
        "HOME": str(home),
        "TMPDIR": inside.temporary,
        "ATT_TASK_OUT": str(own / OUT),
        **({"TERM": "xterm-256color"} if task["pty"] else {}),
        **task["environment"],
        **task["secrets"],
    }
    return RunSpec(
        task_id=task["task_id"],
        kind=task["kind"],
        argv=(*([python] if python else []), *task["command"]),
        cwd=str(work / cwd),
        environment=environment,
        log_bytes_max=task["log_bytes_max"],
        timeout_seconds=task["timeout_seconds"],
        pty=task["pty"],
        port=task["port"],
        outward=inside.outward,
        proxy=(*inside.egress, task["grant"]) if task["grant"] is not None else None,
        authorities=(f"{inside.temporary}/{AUTHORITIES}", inside.authorities) if inside.authorities else None,
        stdin=task["stdin"],
        listens=task["kind"] == "agent",
        log_keeps_newest=task["kind"] == "app",
    )
