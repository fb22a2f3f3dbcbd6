"""`python -m tests.e2e.dev.fuzz FOLDER SECONDS`: schemathesis against a whole platform below a throwaway folder.

Run it in a network namespace of its own: nothing that is fuzzed into existence may reach another machine.
"""

import os
import subprocess
import sys
from pathlib import Path

import httpx
from tests.fakes.platform import Running, platform

HOOKS = "tests.e2e.dev.hooks"
CONFIG = Path(__file__).with_name("schemathesis.toml")
# Far above what one run asks for: what is limited is tested where it is limited.
SETTINGS = "api:\n  requests_per_minute: 1000000\n"
ANSWER_SECONDS = 60
EXCLUDED = {
    "/api/v1/auth/sign-in": "ten tries a minute",
    "/api/v1/auth/claim": "ten tries a minute, and it is claimed",
    "/api/v1/events": "a stream without end",
    "/api/v1/projects/{project_id}/code/watch": "a stream without end",
}
"""Paths that are not asked, each with its reason; everything else is."""


def command(running: Running, seconds: int, report: Path) -> list[str]:
    """Return the call of schemathesis."""
    excluded = [word for path in EXCLUDED for word in ("--exclude-path", path)]
    return [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG)),
        *("run", f"{running.url}/api/v1/openapi.json"),
        *("--header", f"Authorization: Bearer {running.token}"),
        *("--max-time", str(seconds), "--request-timeout", str(ANSWER_SECONDS), "--workers", "2"),
        *("--phases", "examples,coverage,fuzzing,stateful", "--exclude-checks", "positive_data_acceptance"),
        *("--suppress-health-check", "all", "--no-color", "--report", "json", "--report-json-path", str(report)),
        *excluded,
    ]


def main(folder: Path, seconds: int) -> int:
    """Serve and fuzz; returns schemathesis' exit code."""
    (folder / "data").mkdir()
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True, timeout=10)
    with platform(folder / "data", settings=SETTINGS) as running:
        given = {"FUZZ_OWN_TOKEN": _own_token(running), "FUZZ_PROJECT": _project(running)}
        environment = {**os.environ, "SCHEMATHESIS_HOOKS": HOOKS, **given}
        return subprocess.run(
            command(running, seconds, folder / "report.json"), env=environment, check=False, timeout=seconds + 240
        ).returncode


def _own_token(running: Running) -> str:
    """Return the id of the token that the run itself uses."""
    listed = httpx.get(f"{running.url}/api/v1/tokens", headers=running.headers, timeout=ANSWER_SECONDS)
    return str(listed.json()["tokens"][0]["id"])


def _project(running: Running) -> str:
    """Make a project for the operations that need one, and return its id."""
    wanted = {"name": "fuzzed", "template": "chatbot"}
    made = httpx.post(f"{running.url}/api/v1/projects", json=wanted, headers=running.headers, timeout=ANSWER_SECONDS)
    return str(made.raise_for_status().json()["id"])


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
