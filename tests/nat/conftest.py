"""What these tests need: NAT's own venv, made by `make nat`; everything runs as a process of it."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from att.appliance import facts
from att.nat.place import nat_python

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def python() -> Path:
    found = nat_python(facts())
    assert found.exists(), "NAT's venv is missing: make nat"
    return found


class Asked:
    """A worker of the session, asked by hand."""

    def __init__(self, python: Path) -> None:
        command = [str(python), "-P", "-m", "att_nat.worker"]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd="/"
        )
        self.ready = self._line()["ready"]
        self._count = 0

    def __call__(self, verb: str, **arguments: Any) -> Any:
        self._count += 1
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"id": self._count, "verb": verb, "arguments": arguments}) + "\n")
        self.process.stdin.flush()
        answer = self._line()
        assert answer["id"] == self._count
        return answer.get("result", answer.get("error"))

    def _line(self) -> Any:
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())


@pytest.fixture(scope="session")
def ask(python: Path) -> Iterator[Asked]:
    asked = Asked(python)
    yield asked
    assert asked.process.stdin is not None
    asked.process.stdin.close()
    assert asked.process.wait(30) == 0
    assert asked.process.stdout is not None
    asked.process.stdout.close()


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "tmp").mkdir()
    return {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TMPDIR": str(tmp_path / "tmp")}
