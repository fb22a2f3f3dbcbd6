"""What a booted appliance is: its units, doors, files, and what first boot made."""

import json
import ssl
import stat
from urllib.parse import urlsplit

import httpx
import pytest
from cryptography import x509
from testinfra.host import Host
from tests.appliance.box import settled
from tests.appliance.nspawn.container import Container

from att.appliance import facts

PATHS = facts().paths
SOCKETS = (
    "att-api.socket",
    "att-router.socket",
    "att-upgraded.socket",
    "att-launcher.socket",
    "att-local.socket",
    "att-egress.socket",
)
ABSENT = ("att-memory.socket", "att-admin.socket")
ASKED = ("att-router.service", "att-launcher.service", "att-egress.service")
SAYS_AT_DOOR = (
    "import socket, sys; door = socket.socket(socket.AF_UNIX); door.settimeout(60); door.connect(sys.argv[1]);"
    "door.sendall(sys.argv[2].encode() + b'\\r\\n\\r\\n'); print(door.makefile().readline())"
)
RUNNING = ("att.target", "att-front.service", "att-api.service", "att-recover.service", "att-firstboot.service")


def states(appliance: Container, units: tuple[str, ...]) -> list[str]:
    return appliance.run("systemctl", "is-active", *units, check=False).stdout.split()


def get(appliance: Container, path: str, **headers: str) -> httpx.Response:
    with httpx.Client(base_url=appliance.url(), verify=False, trust_env=False, http2=False, timeout=30) as client:
        return client.get(path, headers=headers)


@pytest.mark.parametrize("unit", [*RUNNING, *SOCKETS])
def test_it_is_active(host: Host, unit: str) -> None:
    assert host.run("systemctl is-active %s", unit).stdout.strip() == "active"


def test_who_starts_with_the_machine_is_the_api_and_the_others_start_when_they_are_first_asked(
    appliance: Container,
) -> None:
    settled(appliance)
    appliance.reboot()
    assert states(appliance, ASKED) == ["inactive"] * len(ASKED)
    status = appliance.told("status")
    assert status["status"] == "ok"
    told = next(check["detail"] for check in status["checks"] if check["name"] == "units")
    idle = told.partition("idle until asked: ")[2].split(", ")
    assert {f"{name}.service" for name in idle} >= set(ASKED)
    assert get(appliance, "/v1/models").status_code == 401
    assert "token" in local_door(appliance, "root")
    said = appliance.run("python3", "-c", SAYS_AT_DOOR, "/run/att/egress.sock", "CONNECT example.org:443 HTTP/1.1")
    assert said.stdout.startswith("HTTP/1.1 403 ")
    assert states(appliance, ASKED) == ["active"] * len(ASKED)


def test_nothing_failed_and_the_journal_holds_no_error(host: Host, appliance: Container) -> None:
    assert host.run("systemctl --failed --plain --no-legend").stdout == ""
    assert host.run("journalctl -q -b -p err -u 'att*' -o cat").stdout == ""


@pytest.mark.parametrize("unit", ABSENT)
def test_a_socket_without_its_service_does_not_listen(host: Host, unit: str) -> None:
    shown = host.run("systemctl show -P LoadState -P ActiveState %s", unit).stdout.split()
    assert shown == ["loaded", "inactive"]


def test_units_of_the_release_come_from_its_own_folder(host: Host) -> None:
    release = host.run("readlink -f /opt/att/current").stdout.strip()
    for unit in ("att-api.service", "att-upgraded.service", "att-launcher.service"):
        path = host.run("readlink -f $(systemctl show -P FragmentPath %s)", unit).stdout.strip()
        assert path == f"{release}/systemd/{unit}"
        assert f"{release}/venv/bin/python" in host.run("systemctl show -P ExecStart %s", unit).stdout


