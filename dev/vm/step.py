"""Runs the build's outside programs and prints one `APPLIANCE_STEP` line at the start and the end of each step."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path


class VmError(Exception):
    """The build or the machine cannot go on; the text says what and why, `hint` what to do."""

    def __init__(self, detail: str, hint: str = "") -> None:
        super().__init__(detail)
        self.hint = hint


@dataclass
class Step:
    """What a step has to say at its end: the file it made and notes for people."""

    artifact: str = ""
    notes: str = ""
    started: float = field(default_factory=time.monotonic)

    @property
    def elapsed_s(self) -> float:
        """Seconds since the start."""
        return round(time.monotonic() - self.started, 1)


def say(text: str) -> None:
    """Prints one line for the person who waits."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _emit(name: str, word: str, step: Step) -> None:
    body = json.dumps({"artifact": step.artifact, "elapsed_s": step.elapsed_s, "notes": step.notes})
    say(f"APPLIANCE_STEP:{name}:{word}:{body}")


@contextmanager
def appliance_step(name: str, artifact: Path | str = "") -> Iterator[Step]:
    """Frames a block with START and OK, or FAIL with the error's text when it raises."""
    step = Step(artifact=str(artifact))
    _emit(name, "START", step)
    try:
        yield step
    except BaseException as error:
        step.notes = str(error) or type(error).__name__
        _emit(name, "FAIL", step)
        raise
    _emit(name, "OK", step)


def run(
    command: Sequence[str | Path],
    *,
    timeout_seconds: float,
    log: Path | None = None,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> None:
    """Runs a program to its end, output into `log` (appended) or to the terminal.

    Raises VmError with the log's last lines when it fails or takes longer than `timeout_seconds`.
    """
    words = [str(word) for word in command]
    sink = log.open("ab") if log else None
    try:
        subprocess.run(
            words,
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT if sink else None,
            timeout=timeout_seconds,
            cwd=cwd,
            env={**os.environ, **(environment or {})},
        )
    except FileNotFoundError as error:
        raise VmError(f"cannot run {words[0]}: it is not installed", "dev/host-packages.sh image") from error
    except subprocess.TimeoutExpired as error:
        raise VmError(f"cannot finish {words[0]}: still running after {timeout_seconds:.0f} s{_tail(log)}") from error
    except subprocess.CalledProcessError as error:
        raise VmError(f"cannot finish {words[0]}: it ended with {error.returncode}{_tail(log)}") from error
    finally:
        if sink:
            sink.close()


def output_of(command: Sequence[str | Path], *, timeout_seconds: float = 60) -> str:
    """Runs a program and gives its standard output; raises VmError when it fails."""
    words = [str(word) for word in command]
    try:
        done = subprocess.run(
            words, check=True, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout_seconds
        )
    except FileNotFoundError as error:
        raise VmError(f"cannot run {words[0]}: it is not installed", "dev/host-packages.sh image") from error
    except subprocess.TimeoutExpired as error:
        raise VmError(f"cannot finish {words[0]}: still running after {timeout_seconds:.0f} s") from error
    except subprocess.CalledProcessError as error:
        raise VmError(f"cannot finish {words[0]}: {error.stderr.strip() or error.returncode}") from error
    return done.stdout


def _tail(log: Path | None, lines: int = 15) -> str:
    if log is None:
        return ""
    last = log.read_text(errors="replace").splitlines()[-lines:]
    return f"; last lines of {log}:\n" + "\n".join(last)
