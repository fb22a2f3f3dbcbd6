"""What an operator does to the machine at the SSH door, on one booted appliance."""

import asyncio
import json
import ssl
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest
import websockets
from dev.vm.machine import wait_until
from tests.appliance.nspawn.container import Container
from tests.fakes.chains import Issued, issue

from att.machine.tls.pem import read_chain

FOREVER = (-400, 30_000)


@pytest.fixture(scope="module")
def token(appliance: Container) -> str:
    """An API token, so that a WebSocket may be opened."""
    made = appliance.told("token", "create", "--name", "day", "--role", "admin")
    return str(made["token"])


@pytest.fixture
def own(appliance: Container) -> Iterator[Issued]:
    """A certificate of an operator's own authority, in the operator's home."""
    authority = issue("authority", names=(), authority=True, use=None, days=FOREVER)
    made = issue("att.example.org", authority, days=FOREVER)
    appliance.write("/home/operator/chain.pem", (made.pem + authority.pem).decode())
    appliance.write("/home/operator/key.pem", made.key_pem().decode())
    yield made
    for name in ("chain.pem", "key.pem"):
        appliance.run("rm", "-f", f"/home/operator/{name}")


def insecure() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def served(appliance: Container) -> str:
    place = urlsplit(appliance.url())
    return read_chain(ssl.get_server_certificate((str(place.hostname), place.port or 0)).encode())[0].sha256


@pytest.mark.anyio
async def test_a_new_certificate_is_given_to_all_who_come_and_an_open_websocket_stays(
    appliance: Container, token: str, own: Issued
) -> None:
    sha256, before = read_chain(own.pem)[0].sha256, served(appliance)
    events = appliance.url().replace("https", "wss", 1) + "/api/v1/events"
    headers = {"Authorization": f"Bearer {token}"}
    async with websockets.connect(events, ssl=insecure(), additional_headers=headers, proxy=None) as open_stream:
        paths = ("/home/operator/chain.pem", "/home/operator/key.pem")
        begun = time.monotonic()
        done = await asyncio.to_thread(appliance.told, "tls", "install", *paths)
        assert (done["sha256"], done["replaced"], done["served"]) == (sha256, before, True)
        assert {await asyncio.to_thread(served, appliance) for _ in range(20)} == {sha256}
        installed = time.monotonic()
        assert installed - begun < 30
        shown = await asyncio.to_thread(appliance.told, "tls", "show")
        assert (shown["sha256"], shown["served"], shown["chain"]) == (sha256, True, ["CN=authority"])
        demand_told_where_it_belongs(appliance, before, sha256)
        # A front that gave its former workers 5 s would have ended the stream by then.
        await asyncio.sleep(max(0.0, installed + 6 - time.monotonic()))
        await asyncio.to_thread(appliance.told, "token", "create", "--name", "event", "--role", "viewer")
        assert json.loads(await asyncio.wait_for(open_stream.recv(), 10))


def demand_told_where_it_belongs(appliance: Container, before: str, sha256: str) -> None:
    notice = appliance.run("cat", "/run/issue.d/40-att.issue").stdout
    assert sha256 in notice
    assert before not in notice
    line = json.loads(appliance.read("/var/log/att/audit.log").splitlines()[-1])
    assert (line["action"], line["by"], line["sha256"]) == ("machine.tls.install", "operator", sha256)
    assert "PRIVATE" not in appliance.run("journalctl", "-b", "--no-pager").stdout
    assert appliance.run("stat", "-c", "%U %a", "/etc/att/tls/server.pem").stdout.split() == ["www-data", "400"]


def test_what_nginx_would_refuse_never_gets_in_its_way(appliance: Container, own: Issued) -> None:
    before = served(appliance)
    appliance.write("/home/operator/key.pem", issue().key_pem().decode())
    done = appliance.attctl("tls", "install", "/home/operator/chain.pem", "/home/operator/key.pem", check=False)
    assert (done.returncode, "error[certificate_mismatch]" in done.stderr) == (2, True)
    assert served(appliance) == before