@pytest.mark.parametrize(
    ("path", "user", "group", "mode"),
    [
        (PATHS.releases, "root", "root", 0o755),
        (PATHS.journal, "root", "root", 0o700),
        (PATHS.config, "root", "root", 0o644),
        (PATHS.secrets, "root", "root", 0o700),
        (PATHS.tls / "server.pem", "www-data", "www-data", 0o400),
        (PATHS.tls / "server.crt", "root", "root", 0o644),
        (PATHS.api_state, "att", "att", 0o700),
        (PATHS.upgrade_state, "root", "root", 0o700),
        (PATHS.local_trust / "appliance.key", "root", "root", 0o400),
        (PATHS.run / "claim-code", "root", "root", 0o400),
        (PATHS.keys / "claim.sha256", "root", "att", 0o440),
        (PATHS.run / "api.sock", "root", "www-data", 0o660),
        (PATHS.run / "router.sock", "root", "www-data", 0o666),
        (PATHS.run / "api" / "router.pub", "att", "att", 0o444),
        (PATHS.api_state / "router-signing.key", "att", "att", 0o400),
        (PATHS.run / "egress.sock", "root", "att-engine", 0o666),
        (PATHS.run / "api" / "egress.pub", "att", "att", 0o444),
        (PATHS.api_state / "egress-signing.key", "att", "att", 0o400),
        (PATHS.run / "upgraded.sock", "root", "att-engine", 0o660),
        (PATHS.run / "launcher.sock", "root", "att-engine", 0o660),
        (PATHS.run / "local.sock", "root", "att-operators", 0o660),
    ],
    ids=str,
)
def test_it_belongs_to(host: Host, path: object, user: str, group: str, mode: int) -> None:
    found = host.file(str(path))
    assert (found.user, found.group, stat.S_IMODE(found.mode)) == (user, group, mode)


def test_the_database_is_the_service_users_behind_its_link(host: Host) -> None:
    assert host.file(str(PATHS.api_database)).linked_to == f"{PATHS.api_state}/db-1"
    database = host.file(f"{PATHS.api_state}/db-1/att.db")
    assert (database.user, stat.S_IMODE(database.mode)) == ("att", 0o600)


def test_the_certificate_covers_name_and_loopback_and_the_port_speaks_tls(host: Host, appliance: Container) -> None:
    certificate = x509.load_pem_x509_certificate(host.file(str(PATHS.tls / "server.crt")).content)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert host.run("hostname").stdout.strip() in names.get_values_for_type(x509.DNSName)
    assert "127.0.0.1" in {str(address) for address in names.get_values_for_type(x509.IPAddress)}
    place = urlsplit(appliance.url())
    assert place.hostname is not None
    served = ssl.get_server_certificate((place.hostname, place.port or 0))
    assert x509.load_pem_x509_certificate(served.encode()) == certificate


def test_the_claim_code_is_on_the_console(host: Host, appliance: Container) -> None:
    code = host.run("cat /run/att/claim-code").stdout.strip()
    assert code in appliance.console.read_text(encoding="utf-8", errors="replace")


def test_a_route_whose_service_is_not_there_answers_503_with_a_problem(appliance: Container) -> None:
    appliance.run("systemctl", "stop", "att-router.socket", "att-router.service")
    answer = get(appliance, "/v1/models", accept="application/json")
    appliance.run("systemctl", "start", "att-router.socket")
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["retry-after"] == "5"
    assert answer.json()["code"] == "service_down"
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert get(appliance, "/v1/models").status_code == 401


def test_every_answer_carries_security_headers_and_the_request_id(appliance: Container) -> None:
    answer = get(appliance, "/healthz", **{"x-request-id": "req-of-the-client"})
    assert answer.status_code == 200
    assert answer.headers.get_list("x-request-id") == ["req-of-the-client"]
    for name in ("content-security-policy", "x-content-type-options", "x-frame-options", "referrer-policy"):
        assert len(answer.headers.get_list(name)) == 1, name


