"""Every page, both themes, wide and narrow: accessible, nothing cut off, nothing refused by the content policy."""

import gzip
import re

import pytest
from playwright.sync_api import Route, expect
from tests.console.appliance import Appliance
from tests.console.conftest import NAME, PASSWORD, Opener
from tests.console.pages import Console, Theme

SHELL_BYTES_MAX = 150_000
"""The shell (140 kB) and the sign-in page on it."""
PLACES = {
    "/": "Overview",
    "/releases": "Releases & upgrade",
    "/releases/upgrade": "Upgrade",
    "/jobs": "Jobs",
    "/tokens": "Tokens",
    "/audit": "Audit",
    "/docs": "Docs",
    "/docs/upgrade-and-rollback": "Upgrade and rollback",
    "/no/such/page": "No such page",
}


@pytest.mark.parametrize(
    ("theme", "width"),
    [
        ("light", 1280),
        ("dark", 390),
        pytest.param("light", 390, marks=pytest.mark.long),
        pytest.param("dark", 1280, marks=pytest.mark.long),
    ],
)
def test_every_page_is_accessible_and_fits(claimed: Appliance, console_of: Opener, theme: Theme, width: int) -> None:
    console = console_of(claimed.url, theme=theme, width=width)
    console.sign_in(NAME, PASSWORD)
    found: dict[str, list[str]] = {}
    for path, heading in PLACES.items():
        console.open(path, heading)
        console.page.wait_for_load_state("networkidle")
        console.settle()
        if wrong := console.violations():
            found[path] = wrong
        if console.overflow() > 0:
            found.setdefault(path, []).append(f"{console.overflow()} px wider than the window")
    assert found == {}


def test_every_page_works_under_a_policy_without_inline_styles(claimed: Appliance, console_of: Opener) -> None:
    console = console_of(claimed.url)

    def stricter(route: Route) -> None:
        answer = route.fetch()
        policy = answer.headers["content-security-policy"].replace(" 'unsafe-inline'", "").replace(" data: blob:", "")
        route.fulfill(response=answer, headers={**answer.headers, "content-security-policy": policy})

    console.page.route(lambda url: "/assets/" not in url and "/api/" not in url, stricter)
    console.sign_in(NAME, PASSWORD)
    for path, heading in PLACES.items():
        console.open(path, heading)
        console.settle()
    console.open("/tokens", "Tokens")
    console.create_token("under a strict policy")


def test_the_narrow_page_has_its_navigation_in_a_menu(claimed: Appliance, console_of: Opener) -> None:
    console = console_of(claimed.url, width=390)
    console.sign_in(NAME, PASSWORD)
    console.button("Menu").click()
    menu = console.page.get_by_role("dialog", name="Menu")
    assert console.violations() == []
    menu.get_by_role("link", name="Tokens").click()
    expect(console.heading("Tokens")).to_be_visible()
    expect(menu).to_be_hidden()


def test_the_keyboard_reaches_the_content_first(console: Console) -> None:
    console.page.reload()
    expect(console.heading("Overview")).to_be_visible()
    expect(console.heading("Overview")).to_be_focused()
    console.page.evaluate("document.body.tabIndex = -1; document.body.focus()")
    console.page.keyboard.press("Tab")
    skip = console.page.get_by_role("link", name="Skip to content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    console.page.keyboard.press("Enter")
    expect(console.page.locator("main")).to_be_focused()


def test_the_page_says_that_it_is_live_and_that_it_reconnects(claimed: Appliance, console: Console) -> None:
    standing = console.page.locator("aside")
    expect(standing.get_by_text("Live", exact=True)).to_be_visible()
    claimed.stop()
    try:
        expect(standing.get_by_text(re.compile("Reconnecting|Connecting"))).to_be_visible()
    finally:
        claimed.start()
    expect(standing.get_by_text("Live", exact=True)).to_be_visible(timeout=30_000)


def test_an_error_names_its_code_hint_and_request(console: Console) -> None:
    console.page.goto(f"{console.url}/jobs/job_0000000000000000")
    alert = console.page.get_by_role("alert")
    expect(alert).to_contain_text("job_unknown")
    expect(alert).to_contain_text("attctl job list")
    expect(alert).to_contain_text("request req_")
    assert console.violations() == []


def test_in_dev_what_needs_the_machine_says_so_kindly(dev: Appliance, console_of: Opener) -> None:
    console = console_of(dev.url)
    console.sign_in_with_token(dev.admin_token)
    assert console.status() in ("ok", "degraded")
    for path, heading in {"/releases": "Releases & upgrade", "/releases/upgrade": "Upgrade"}.items():
        console.open(path, heading)
        expect(console.page.get_by_text("Only on an appliance").first).to_be_visible()
        expect(console.page.get_by_role("alert")).to_have_count(0)


def test_the_shell_is_small_and_takes_nothing_from_elsewhere(claimed: Appliance, console_of: Opener) -> None:
    console = console_of(claimed.url)
    sizes: dict[str, int] = {}
    foreign: list[str] = []

    def note(response: object) -> None:
        url, kind = response.url, response.request.resource_type  # type: ignore[attr-defined]  # playwright's event has no type here
        if not url.startswith((claimed.url, "data:")):
            foreign.append(url)
        if kind in ("script", "stylesheet", "document"):
            sizes[url] = len(gzip.compress(response.body(), 6))  # type: ignore[attr-defined]  # playwright's event has no type here

    console.page.on("response", note)
    console.page.goto(f"{claimed.url}/sign-in")
    expect(console.heading("Sign in")).to_be_visible()
    console.page.wait_for_load_state("networkidle")
    assert foreign == []
    assert sum(sizes.values()) < SHELL_BYTES_MAX, sizes
    assets = [url for url in sizes if "/assets/" in url]
    assert all(re.search(r"-[\w-]{8}\.(js|css)$", url) for url in assets), assets
