"""The router on real systemd: asked through the front and on loopback with keys of the API, small, restarted unseen."""

import json
from collections.abc import Iterator

import httpx
import pytest
from tests.appliance.nspawn.container import Container

CHAT = {"model": "att-scripted", "messages": [{"role": "user", "content": "the sea"}]}
MEMORY_KB_MAX = 60_000


@pytest.fixture(scope="module")
def key(appliance: Container) -> str:
    made: str = json.loads(appliance.attctl("models", "key", "--json").stdout)["key"]
    return made


@pytest.fixture
def front(appliance: Container, key: str) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=appliance.url(), verify=False, trust_env=False, headers=headers, timeout=30) as client:
        yield client


def test_models_are_listed_through_the_front_for_who_has_a_key(front: httpx.Client) -> None:
    assert [model["id"] for model in front.get("/v1/models").json()["data"]] == ["att-scripted"]
    refused = front.get("/v1/models", headers={"Authorization": "Bearer att1.nonsense"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (401, "invalid_api_key")


def test_a_stream_comes_through_the_front_to_its_end(front: httpx.Client) -> None:
    answer = front.post("/v1/chat/completions", json={**CHAT, "stream": True})
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.text.endswith("data: [DONE]\n\n")


def test_neither_figures_nor_admin_are_reached_through_the_front(front: httpx.Client) -> None:
    assert front.get("/metrics").status_code == 401
    for path in ("/admin/providers", "/v1/../admin/providers"):
        assert "att-scripted" not in front.get(path).text


def test_the_port_on_loopback_answers_inside(appliance: Container, key: str) -> None:
    ask = (
        "import sys, urllib.request as r; key = sys.stdin.read()\n"
        "print(r.urlopen(r.Request('http://127.0.0.1:7444/v1/models', headers={'Authorization': key})).status)"
    )
    assert appliance.run("python3", "-c", ask, stdin=f"Bearer {key}").stdout.strip() == "200"
    assert appliance.run("ss", "-Hltn", "sport = :7444").stdout.split()[3] == "127.0.0.1:7444"


def test_a_provider_is_kept_over_a_restart_with_its_key_sealed(appliance: Container, key: str) -> None:
    secret = "sk-of-a-far-side"
    appliance.write("/var/tmp/far.key", secret)
    appliance.attctl(
        "models", "add", "far", "/var/tmp/far.key", "--base-url", "http://10.9.9.9/v1", "--models", "llama"
    )
    appliance.run("systemctl", "restart", "att-router.service")
    listed = json.loads(appliance.attctl("models", "list", "--json").stdout)
    assert [(one["name"], one["has_key"]) for one in listed["providers"]] == [("far", True)]
    appliance.run(
        "sh", "-c", "test -s /var/lib/att/router/providers.json && ! grep -rlF -- $0 /var/lib/att/router", secret
    )
    assert appliance.attctl("models", "remove", "far", "--yes").returncode == 0


def test_restarts_are_not_seen_through_the_front(appliance: Container, front: httpx.Client) -> None:
    for _ in range(3):
        appliance.run("systemctl", "restart", "--no-block", "att-router.service")
        for _ in range(10):
            assert front.post("/v1/chat/completions", json=CHAT).status_code == 200


def test_it_stays_small(appliance: Container, front: httpx.Client) -> None:
    front.post("/v1/chat/completions", json=CHAT)
    pid = appliance.run("systemctl", "show", "-P", "MainPID", "att-router.service").stdout.strip()
    status = appliance.run("cat", f"/proc/{pid}/status").stdout
    resident = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    assert resident < MEMORY_KB_MAX
