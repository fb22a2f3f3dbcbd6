"""schemathesis over the whole REST surface of a platform of its own, without a network, its phases up to stateful."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.e2e.dev.fuzz import EXCLUDED

from att.surfaces.generated import openapi_document

ROOT = Path(__file__).parents[3]
FUZZ_SECONDS = 420
LAST_SECONDS = 300
# Whatever it starts, projects' agents among them, ends with it and reaches nothing but this machine's loopback.
ALONE = ("unshare", "--net", "--pid", "--fork", "--kill-child", "--mount-proc")


def test_the_paths_that_are_not_asked_are_there() -> None:
    assert set(EXCLUDED) <= set(openapi_document()["paths"])


@pytest.mark.skipif(shutil.which("unshare") is None or os.geteuid() != 0, reason="needs root and unshare")
@pytest.mark.timeout(FUZZ_SECONDS + LAST_SECONDS + 60)
def test_no_answer_of_any_operation_breaks_the_document(tmp_path: Path) -> None:
    command = [*ALONE, "--", sys.executable, "-m", "tests.e2e.dev.fuzz", str(tmp_path), str(FUZZ_SECONDS)]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        encoding="utf-8",
        timeout=FUZZ_SECONDS + LAST_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-4_000:]
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert report, done.stdout[-4_000:]
