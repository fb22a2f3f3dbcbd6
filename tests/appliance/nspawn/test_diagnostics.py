"""Diagnostics of a booted appliance: sixty secrets are planted where an operator's day leaves them, and none leaves."""

import io
import json
import tarfile
from collections.abc import Iterator

import pytest
from tests.appliance.nspawn.container import Container
from tests.unit.diagnostics.planted import Plant, plants

from att.diagnostics.known import known
from att.diagnostics.leaks import holds

PLANTS = plants()
HELD = [one for one in PLANTS if one.held]
FILE = "/home/operator/diag.tar.gz"
CONFIG = "/var/lib/att/projects/p000/work/configs/config.yml"


@pytest.fixture(scope="module")
def planted(appliance: Container) -> Container:
    """The appliance with all sixty in its logs, its audit log, an app's config and the command line of a process."""
    in_files, in_database = HELD[:-3], HELD[-3:]
    for one in in_files:
        appliance.write(f"/etc/att/secrets.d/planted-{one.value[:2]}", one.value, mode=0o400)
    for one in in_database:
        appliance.write("/srv/login", one.value)
        appliance.attctl("project", "credentials", "set", f"c{one.value[:2]}", "/srv/login", "--host", "example.org")
    appliance.run("rm", "/srv/login")
    texts = "\n".join(one.text for one in PLANTS) + "\n"
    for place in ("/var/log/att/rollback-planted.log", "/etc/att/att.yaml.planted", CONFIG):
        appliance.run("mkdir", "-p", place.rpartition("/")[0])
        appliance.run("sh", "-c", f"cat >{place}", stdin=texts)
    appliance.run("sh", "-c", "sed 's/^/# /' /etc/att/att.yaml.planted >>/etc/att/att.yaml", stdin="")
    appliance.run("sh", "-c", "cat >>/var/log/att/audit.log", stdin=_as_audit(PLANTS))
    appliance.run("systemd-cat", "--priority=warning", "--identifier=att-api", stdin=texts)
    argument = f"--password={PLANTS[0].value}"
    appliance.run("systemd-run", "--unit=planted", "sh", "-c", "sleep 600", "sh", argument, HELD[0].value)
    return appliance


def _as_audit(found: list[Plant]) -> str:
    return "".join(
        json.dumps({"at": "2026-11-22T10:00:00Z", "action": "try", "told": one.text}) + "\n" for one in found
    )


def texts_of(data: bytes) -> Iterator[tuple[str, str]]:
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
        for member in archive.getmembers():
            file = archive.extractfile(member)
            assert file is not None
            yield member.name.partition("/")[2], file.read().decode()


def bundle_of(container: Container, *words: str) -> tuple[dict[str, str], dict[str, str]]:
    """What is in the bundle that the operator makes, and why what is not in it is not."""
    container.run("rm", "-f", FILE)
    container.attctl("diag", "bundle", "--output", FILE, *words)
    assert container.run("stat", "-c", "%U %a", FILE).stdout.split() == ["operator", "600"]
    texts = dict(texts_of((container.root / FILE.lstrip("/")).read_bytes()))
    return texts, {one["source"]: one["problem"] for one in json.loads(texts["index.json"])["sources"]}


def own_secrets(container: Container) -> list[bytes]:
    """What the appliance made for itself, as a test reads it."""
    found = [(container.root / "etc/att/secrets.d/sealing-key").read_bytes()]
    for place in (
        "var/lib/att/launcher/local.key",
        "var/lib/att/upgrade/trust/appliance.key",
        "etc/att/tls/server.pem",
    ):
        _, begun, rest = (container.root / place).read_text().partition("PRIVATE KEY-----\n")
        assert begun, place
        found.append("".join(rest.partition("-----")[0].split()).encode())
    found.append(container.run("cat", "/run/att/claim-code").stdout.strip().encode())
    return found


def test_of_sixty_planted_secrets_none_is_in_the_bundle(planted: Container) -> None:
    texts, problems = bundle_of(planted)
    wanted = known([*(one.value.encode() for one in PLANTS), *own_secrets(planted)])
    assert [name for name, text in texts.items() if holds(text, wanted)] == []
    # They were looked for where they were planted.
    for name in (
        "upgrade/rollbacks.txt",
        "audit.jsonl",
        "machine/warnings.log",
        "projects/configs.txt",
        "config/att.yaml",
    ):
        assert texts[name].count("[redacted:") >= 50, name
    assert "sleep 600 sh --password=[redacted:name] [redacted:value]" in texts["machine/processes.txt"]
    assert json.loads(texts["status.json"])["release"]
    assert json.loads(texts["releases.json"])["releases"][0]["complete"]
    assert "Started" in texts["services/att-api.log"]
    places = {one["place"]: one for one in json.loads(texts["index.json"])["looked_for"]}
    assert (places["database"]["values"], places["database"]["problem"]) == (3, "")
    assert {name: why for name, why in problems.items() if "hangs" in why or "Error" in why} == {}


def test_the_logs_are_shown_without_them(planted: Container) -> None:
    warned = planted.attctl("logs", "--level", "warning", "--lines", "5000").stdout
    everything = planted.attctl("logs", "api", "front").stdout
    assert "att-api info: Started" in everything
    assert not holds(warned + everything, known(one.value.encode() for one in PLANTS))


def test_with_the_services_dead_it_is_made_all_the_same(planted: Container) -> None:
    planted.run("systemctl", "stop", "att-api.socket", "att-api", "att-upgraded.socket", "att-upgraded", "att-launcher")
    texts, problems = bundle_of(planted)
    assert json.loads(texts["status.json"])["status"] == "error"
    assert problems["metrics.txt"].startswith("cannot ")
    places = {one["place"]: one for one in json.loads(texts["index.json"])["looked_for"]}
    assert (places["database"]["values"], places["database"]["problem"]) == (3, "")


def test_a_further_operator_may_not_make_it(planted: Container) -> None:
    planted.run("useradd", "--groups", "att-operators", "alice")
    refused = planted.attctl("diag", "bundle", user="alice", check=False)
    assert (refused.returncode, "error[not_allowed]" in refused.stderr) == (4, True)