async def drained(stream: websockets.ClientConnection) -> None:
    while True:
        await stream.recv()


@pytest.mark.anyio
async def test_the_front_stops_in_time_although_a_stream_is_open(appliance: Container, token: str) -> None:
    events = appliance.url().replace("https", "wss", 1) + "/api/v1/events"
    headers = {"Authorization": f"Bearer {token}"}
    async with websockets.connect(events, ssl=insecure(), additional_headers=headers, proxy=None) as open_stream:
        begun = time.monotonic()
        await asyncio.to_thread(appliance.run, "systemctl", "restart", "att-front.service")
        assert 4 < time.monotonic() - begun < 9
        # What was told before the end comes first.
        with pytest.raises(websockets.ConnectionClosed):
            await asyncio.wait_for(drained(open_stream), 10)
    shown = appliance.run("systemctl", "show", "-P", "Result", "-P", "ActiveState", "att-front.service").stdout
    assert shown.split() == ["success", "active"]


def test_keys_of_the_ssh_door_are_added_and_removed_where_sshd_reads_them(appliance: Container) -> None:
    appliance.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "ann", "-f", "/tmp/ann")
    appliance.run("chmod", "644", "/tmp/ann.pub")
    added = appliance.told("ssh-key", "add", "/tmp/ann.pub")
    assert (added["changed"], added["left"]) == (True, 1)
    found = appliance.run("stat", "-c", "%U %a", "/home/operator/.ssh", "/home/operator/.ssh/authorized_keys").stdout
    assert found.split() == ["operator", "700", "operator", "600"]
    refused = appliance.attctl("ssh-key", "remove", "ann", check=False)
    assert refused.returncode == 4
    assert appliance.told("ssh-key", "remove", "ann", "--yes")["left"] == 0
    assert appliance.told("ssh-key", "list")["items"] == []


def test_the_clock_and_the_disk_are_told(appliance: Container) -> None:
    clock = json.loads(appliance.attctl("time", "show", "--json", check=False).stdout)
    assert abs(clock["jump_seconds"]) < 60
    appliance.run("sh", "-c", "echo 1000000000 >/run/att/clock")
    status = json.loads(appliance.attctl("status", "--json", check=False).stdout)
    assert any("since boot" in reason for reason in status["reasons"])
    assert appliance.attctl("time", "accept", "--json").returncode == 0
    disk = json.loads(appliance.attctl("disk", "show", "--json", check=False).stdout)
    assert {"release", "database", "journal"} <= {one["what"] for one in disk["taken"]}
    assert "att" in {one["name"] for one in disk["taken"] if one["what"] == "project"}
    grown = appliance.attctl("disk", "grow", "--yes", check=False)
    assert (grown.returncode, "error[disk_not_growable]" in grown.stderr) == (2, True)


def test_one_who_has_no_sudo_changes_nothing(appliance: Container) -> None:
    appliance.run("useradd", "--groups", "att-operators", "bea")
    done = appliance.attctl("log", "level", "debug", user="bea", check=False)
    assert (done.returncode, "error[not_allowed]" in done.stderr) == (4, True)
    assert {one["level"] for one in appliance.told("log", "level")["items"]} == {"info"}
    assert appliance.told("log", "level", "router", "debug")["changed"]


