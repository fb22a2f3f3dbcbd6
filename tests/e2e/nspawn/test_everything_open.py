"""An upgrade asked for over REST while a WebSocket, a log, an MCP session, an upload and a page stay open."""

import json

from tests.appliance.nspawn.upgrading import Upgrades
from tests.bench.table import Row, write

HERE = ("--url", "https://127.0.0.1:7443", "--insecure")
JOB_SECONDS_MAX = 300


def test_whatever_is_open_resumes_or_completes(upgrades: Upgrades) -> None:
    version, bundle = upgrades.make("good_additive")
    with upgrades.load("open", everything=True) as report:
        signed_in = {"ATT_TOKEN": upgrades.token}
        command = ("attctl", *HERE, "upgrade", "apply", str(bundle), "--json")
        started = upgrades.appliance.run(*command, environment=signed_in, timeout_seconds=120)
        job = json.loads(started.stdout)["job_id"]
        report.tell(f"follow {job}")
        watch = ("attctl", *HERE, "job", "watch", job)
        upgrades.appliance.run(*watch, environment=signed_in, timeout_seconds=JOB_SECONDS_MAX)
        assert upgrades.ask(f"/api/v1/jobs/{job}")["state"] == "succeeded"
    seen = report.seen
    rows = [Row(name, str(seen[name])) for name in seen if name not in ("statuses", "errors", "assets")]
    rows += [Row(name, json.dumps(seen[name])) for name in ("statuses", "errors", "assets")]
    write("everything-open", "make e2e", rows)
    assert upgrades.serving() == version
    assert report.bad_statuses() == {}
    assert (seen["writes_lost"], seen["writes_twice"]) == ([], [])
    assert seen["longest_wait_seconds"] <= 5
    assert seen["websocket_connects"] >= 2
    assert seen["websocket_out_of_order"] == 0
    assert seen["websocket_events"] > 0
    assert seen["log_lines"] > 0
    assert seen["mcp_calls"] > 10
    assert seen["upload"] == "complete"
    assert set(seen["assets"]) == {"200"}
