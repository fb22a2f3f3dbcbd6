"""Tokens and audit: what is done on a page is done in the API, and the other way round."""

import httpx
from playwright.sync_api import expect
from tests.console.appliance import Appliance
from tests.console.conftest import NAME, PASSWORD, Opener
from tests.console.pages import Console


def api(appliance: Appliance, token: str) -> httpx.Client:
    return httpx.Client(base_url=appliance.url + "/api/v1", headers={"Authorization": f"Bearer {token}"})


def test_a_token_is_shown_once_works_and_is_gone_when_revoked(claimed: Appliance, console: Console) -> None:
    console.go("Tokens")
    secret = console.create_token("nightly backup", role="operator")
    with api(claimed, secret) as client:
        assert client.get("/auth/me").json()["role"] == "operator"
        expect(console.row("nightly backup")).to_contain_text("valid")
        assert secret not in console.page.content()

        console.revoke_token("nightly backup")
        assert client.get("/auth/me").status_code == 401
    expect(console.row("nightly backup")).to_have_count(0)
    console.page.get_by_label("Show revoked and expired").check()
    expect(console.row("nightly backup")).to_contain_text("revoked")


def test_a_token_dialog_is_accessible_and_offers_no_role_above_ones_own(
    claimed: Appliance, console: Console, console_of: Opener
) -> None:
    console.go("Tokens")
    secret = console.create_token("developer's laptop", role="developer", kind="person")
    other = console_of(claimed.url)
    other.sign_in_with_token(secret)
    other.go("Tokens")
    other.button("Create token").click()
    dialog = other.page.get_by_role("dialog", name="Create token")
    roles = dialog.get_by_label("Role").locator("option").evaluate_all("options => options.map(one => one.value)")
    assert roles == ["viewer", "developer"]
    expect(dialog.get_by_label("Name")).to_be_focused()
    assert other.violations() == []
    other.page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(other.button("Create token")).to_be_focused()


def test_keeping_a_token_changes_nothing(claimed: Appliance, console: Console) -> None:
    console.go("Tokens")
    secret = console.create_token("keep me")
    console.row("keep me").get_by_role("button", name="Revoke").click()
    expect(console.button("Keep token")).to_be_focused()
    assert console.violations() == []
    console.page.keyboard.press("Enter")
    with api(claimed, secret) as client:
        assert client.get("/auth/me").status_code == 200


def test_what_another_does_appears_on_an_open_page_by_itself(claimed: Appliance, console: Console) -> None:
    console.go("Tokens")
    secret = console.create_token("the other", role="admin", kind="person")
    with api(claimed, secret) as client:
        client.post("/tokens", json={"name": "made elsewhere", "expires_days": 1}).raise_for_status()
    expect(console.row("made elsewhere")).to_be_visible(timeout=5_000)


def test_the_audit_tells_who_did_what_and_filters(claimed: Appliance, console_of: Opener) -> None:
    console = console_of(claimed.url)
    console.sign_in(NAME, PASSWORD)
    console.go("Tokens")
    console.create_token("for the audit")
    console.go("Audit")
    first = console.row("att.token.create").first
    expect(first).to_contain_text(NAME)
    expect(first).to_contain_text("ok")
    first.get_by_text("Show").click()
    expect(first).to_contain_text("for the audit")
    console.page.get_by_label("Operation").fill("att.auth.")
    console.button("Filter").click()
    expect(console.row("att.token.create")).to_have_count(0)
    expect(console.row("att.auth.sign_in").first).to_be_visible()
    console.page.reload()
    expect(console.row("att.auth.sign_in").first).to_be_visible()
    console.page.get_by_label("Who").fill("nobody at all")
    console.button("Filter").click()
    expect(console.page.get_by_text("No record matches")).to_be_visible()