def test_a_network_on_trial_is_taken_up_and_reverts_when_nobody_confirms_it(appliance: Container) -> None:
    appliance.run("ip", "link", "add", "ens3", "type", "veth", "peer", "name", "peer0")
    appliance.run("ip", "link", "set", "peer0", "up")

    def addresses() -> set[str]:
        return set(appliance.told("network", "show")["addresses"])

    def comes(wanted: set[str]) -> bool:
        deadline = time.monotonic() + 20
        while addresses() != wanted and time.monotonic() < deadline:
            time.sleep(0.2)
        return addresses() == wanted

    words = ("--interface", "ens3", "--address", "192.0.2.7/24", "--gateway", "192.0.2.1")
    appliance.told("network", "set", *words)
    assert appliance.told("network", "apply", "--yes")["in_force"] == "trial"
    assert comes({"ens3 192.0.2.7/24"})
    # The two minutes are over.
    appliance.run("systemctl", "start", "att-network-revert.service")
    assert comes(set())
    appliance.run("systemctl", "stop", "att-network-revert.timer")
    appliance.told("network", "apply", "--yes")
    assert appliance.told("network", "confirm")["in_force"] == "kept"
    assert comes({"ens3 192.0.2.7/24"})
    timers = appliance.run("systemctl", "list-timers", "--all", "--no-legend").stdout
    assert "att-network-revert" not in timers


KEYS = (
    "/etc/att/secrets.d/sealing-key",
    "/var/lib/att/router/sealing.key",
    "/var/lib/att/launcher/local.key",
    "/var/lib/att/api/router-signing.key",
)


def test_keys_are_rotated_behind_open_sockets_and_what_they_sealed_still_opens(appliance: Container) -> None:
    def digests() -> set[str]:
        return {line.split()[0] for line in appliance.run("sha256sum", *KEYS).stdout.splitlines()}

    def owners() -> list[str]:
        return appliance.run("stat", "-c", "%a %U %s", *KEYS[:2]).stdout.splitlines()

    appliance.write("/srv/login", "s3cret-of-a-host\n")
    appliance.attctl("project", "credentials", "set", "rotated", "/srv/login", "--host", "example.org")
    appliance.attctl("models", "add", "far", "/srv/login", "--base-url", "http://10.9.9.9/v1", "--models", "llama")
    before = digests()
    done = appliance.told("secrets", "rotate", "--yes")
    assert done["restarts"] == ["att-launcher", "att-api", "att-router"]
    resealed = {one["name"]: one["resealed"] for one in done["secrets"]}
    assert (resealed["sealing"] >= 1, resealed["providers"]) == (True, 1)
    assert not before & digests()
    assert owners() == ["400 root 32", "400 att-router 32"]
    appliance.run("cmp", KEYS[0], "/run/credentials/att-api.service/sealing-key")
    assert "rotated" in {one["name"] for one in appliance.told("project", "credentials", "list")["credentials"]}
    assert "far" in appliance.attctl("models", "list").stdout
    assert appliance.told("secrets", "check")["ok"]


def test_the_audit_log_of_the_engine_and_of_the_operator_is_one_chain(appliance: Container) -> None:
    appliance.write("/srv/att.yaml", "version: 1\njobs:\n  log_mb_max: 4\n  running_max: 3\n")
    applied = appliance.told("config", "apply", "/srv/att.yaml")
    assert applied["notes"][-1] == "version: 1 became 2"
    assert appliance.read("/etc/att/att.yaml") == "version: 2\njobs:\n  running_max: 3\n"
    told = appliance.told("audit", "verify")
    assert (told["whole"], told["unchained"], told["from_the_start"]) == (True, 0, True)
    actions = [json.loads(line)["action"] for line in appliance.read("/var/log/att/audit.log").splitlines()]
    assert {"machine.secrets.rotate", "config.apply"} <= set(actions)
    appliance.run("sed", "-i", "1s/:/: /", "/var/log/att/audit.log")
    broken = appliance.attctl("audit", "verify", "--json", check=False)
    assert (broken.returncode, json.loads(broken.stdout)["broken"]["line"]) == (1, 2)


def test_the_banner_at_login_says_how_the_appliance_is_at_once(appliance: Container) -> None:
    begun = time.monotonic()
    said = appliance.run("run-parts", "/etc/update-motd.d").stdout
    assert time.monotonic() - begun < 5
    release = appliance.run("readlink", "/opt/att/current").stdout.strip().rpartition("/")[2]
    assert said.startswith(f"ATT appliance {release}: ready")
    assert appliance.told("tls", "show")["sha256"] in said


