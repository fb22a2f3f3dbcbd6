"""Claiming and signing in, in a real browser against the real API."""

from playwright.sync_api import expect
from tests.console.appliance import CLAIM_CODE, Appliance
from tests.console.conftest import NAME, PASSWORD, Opener


def test_the_first_admin_claims_and_stays_signed_in(unclaimed: Appliance, console_of: Opener) -> None:
    console = console_of(unclaimed.url)
    console.page.goto(f"{unclaimed.url}/tokens")
    expect(console.heading("Claim this appliance")).to_be_visible()
    assert console.violations() == []

    console.fill_claim(CLAIM_CODE, NAME, "too short")
    expect(console.page.get_by_text("3 more characters needed")).to_be_visible()
    console.fill_claim(CLAIM_CODE, NAME, PASSWORD, again="something else entirely")
    expect(console.page.get_by_text("The two are not the same.")).to_be_visible()
    console.fill_claim("WRONG-CODE", NAME, PASSWORD)
    expect(console.page.get_by_role("alert")).to_contain_text("claim_code_wrong")
    expect(console.page.get_by_role("alert")).to_contain_text("request")

    console.fill_claim(CLAIM_CODE.lower(), NAME, PASSWORD)
    expect(console.heading("Overview")).to_be_visible()
    console.page.reload()
    expect(console.heading("Overview")).to_be_visible()

    console.go("Tokens")
    expect(console.page.get_by_text("No tokens yet")).to_be_visible()
    console.go("Jobs")
    expect(console.page.get_by_text("No jobs yet")).to_be_visible()

    stranger = console_of(unclaimed.url)
    stranger.page.goto(f"{unclaimed.url}/claim")
    expect(stranger.heading("Sign in")).to_be_visible()


def test_signing_in_goes_back_to_the_page_that_was_asked_for(claimed: Appliance, console_of: Opener) -> None:
    console = console_of(claimed.url)
    console.page.goto(f"{claimed.url}/audit?outcome=ok")
    expect(console.heading("Sign in")).to_be_visible()
    assert console.violations() == []
    console.fill_sign_in(NAME, "not the password")
    expect(console.page.get_by_role("alert")).to_contain_text("sign_in_wrong")
    console.fill_sign_in(NAME, PASSWORD)
    expect(console.heading("Audit")).to_be_visible()
    assert console.page.url.endswith("/audit?outcome=ok")


def test_a_pasted_token_opens_a_session_until_sign_out(dev: Appliance, console_of: Opener) -> None:
    console = console_of(dev.url)
    console.sign_in_with_token(dev.admin_token)
    stored = console.page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])")
    assert "att_" not in stored
    console.sign_out()
    console.page.goto(f"{dev.url}/tokens")
    expect(console.heading("Sign in")).to_be_visible()


def test_a_session_that_ends_under_an_open_page_leads_to_the_door_and_back(
    claimed: Appliance, console_of: Opener
) -> None:
    console = console_of(claimed.url)
    console.sign_in(NAME, PASSWORD)
    console.page.context.clear_cookies()
    console.page.get_by_role("link", name="Tokens").click()
    expect(console.page.get_by_text("Your session has ended")).to_be_visible()
    console.fill_sign_in(NAME, PASSWORD)
    expect(console.heading("Tokens")).to_be_visible()


def test_everything_at_the_door_works_by_keyboard(claimed: Appliance, console_of: Opener) -> None:
    console = console_of(claimed.url)
    console.page.goto(f"{claimed.url}/sign-in")
    expect(console.page.get_by_label("Name", exact=True)).to_be_focused()
    console.page.keyboard.type(NAME)
    console.page.keyboard.press("Tab")
    console.page.keyboard.type(PASSWORD)
    console.page.keyboard.press("Enter")
    expect(console.heading("Overview")).to_be_focused()
    console.page.keyboard.press("Tab")
