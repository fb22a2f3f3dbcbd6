"""What a task is, and what is known of it: values that cross to the launcher and to `att-run`."""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field

LOG_BYTES_MAX = 64 * 1024 * 1024
TASK_SECONDS_MAX = 4 * 3600
STDIN_CHARS_MAX = 16 * 1024


class TaskKind(StrEnum):
    """What a task is for; apps live until stopped and have a unit template of their own."""

    AGENT = "agent"
    APP = "app"
    TEST = "test"
    CHECK = "check"
    BUILD = "build"
    TERMINAL = "terminal"
    SERVER = "server"
    TRANSFER = "transfer"


class Program(StrEnum):
    """Which Python runs the task's command: the release's own, or NAT's (`nat/`)."""

    ATT = "att"
    NAT = "nat"
    PLAIN = "plain"


class Channel(StrEnum):
    """The unix sockets in a task's folder: the agent's own, the app's port, the terminal."""

    AGENT = "agent.sock"
    APP = "app.sock"
    ATTACH = "attach.sock"


class TaskSpec(BaseModel):
    """One piece of a project's work. The same `task_id` started twice is one task.

    `command` follows the interpreter that `program` names (`PLAIN`: it is the whole command). It runs in `cwd` below
    the worktree, in a session of its own; its output goes to the task's log. `secrets` reach it as environment
    variables by way of credentials, never in argv, a unit or a spec on disk readable by others; `stdin` is what it
    reads there, for a secret that must be in no environment either. With a `grant` it has a proxy to the internet.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    task_id: str
    kind: TaskKind
    program: Program = Program.PLAIN
    command: tuple[str, ...] = Field(min_length=1, max_length=256)
    cwd: str = "."
    environment: dict[str, str] = Field(default_factory=dict)
    secrets: dict[str, str] = Field(default_factory=dict, repr=False)
    timeout_seconds: float | None = Field(default=None, gt=0, le=TASK_SECONDS_MAX)
    memory_bytes_max: int = 1024 * 1024 * 1024
    processes_max: int = 256
    log_bytes_max: int = LOG_BYTES_MAX
    port: int | None = Field(default=None, description="the app's TCP port inside its network; 0 chooses one")
    pty: bool = False
    stdin: str = Field(default="", max_length=STDIN_CHARS_MAX, repr=False)
    grant: str | None = Field(default=None, max_length=4096, repr=False)


class LogBlock(NamedTuple):
    """Bytes of a log and where in it they stand: behind the offset asked for where the log lost what came before."""

    offset: int
    data: bytes


class Ending(StrEnum):
    """Why a task is over."""

    EXITED = "exited"
    KILLED = "killed"
    OUT_OF_MEMORY = "out_of_memory"
    STOPPED = "stopped"
    TIMED_OUT = "timed_out"
    LOST = "lost"


class TaskState(BaseModel):
    """What is known of a task: `ending` is None while it runs; `code` is the exit code, negative a signal."""

    task_id: str
    kind: TaskKind
    started: datetime | None = None
    ended: datetime | None = None
    ending: Ending | None = None
    code: int | None = None
    log_bytes: int = 0
    log_dropped_bytes: int = 0

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.ending is None