def test_an_engine_and_a_launcher_that_are_killed_answer_the_next_question(appliance: Container) -> None:
    def asked() -> list[str]:
        appliance.told("upgrade", "history")
        appliance.told("token", "list")  # with a token of the launcher's
        names = ("att-upgraded.service", "att-launcher.service")
        return [appliance.run("systemctl", "show", "-P", "MainPID", name).stdout.strip() for name in names]

    before = asked()
    for process in before:
        appliance.run("kill", "-KILL", process)
    after = asked()
    assert "0" not in (*before, *after)
    assert not {*before} & {*after}


def test_a_full_disk_lets_people_in_refuses_writes_and_is_led_out_of_by_the_command_that_it_names(
    appliance: Container, token: str
) -> None:
    on_a_small_disk(appliance)
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=appliance.url(), verify=False, trust_env=False, timeout=60) as client:
        made = client.post("/api/v1/tokens", json={"name": "before"}, headers=headers)
        assert made.status_code == 201
        big = "/var/lib/att/backups/att-old.backup"
        appliance.run("mkdir", "-p", "/var/lib/att/backups")
        appliance.run("dd", "if=/dev/zero", f"of={big}", "bs=64K", "status=none", check=False)
        appliance.run("dd", "if=/dev/zero", f"of={big}-", "bs=1", "status=none", "count=65536", check=False)
        assert appliance.run("stat", "-f", "-c", "%a", "/var/lib/att").stdout.strip() == "0"

        refused = until(503, client, headers)
        assert refused.json()["code"] == "disk_full"
        assert "`attctl disk show`" in refused.json()["hint"]
        said = appliance.attctl("token", "create", "--name", "no", check=False)
        assert (said.returncode, "error[disk_full]" in said.stderr, "attctl disk show" in said.stderr) == (
            4,
            True,
            True,
        )
        signed = client.post("/api/v1/auth/sign-in", json={"token": token})
        assert signed.status_code == 200, signed.text
        assert client.get("/api/v1/auth/me").json()["name"] == "day"
        assert made.json()["id"] in client.get("/api/v1/tokens", headers=headers).text
        status = appliance.attctl("status", "--json", check=False)
        assert (status.returncode, "ATT only reads" in status.stdout) == (4, True)
        assert "disk.full" in appliance.run("journalctl", "--unit=att-api", "--output=cat").stdout

        shown = appliance.attctl("disk", "show", "--json", check=False)
        assert shown.returncode == 4
        [command] = [one["command"] for one in json.loads(shown.stdout)["freeable"] if one["command"].endswith(big)]
        appliance.run("sh", "-c", command, user="operator")
        until(201, client, headers)
    checks = json.loads(appliance.attctl("status", "--json", check=False).stdout)["checks"]
    assert {one["status"] for one in checks if one["name"] == "disk /var/lib/att"} == {"ok"}


def on_a_small_disk(appliance: Container) -> None:
    """Put what the services keep on a file system of its own, with some room left."""
    script = """
        systemctl stop att-api.socket att-api.service
        size=$(($(du -sm /var/lib/att | cut -f1) + 500))
        mkdir /run/small
        mount -t tmpfs -o size=${size}m,mode=755 tmpfs /run/small
        cp -a /var/lib/att/. /run/small
        mount --bind /run/small /var/lib/att
        systemctl start att-api.socket att-api.service
    """
    appliance.run("sh", "-e", "-c", script)


def until(status: int, client: httpx.Client, headers: dict[str, str]) -> httpx.Response:
    """Write until it is answered so: how full a disk is may be known for a second."""
    answers: list[httpx.Response] = []

    def written() -> bool:
        answers.append(client.post("/api/v1/tokens", json={"name": "tried"}, headers=headers))
        return answers[-1].status_code == status

    wait_until(written, 30, f"a write that is answered with {status}")
    return answers[-1]
