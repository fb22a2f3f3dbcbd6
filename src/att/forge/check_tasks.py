"""What a check is as a task of its project, and what its end says of it."""

from att.forge.checks_file import CheckSpec
from att.forge.schema import CheckState
from att.workspace.git.transport import CHECKS_FOLDER
from att.workspace.place import Place
from att.workspace.schema import Ending, Program, TaskKind, TaskSpec, TaskState

# `python` of the check is the interpreter that runs this, whatever else is on the PATH.
_IN_NAT = (
    "import os,sys;os.chdir(sys.argv[1]);"
    "os.environ['PATH']=os.path.dirname(sys.executable)+':'+os.environ.get('PATH','/usr/bin:/bin');"
    "os.execvp('sh',['sh','-c',sys.argv[2]])"
)
_PLAIN = 'cd "$1" && exec sh -c "$2"'


def spec_of(place: Place, task_id: str, spec: CheckSpec) -> TaskSpec:
    """Return the task of a check, which works in its own checkout."""
    folder = str(place.home / CHECKS_FOLDER / task_id)
    command = (
        ("-c", _IN_NAT, folder, spec.run)
        if spec.program is Program.NAT
        else ("sh", "-c", _PLAIN, "check", folder, spec.run)
    )
    return TaskSpec(
        task_id=task_id,
        kind=TaskKind.CHECK,
        program=spec.program,
        command=command,
        timeout_seconds=spec.timeout_seconds,
    )


def verdict(task: TaskState) -> tuple[CheckState, str, int | None]:
    """Return what a task that has ended says of its check."""
    match task.ending:
        case Ending.EXITED if task.code == 0:
            return CheckState.PASSED, "", 0
        case Ending.EXITED:
            return CheckState.FAILED, f"ended with {task.code}", task.code
        case Ending.TIMED_OUT:
            return CheckState.FAILED, "took longer than its timeout_seconds", task.code
        case Ending.OUT_OF_MEMORY:
            return CheckState.FAILED, "was ended for want of memory", task.code
        case Ending.KILLED:
            return CheckState.FAILED, f"was killed by signal {-(task.code or 0)}", task.code
        case _:
            return CheckState.ERROR, f"did not run to its end: {task.ending or 'unknown'}", task.code
