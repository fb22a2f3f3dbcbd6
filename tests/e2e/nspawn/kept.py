"""An appliance with everything that a backup must keep, and a walk that asks disk, git and port by themselves."""

import hashlib
import json
import ssl
from dataclasses import dataclass
from typing import Any

import httpx
from tests.appliance.box import settled
from tests.appliance.isolation import slot_of
from tests.appliance.nspawn.container import Container

NAME, PASSWORD = "operator", "a long password of tests"
KEY = "/root/recovery-key.txt"
TABLES = (
    "projects",
    "project_variables",
    "credentials",
    "pull_requests",
    "pr_comments",
    "pr_approvals",
    "forge_policies",
    "users",
    "claims",
)
DATABASE = "/var/lib/att/api/db/att.db"
SETTINGS = "log:\n  level: debug\nbackup:\n  keep: 3\n"
_ROWS = """
import json, sqlite3, sys
database = sqlite3.connect("file:%s?mode=ro" % sys.argv[1], uri=True, timeout=60)
print(json.dumps({name: sorted(map(repr, database.execute(f"SELECT * FROM {name}"))) for name in sys.argv[2:]}))
"""
_TOKENS = "SELECT id, name, role, kind, owner, expires, revoked FROM tokens WHERE name = 'kept'"


@dataclass(frozen=True)
class Doors:
    """What people of the old appliance have in their hands."""

    token: str
    cookie: str


def furnished(box: Container) -> Doors:
    """Claim it and give it two projects with commits, a pull request, variables, a credential, a token, settings."""
    code = box.run("cat", "/run/att/claim-code").stdout.strip()
    with _client(box) as client:
        claimed = client.post("/api/v1/auth/claim", json={"code": code, "name": NAME, "password": PASSWORD})
    assert claimed.status_code == 200, claimed.text
    settled(box)
    for name, template in (("My bot", "chatbot"), ("Tools", "tool-server")):
        box.told("project", "create", name, "--template", template)
    box.write("/home/operator/README.md", "# My bot\n\nIt counts.\n")
    box.told("git", "branch", "my-bot", "greeting")
    box.told("code", "write", "my-bot", "README.md", "/home/operator/README.md")
    box.told("git", "commit", "my-bot", "--all", "--message", "docs: what it does")
    box.told("git", "push", "my-bot", "--wait")
    box.told("git", "pr", "create", "my-bot", "--title", "What it does")
    box.told("code", "write", "tools", "notes.txt", "/home/operator/README.md")
    box.write("/home/operator/secret", "s3cret-of-a-host\n")
    box.told("project", "credentials", "set", "team", "/home/operator/secret", "--host", "example.org")
    box.told("project", "variables", "set", "tools", "GREETING", "/home/operator/secret")
    box.write("/home/operator/att.yaml", SETTINGS)
    box.told("config", "apply", "/home/operator/att.yaml")
    token = box.told("token", "create", "--name", "kept", "--role", "developer")["token"]
    return Doors(token, claimed.headers["Set-Cookie"].partition(";")[0])


def backup(box: Container) -> tuple[bytes, str]:
    """Make a backup at the SSH door; returns the file, which leaves the machine, and the recovery key."""
    made = box.told("backup", "create")
    key = box.attctl("backup", "key").stdout
    return (box.root / made["file"].lstrip("/")).read_bytes(), key


def hand_over(box: Container, taken: tuple[bytes, str]) -> str:
    """Bring file and key to another machine; returns the path there."""
    path = "/srv/old.attbk"
    (box.root / path.lstrip("/")).write_bytes(taken[0])
    box.write(KEY, taken[1], mode=0o600)
    return path


def walk(box: Container) -> dict[str, Any]:
    """What the machine holds, in values that must be equal before and after."""
    slots = [slot_of(box, slug) for slug in ("my-bot", "tools", "att")]
    return {
        "rows": json.loads(box.run("python3", "-c", _ROWS, DATABASE, *TABLES).stdout),
        "work": {slot: _work(box, f"/var/lib/att/projects/p{slot:03}/work", f"att-p{slot:03}") for slot in slots},
        "forge": _forge(box),
        "secrets": box.run("sh", "-c", "sha256sum /etc/att/secrets.d/sealing-key /etc/att/tls/*").stdout,
        "settings": box.read("/etc/att/att.yaml"),
        "certificate": fingerprint(box),
        "closed": box.told("secrets", "check")["ok"],
    }


def fingerprint(box: Container) -> str:
    """Of the certificate that the appliance port shows."""
    port = int(box.url().rpartition(":")[2])
    pem = ssl.get_server_certificate(("127.0.0.1", port))
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()


def assert_doors_open(box: Container, doors: Doors) -> None:
    """Token, session and password of before are good, and only those: nobody may claim the machine."""
    with _client(box) as client:
        asked = client.get("/api/v1/projects", headers={"Authorization": f"Bearer {doors.token}"})
        assert asked.status_code == 200, asked.text
        slugs = {one["slug"] for one in asked.json()["projects"]}
        assert {"my-bot", "tools", "att"} <= slugs
        assert client.get("/api/v1/projects", headers={"Cookie": doors.cookie}).status_code == 200
        signed = client.post("/api/v1/auth/sign-in", json={"name": NAME, "password": PASSWORD})
        assert signed.status_code == 200, signed.text
    assert box.run("test", "-e", "/run/att/claim-code", check=False).returncode != 0


def assert_work_goes_on(box: Container) -> None:
    """Projects, pull request and secrets are no picture of themselves: people go on with them."""
    (opened,) = box.told("git", "pr", "list", "my-bot")["pull_requests"]
    assert (opened["title"], opened["state"]) == ("What it does", "open")
    box.told("git", "pr", "approve", "my-bot", str(opened["number"]))
    listed = box.told("project", "variables", "list", "tools")
    assert [one["name"] for one in listed["variables"]] == ["GREETING"]
    box.told("project", "variables", "set", "tools", "ANOTHER", "/etc/hostname")
    box.told("git", "branch", "tools", "notes")
    box.told("git", "commit", "tools", "--all", "--message", "docs: notes")
    box.told("git", "push", "tools", "--wait")


def _work(box: Container, folder: str, user: str) -> dict[str, str]:
    files = "find . -path ./.git -prune -o \\( -type f -o -type l \\) -print0 | sort -z | xargs -0 sha256sum"
    owners = "find . -printf '%U %G %m %p\\n' | grep -v -e '/\\.git/index' -e '/\\.git/objects' | sort"
    told = {"files": files, "owners": owners, "log": "git log --all --format=%H%d", "status": "git status --porcelain"}
    found = {name: box.run("sh", "-c", f"cd {folder} && {line}", user=user).stdout for name, line in told.items()}
    box.run("git", "-C", folder, "fsck", "--full", user=user)
    return found


def _forge(box: Container) -> dict[str, str]:
    found = {}
    listed = box.run("ls", "/var/lib/att/api/forge", user="att").stdout.split()
    for name in listed:
        path = f"/var/lib/att/api/forge/{name}"
        box.run("git", "-C", path, "fsck", "--full", user="att", timeout_seconds=300)
        found[name] = box.run("git", "-C", path, "for-each-ref", user="att").stdout
    return found


def _client(box: Container) -> httpx.Client:
    return httpx.Client(base_url=box.url(), verify=False, timeout=60)
