"""`python -m tests.e2e.dev.fuzz FOLDER SECONDS`: schemathesis against a whole platform below a throwaway folder.

Run it in a network namespace of its own: nothing that is fuzzed into existence may reach another machine.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

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
        with httpx.Client(base_url=f"{running.url}/api/v1", headers=running.headers, timeout=ANSWER_SECONDS) as client:
            own_token = client.get("/tokens").json()["tokens"][0]["id"]
            given = {"FUZZ_OWN_TOKEN": own_token, "FUZZ_KNOWN": json.dumps(_known(client))}
        environment = {**os.environ, "SCHEMATHESIS_HOOKS": HOOKS, **given}
        return subprocess.run(
            command(running, seconds, folder / "report.json"), env=environment, check=False, timeout=seconds + 240
        ).returncode


def _known(client: httpx.Client) -> dict[str, object]:
    """Make a project with a pull request, and an upload; return them by the names that they have in paths."""

    def done(method: str, path: str, **values: object) -> Any:
        return client.request(method, path, json=values).raise_for_status().json()

    project = done("POST", "/projects", name="fuzzed", template="chatbot")["id"]
    of_project = f"/projects/{project}"
    done("POST", f"{of_project}/git/branch", name="fuzzed")
    done("PUT", f"{of_project}/files/README.md", content="fuzzed")
    done("POST", f"{of_project}/git/commit", message="fuzzed", all=True)
    pushing = done("POST", f"{of_project}/git/push")["job_id"]
    assert done("GET", f"/jobs/{pushing}?wait_seconds=25")["state"] == "succeeded"
    number = done("POST", f"{of_project}/git/pr", title="fuzzed")["number"]
    upload = client.post("/uploads", content=b"fuzzed").raise_for_status().json()["upload"]
    return {"project_id": project, "number": number, "upload_id": upload}


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
