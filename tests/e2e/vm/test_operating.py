"""The long story in the machine: a sick API seen from the SSH door, an upgrade under load, bad releases."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from dev.vm.image import Image
from dev.vm.machine import wait_until
from tests.appliance.vm.operated import UPGRADE_SECONDS_MAX, Operated
from tests.bench.table import Row, write

LOAD = Path(__file__).parents[2] / "appliance" / "load.py"
LONGEST_WAIT_SECONDS_MAX = 30.0
FENCED_FOR_TOO_LONG = "POST 503"


@contextmanager
def load(appliance: Operated, folder: Path, prefix: str) -> Iterator[dict[str, Any]]:
    """Five requests a second for as long as the block runs; its report is filled in at the end."""
    token = folder / "token"
    token.write_text(appliance.token)
    command = [
        sys.executable,
        str(LOAD),
        "--url",
        appliance.url,
        "--token-file",
        str(token),
        "--rate",
        "5",
        "--prefix",
        prefix,
    ]
    report: dict[str, Any] = {}
    with subprocess.Popen(
        [*command, "--requests-only"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as client:
        assert client.stdin is not None
        assert client.stdout is not None
        assert client.stdout.readline().strip() == "ready"
        try:
            yield report
        finally:
            client.stdin.write("stop\n")
            client.stdin.close()
            report.update(json.loads(client.stdout.read()))


def all_answers_were_good(report: dict[str, Any]) -> None:
    """No acknowledged write is lost or twice, and every request had its answer in time.

    An emulated machine holds the fence longer than the API lets a write wait: that write is answered 503, never kept.
    """
    wrong = {kind for kind in report["statuses"] if not kind.split()[1].startswith("2") and kind != FENCED_FOR_TOO_LONG}
    assert (wrong, report["errors"]) == (set(), {}), report
    assert (report["writes_lost"], report["writes_twice"]) == ([], [])
    assert report["writes_acknowledged"] > 0
    assert report["longest_wait_seconds"] <= LONGEST_WAIT_SECONDS_MAX


@pytest.fixture(scope="module")
def evidence(image: Image) -> Iterator[list[Row]]:
    """The table of what the upgrades under load came to."""
    rows: list[Row] = []
    yield rows
    if rows:
        write("upgrades-in-the-machine", "make e2e", rows, of=f"image {image.version}")


def told(variant: str, outcome: str, report: dict[str, Any]) -> Row:
    answers = ", ".join(f"{count} × {kind}" for kind, count in sorted(report["statuses"].items()))
    figure = f"longest wait {report['longest_wait_seconds']:.1f} s; {answers}"
    print(f"{variant}: {outcome}, {figure}")
    return Row(f"{variant}: {outcome}", figure, f"{LONGEST_WAIT_SECONDS_MAX:.0f} s")


def test_status_is_an_error_while_the_api_is_masked_and_everything_is_back_after_it(appliance: Operated) -> None:
    appliance.guest.shell("sudo systemctl mask --now att-api.service")
    code, status, said = appliance.attctl("status")
    assert code == 4, said
    assert status["status"] == "error"
    appliance.guest.shell("sudo systemctl unmask att-api.service && sudo systemctl start att-api.service")
    assert set(appliance.sockets().values()) == {"active"}
    assert appliance.status_becomes_ok()["status"] == "ok"


def test_status_is_degraded_when_the_disk_threshold_says_so(appliance: Operated) -> None:
    appliance.guest.ssh(
        "sh", "-c", "sudo cat /etc/att/att.yaml > before.yaml; cat > full.yaml", given="disk:\n  free_mb_min: 999999\n"
    )
    code, _, said = appliance.attctl("config", "apply", "full.yaml")
    assert code == 0, said
    try:
        seen: list[int] = []

        def degraded() -> bool:
            seen.append(appliance.attctl("status")[0])
            return seen[-1] == 3

        wait_until(degraded, 120, "the status to be degraded", every_seconds=3)
    finally:
        appliance.attctl("config", "apply", "before.yaml")
    assert 4 not in seen
    appliance.status_becomes_ok()


@pytest.mark.parametrize("variant", ["good_none", "good_additive"])
def test_an_upgrade_under_load_loses_nothing(
    appliance: Operated, tmp_path: Path, evidence: list[Row], variant: str
) -> None:
    bundle, version = appliance.bundles.next(variant)
    with load(appliance, tmp_path, version) as report:
        code, _, said = appliance.upgrade(bundle)
    evidence.append(told(variant, "committed" if code == 0 else f"exit {code}", report))
    assert code == 0, said
    assert appliance.release() == version
    all_answers_were_good(report)


def test_the_operators_rollback_under_load_loses_nothing(
    appliance: Operated, tmp_path: Path, evidence: list[Row]
) -> None:
    before = appliance.release()
    with load(appliance, tmp_path, "back") as report:
        code, _, said = appliance.attctl("rollback", "--yes", "--wait", timeout_seconds=UPGRADE_SECONDS_MAX)
    evidence.append(told("operator's rollback", "committed" if code == 0 else f"exit {code}", report))
    assert code == 0, said
    assert appliance.release() != before
    all_answers_were_good(report)


@pytest.mark.parametrize(("variant", "verdict"), [("does_not_start", "rolled_back"), ("migration_fails", "refused")])
def test_a_bad_release_is_gone_again_and_nobody_was_turned_away(
    appliance: Operated, tmp_path: Path, evidence: list[Row], variant: str, verdict: str
) -> None:
    before = appliance.release()
    bundle, version = appliance.bundles.next(variant)
    with load(appliance, tmp_path, version) as report:
        code, _, said = appliance.upgrade(bundle)
    transaction = appliance.newest_upgrade_ends()
    evidence.append(told(variant, transaction["verdict"], report))
    assert (code, transaction["verdict"]) == (4, verdict), said
    assert appliance.release() == before
    assert set(appliance.sockets().values()) == {"active"}
    assert appliance.status_becomes_ok()["release"] == before
    # Through QEMU's own network a refused connection is one that ends without an answer.
    assert report["errors"] == {}
    assert report["writes_lost"] == []
    assert appliance.guest.shell("sudo ls /var/log/att").count("rollback-") >= 1
    assert verdict.upper() in appliance.guest.shell(f"sudo grep -F {transaction['id']} /var/log/att/audit.log")
    signed_in = {"Authorization": f"Bearer {appliance.token}"}
    assert appliance.guest.request("GET", "/api/v1/auth/me", headers=signed_in).status == 200
    code, plan, said = appliance.attctl("upgrade", "plan", bundle.name)
    assert code == 1, said
    assert plan["refusal"] is not None


def test_a_good_release_is_taken_after_the_bad_ones(appliance: Operated) -> None:
    bundle, version = appliance.bundles.next("good_none")
    code, _, said = appliance.upgrade(bundle)
    assert code == 0, said
    assert appliance.status_becomes_ok()["release"] == version
