"""Upgrade and rollback in the browser: a real API and its jobs, a fake engine behind the real protocol."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import expect
from tests.console.appliance import Appliance
from tests.console.conftest import Opener
from tests.console.engine import CURRENT, NEXT, PREVIOUS
from tests.console.pages import Console

from att.kernel.errors import Refused
from att.upgrade.schema import Failure

GATE = Failure(
    code="gate_failed", failure_class="health_failure", detail="the service restarted 4 times in 20 s", hint=""
)
BUNDLE_BYTES = 20_000_000


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of more than two pieces."""
    path = tmp_path_factory.mktemp("bundle") / "att-0.3.0.attb"
    path.write_bytes(b"ATT" * (BUNDLE_BYTES // 3))
    return path


def begin(console: Console, bundle: Path) -> str:
    console.upload_bundle(bundle)
    return console.start_upgrade()


def test_an_upgrade_goes_from_file_to_verdict(claimed: Appliance, console: Console, bundle: Path) -> None:
    console.upload_bundle(bundle)
    plan = console.page.locator("main")
    for said in (CURRENT, NEXT, "release-2026", "extended; going back keeps all"):
        expect(plan).to_contain_text(said)
    assert console.violations() == []
    console.page.reload()
    expect(console.button(f"Upgrade to {NEXT}")).to_be_enabled()

    transaction = console.start_upgrade()
    assert claimed.engine.transactions[0].id == transaction
    assert claimed.engine.received == [bundle.stat().st_size]
    assert console.stops()["VERIFIED"] == "now"
    claimed.engine.pass_through("SNAPSHOT")
    claimed.engine.record("SWITCHED?", notes="restarting att-api", percent=40.0)
    console.wait_for_stop("SNAPSHOT")
    console.wait_for_stop("SWITCHED", "now")
    expect(console.page.get_by_text("restarting att-api")).to_be_visible()
    expect(console.page.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "40")
    expect(console.page.get_by_text("at most")).to_be_visible()
    assert console.violations() == []

    claimed.engine.end("committed")
    assert console.wait_for_verdict() == "committed"
    assert set(console.stops().values()) == {"done"}
    expect(console.page.get_by_role("alert")).to_contain_text(f"{NEXT} is running and kept")
    assert console.violations() == []


def test_the_page_lives_through_a_restart_of_the_api(claimed: Appliance, console: Console, bundle: Path) -> None:
    begin(console, bundle)
    claimed.engine.pass_through("SWITCHED")
    console.wait_for_stop("SWITCHED")
    claimed.stop()
    claimed.engine.pass_through("RESTARTED")
    claimed.engine.record("PROBATION?", notes="3 of 5 checks in a row")
    claimed.start()
    console.wait_for_stop("PROBATION", "now")
    expect(console.page.get_by_text("3 of 5 checks in a row")).to_be_visible()

    console.page.reload()
    console.wait_for_stop("PROBATION", "now")
    claimed.engine.end("committed")
    assert console.wait_for_verdict() == "committed"


def test_other_pages_point_to_the_running_upgrade(claimed: Appliance, console: Console, bundle: Path) -> None:
    transaction = begin(console, bundle)
    console.go("Tokens")
    console.page.get_by_role("link", name="Watch it").click()
    assert console.wait_for_transaction() == transaction
    claimed.engine.end("refused", Failure(code="bundle_damaged", detail="cannot unpack: a hash differs"))
    assert console.wait_for_verdict() == "refused"
    expect(console.page.get_by_role("alert")).to_contain_text("Nothing was changed")


def test_a_release_that_fails_its_gate_is_told_with_its_reason(
    claimed: Appliance, console: Console, bundle: Path
) -> None:
    begin(console, bundle)
    claimed.engine.pass_through("RESTARTED")
    claimed.engine.record("PROBATION?", "ROLLING_BACK?")
    expect(console.page.get_by_text(f"Going back to {CURRENT}")).to_be_visible()
    claimed.engine.record("ROLLING_BACK")
    claimed.engine.end("rolled_back", GATE)
    assert console.wait_for_verdict() == "rolled_back"
    alert = console.page.get_by_role("alert")
    for said in (f"back on {CURRENT}", "restarted 4 times", "gate_failed", "refused from now on"):
        expect(alert).to_contain_text(said)
    assert console.stops()["PROBATION"] == "failed"
    assert console.violations() == []

    console.go("Releases & upgrade")
    expect(console.row(f"Upgrade to {NEXT}").first).to_contain_text("rolled back")
    expect(console.row(f"Upgrade to {NEXT}").first).to_contain_text("restarted 4 times")


def test_a_safe_stop_says_how_to_get_out(claimed: Appliance, console: Console, bundle: Path) -> None:
    begin(console, bundle)
    claimed.engine.pass_through("RESTARTED")
    claimed.engine.record("ROLLING_BACK?")
    claimed.engine.end("failed_safe", GATE)
    assert console.wait_for_verdict() == "failed_safe"
    expect(console.page.get_by_role("alert")).to_contain_text("attctl repair")


def test_a_rollback_asks_first_and_then_shows_its_way(claimed: Appliance, console: Console) -> None:
    console.open("/releases", "Releases & upgrade")
    expect(console.row(PREVIOUS).first).to_contain_text("rollback target")
    console.button("Roll back…").click()
    expect(console.button("Stay")).to_be_focused()
    assert console.violations() == []
    console.button("Stay").click()
    assert claimed.engine.transactions == []

    console.start_rollback()
    assert claimed.engine.transactions[0].target == PREVIOUS
    expect(console.heading(f"Rollback to {PREVIOUS}")).to_be_visible()
    claimed.engine.end("committed")
    assert console.wait_for_verdict() == "committed"
    expect(console.page.get_by_role("alert")).to_contain_text(f"{PREVIOUS} is running again")


def test_a_bundle_that_is_none_is_refused_with_the_engines_words(
    claimed: Appliance, console: Console, bundle: Path
) -> None:
    claimed.engine.plan_error = Refused("signature_wrong", "cannot take the bundle: no signature holds")
    console.upload_bundle(bundle)
    expect(console.page.get_by_role("alert")).to_contain_text("no signature holds")
    expect(console.page.get_by_role("alert")).to_contain_text("signature_wrong")


def test_a_version_that_was_rolled_back_must_be_forced_by_hand(
    claimed: Appliance, console: Console, bundle: Path
) -> None:
    claimed.engine.plan_failure = Failure(code="version_bad", detail="cannot upgrade to 0.3.0: it was rolled back")
    console.upload_bundle(bundle)
    start = console.button(f"Upgrade to {NEXT}")
    expect(start).to_be_disabled()
    console.page.get_by_label("Try this version again").check()
    expect(start).to_be_enabled()
    assert console.violations() == []


def test_an_upload_goes_on_after_a_restart(claimed: Appliance, console: Console, bundle: Path) -> None:
    console.open("/releases/upgrade", "Upgrade")
    restarted: list[bool] = []

    def restart_once(request: object) -> None:
        if request.method == "PATCH" and not restarted:  # type: ignore[attr-defined]  # playwright's route has no types here
            restarted.append(True)
            claimed.restart()

    console.page.on("request", restart_once)
    console.page.get_by_label("Choose bundle…").set_input_files(bundle)
    expect(console.button(f"Upgrade to {NEXT}")).to_be_visible(timeout=60_000)
    assert restarted
    console.start_upgrade()
    assert claimed.engine.received == [bundle.stat().st_size]
    claimed.engine.end("committed")
    assert console.wait_for_verdict() == "committed"


def test_a_job_shows_its_log_live_and_its_end(claimed: Appliance, console: Console, bundle: Path) -> None:
    begin(console, bundle)
    console.go("Jobs")
    job = console.row("att.upgrade.apply").filter(has_text="running").first
    job.get_by_role("link").click()
    expect(console.heading("att.upgrade.apply")).to_be_visible()
    log = console.page.get_by_role("log")
    expect(log).to_contain_text("VERIFIED intent")
    claimed.engine.pass_through("STAGED")
    expect(log).to_contain_text("STAGED done")
    claimed.restart()
    claimed.engine.pass_through("SNAPSHOT")
    expect(log).to_contain_text("SNAPSHOT done", timeout=30_000)
    assert console.violations() == []
    claimed.engine.end("committed")
    expect(console.page.locator("dd [data-state=succeeded]")).to_be_visible()
    expect(console.page.get_by_text("Complete", exact=True)).to_be_visible()
    job_id = console.page.url.rpartition("/")[2]
    told = console.page.request.get(f"{claimed.url}/api/v1/jobs/{job_id}/log?limit=1000").text()
    lines = [line["text"] for line in map(json.loads, told.splitlines()) if "text" in line]
    assert log.locator("div > span:last-child").all_inner_texts() == lines


def test_somebody_who_may_not_upgrade_is_told_so(claimed: Appliance, console: Console, console_of: Opener) -> None:
    console.go("Tokens")
    secret = console.create_token("only looks", role="viewer", kind="person")
    viewer = console_of(claimed.url)
    viewer.sign_in_with_token(secret)
    viewer.open("/releases", "Releases & upgrade")
    expect(viewer.row(CURRENT).first).to_be_visible()
    expect(viewer.button("Roll back…")).to_have_count(0)
    viewer.open("/releases/upgrade", "Upgrade")
    expect(viewer.page.get_by_text("needs the role operator")).to_be_visible()
    viewer.open("/audit", "Audit")
    expect(viewer.page.get_by_role("alert")).to_contain_text("not_allowed")


def test_the_api_ends_in_time_while_a_job_follows_the_engine(
    claimed: Appliance, console: Console, bundle: Path
) -> None:
    begin(console, bundle)
    killed = claimed.killed
    claimed.restart()
    claimed.engine.end("committed")
    assert console.wait_for_verdict() == "committed"
    assert claimed.killed == killed