def test_plain_http_on_the_port_is_told_to_use_https(appliance: Container) -> None:
    address = appliance.url().replace("https", "http")
    answer = httpx.get(address, trust_env=False)
    assert answer.status_code == 400
    assert answer.json()["code"] == "https_only"


def test_a_body_beyond_the_limit_is_a_problem(appliance: Container) -> None:
    with httpx.Client(base_url=appliance.url(), verify=False, trust_env=False) as client:
        answer = client.post("/api/v1/auth/sign-in", content=b"x" * 17_000_000)
    assert answer.status_code == 413
    assert answer.json()["code"] == "body_too_large"


def test_the_operator_has_the_ssh_door_and_no_password(host: Host) -> None:
    assert host.file("/etc/shadow").content_string.split("operator:")[1].split(":")[0].startswith("!")
    assert host.run("runuser -u operator -- sudo -n id -u").stdout.strip() == "0"
    assert "att-operators" in host.user("operator").groups


def local_door(appliance: Container, user: str | None) -> dict[str, object]:
    program = (
        "import socket;s=socket.socket(socket.AF_UNIX);s.connect('/run/att/local.sock');print(s.makefile().readline())"
    )
    done = appliance.run("python3", "-c", program, user=user, check=False)
    answer: dict[str, object] = json.loads(done.stdout) if done.returncode == 0 else {"refused": done.stderr}
    return answer


@pytest.mark.parametrize("user", ["root", "operator"])
def test_root_and_operators_get_a_token_at_the_local_door(appliance: Container, user: str) -> None:
    assert str(local_door(appliance, user)["token"]).startswith("att1.")


@pytest.mark.parametrize("user", ["att", "www-data", "att-p000", "nobody"])
def test_nobody_else_reaches_the_local_door(appliance: Container, user: str) -> None:
    assert "Permission denied" in str(local_door(appliance, user)["refused"])


def test_a_further_operator_has_attctl_but_no_sudo(appliance: Container) -> None:
    appliance.run("useradd", "--groups", "att-operators", "alice")
    assert "token" in local_door(appliance, "alice")
    assert appliance.run("sudo", "-n", "id", user="alice", check=False).returncode != 0
    said = appliance.attctl("status", "--json", user="alice")
    assert json.loads(said.stdout)["status"] == "ok"


def test_attctl_says_ok_to_the_operator(appliance: Container) -> None:
    done = appliance.attctl("status", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["status"] == "ok"


def test_an_operators_shell_completes_the_commands_of_the_running_release(appliance: Container) -> None:
    # What bash does at the first TAB, then at the next ones.
    pressed = "_comp_complete_load attctl; COMP_WORDS=(attctl upgrade h) COMP_CWORD=2; _attctl_completion attctl"
    said = appliance.run("bash", "-lic", f"{pressed}; echo got ${{COMPREPLY[*]}}", user="operator").stdout
    assert said.splitlines()[-1] == "got history"


def test_a_second_boot_keeps_what_the_first_made_and_makes_a_new_claim_code(appliance: Container) -> None:
    def lasting() -> str:
        files = "/etc/att/tls/server.pem /var/lib/att/upgrade/trust/appliance.key /etc/ssh/ssh_host_ed25519_key"
        return appliance.run("sh", "-c", f"sha256sum {files} /etc/machine-id; readlink /var/lib/att/api/db").stdout

    before, code = lasting(), appliance.run("cat", "/run/att/claim-code").stdout
    appliance.reboot()
    assert lasting() == before
    assert appliance.run("cat", "/run/att/claim-code").stdout != code
    assert appliance.attctl("status", "--json").returncode == 0
    assert appliance.run("systemctl", "--failed", "--plain", "--no-legend").stdout == ""


def test_a_plug_pulled_at_run_time_costs_nothing(appliance: Container) -> None:
    appliance.cut()
    appliance.boot()
    assert appliance.attctl("status", "--json").returncode == 0
