"""`make smoke`: the image boots, is operated over SSH, upgraded, refuses to stay broken, and survives a power cut."""

import json

from tests.appliance.vm.operated import Operated

# Each upgrade under emulation takes minutes.
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "smoke", "version": "1"},
    },
}


def test_status_over_ssh_is_ok_and_says_so_with_its_exit_code(appliance: Operated) -> None:
    code, status, said = appliance.attctl("status")
    assert (code, status["status"]) == (0, "ok"), said
    assert status["release"] == appliance.release()


def test_console_rest_and_mcp_answer_on_the_appliance_port(appliance: Operated) -> None:
    signed_in = {"Authorization": f"Bearer {appliance.token}"}
    page = appliance.guest.request("GET", "/")
    assert page.status == 200
    assert page.headers["content-type"].startswith("text/html")

    health = appliance.guest.request("GET", "/api/v1/auth/me", headers=signed_in)
    assert health.status == 200
    refused = appliance.guest.request("GET", "/api/v1/tokens")
    assert refused.status == 401
    assert refused.headers["content-type"].startswith("application/problem+json")

    both = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    body = json.dumps(INITIALIZE)
    assert appliance.guest.request("POST", "/mcp", body=body, headers=both).status == 401
    answer = appliance.guest.request("POST", "/mcp", body=body, headers=both | signed_in, timeout_seconds=60)
    assert answer.status == 200
    assert '"serverInfo"' in answer.body


def test_the_root_file_system_fills_the_disk_and_no_password_is_set(appliance: Operated) -> None:
    total = int(appliance.guest.shell("df --output=size -BM / | tail -1").strip().rstrip("M"))
    assert total > 7000
    hashes = appliance.guest.shell("sudo cut -d: -f1,2 /etc/shadow").split()
    assert [line for line in hashes if not line.partition(":")[2].startswith(("!", "*"))] == []


def test_a_good_release_is_upgraded_to_and_kept(appliance: Operated) -> None:
    bundle, version = appliance.bundles.next("good_additive")
    code, told, said = appliance.upgrade(bundle)
    assert code == 0, said
    assert told["verdict"] == "committed", told
    assert appliance.release() == version
    assert set(appliance.sockets().values()) == {"active"}
    assert appliance.status_becomes_ok()["release"] == version


def test_a_release_that_crashes_rolls_itself_back_and_is_refused_the_next_time(appliance: Operated) -> None:
    before = appliance.release()
    bundle, version = appliance.bundles.next("crash_loop")
    code, _, said = appliance.upgrade(bundle)
    assert code == 4, said
    assert "gate_failed" in said, said
    assert appliance.release() == before
    assert set(appliance.sockets().values()) == {"active"}
    assert appliance.status_becomes_ok()["release"] == before
    assert appliance.guest.shell("sudo ls /var/log/att").count("rollback-") >= 1
    assert version in appliance.guest.shell("sudo cat /var/log/att/audit.log")
    code, plan, said = appliance.attctl("upgrade", "plan", bundle.name)
    assert code == 1, said
    assert plan["refusal"] is not None


def test_a_power_cut_in_the_middle_of_an_upgrade_leaves_a_healthy_appliance(appliance: Operated) -> None:
    before = appliance.release()
    bundle, version = appliance.bundles.next("good_none")
    appliance.begin_upgrade_and_cut_power(bundle)
    print(f"ready after {appliance.boot():.0f} s, after the power cut")
    told = appliance.newest_upgrade_ends()
    status = appliance.status_becomes_ok()
    assert told["verdict"] in {"committed", "rolled_back"}, told
    assert status["release"] == appliance.release() == (version if told["verdict"] == "committed" else before)
    assert set(appliance.sockets().values()) == {"active"}
    assert (
        appliance.guest.request("GET", "/api/v1/auth/me", headers={"Authorization": f"Bearer {appliance.token}"}).status
        == 200
    )
