"""A WebSocket, job logs, an MCP session, uploads and a page stay open through two upgrades and a rollback under load.

All three are asked for over REST, as jobs whose logs are followed.
"""

import json
from dataclasses import replace

from tests.appliance.nspawn.outcomes import assert_nothing_was_lost
from tests.appliance.nspawn.upgrading import Upgrades
from tests.bench.table import Row, write
from tests.fakes.bundles import Variant
from tests.fakes.overlays import other_assets

HERE = ("--url", "https://127.0.0.1:7443", "--insecure", "--json")
JOB_SECONDS_MAX = 300
NONE = Variant("another_page", "COMMITTED", other_assets)
ADDITIVE = replace(NONE, migrations=("additive",))


def begin(upgrades: Upgrades, *command: str) -> str:
    """Ask over REST; returns the job's id."""
    signed_in = {"ATT_TOKEN": upgrades.token}
    started = upgrades.appliance.run("attctl", *HERE, *command, environment=signed_in, timeout_seconds=120)
    return str(json.loads(started.stdout)["job_id"])


def wait_for(upgrades: Upgrades, job: str) -> None:
    """Watch a job to its end, and see that it succeeded."""
    command = ("attctl", *HERE, "job", "watch", job)
    upgrades.appliance.run(*command, environment={"ATT_TOKEN": upgrades.token}, timeout_seconds=JOB_SECONDS_MAX)
    assert upgrades.ask(f"/api/v1/jobs/{job}")["state"] == "succeeded"


def test_whatever_is_open_resumes_or_completes(upgrades: Upgrades) -> None:
    before = upgrades.current()
    first, bundle = upgrades.make(NONE)
    _, other = upgrades.make(ADDITIVE)
    jobs = []
    with upgrades.load("open", everything=True) as report:
        for command in (("upgrade", "apply", str(bundle)), ("upgrade", "apply", str(other)), ("rollback", "--yes")):
            report.tell("upload")
            jobs.append(begin(upgrades, *command))
            report.tell(f"follow {jobs[-1]}")
            wait_for(upgrades, jobs[-1])
    assert before != upgrades.serving() == first
    kept = report.seen["kept_open"]
    write("everything-open", "make e2e", [Row("load", report.summary, "5 s")] + [Row(n, str(kept[n])) for n in kept])
    assert_nothing_was_lost(report)
    assert kept["websocket"]["connects"] == 4
    assert kept["websocket"]["closed 1012"] == 3
    assert kept["websocket"]["events"] > 100
    assert (kept["websocket"]["gaps"], kept["websocket"]["out of order"], kept["websocket"]["missing"]) == (0, 0, 0)
    for job in jobs:
        log = kept["logs"][job]
        assert (log["ended"], log["wrong lines"], log["lines"] > 10, log["connects"] > 1) == (1, 0, True, True)
    assert kept["mcp"]["calls"] > 50
    assert kept["mcp"]["sessions"] == 1
    assert kept["mcp"].get("failed calls", 0) == 0
    assert [one["state"] for one in kept["uploads"]] == ["complete"] * 3
    assert any(one["resumed_at"] for one in kept["uploads"])
    assert set(kept["assets"]) == {"200"}
