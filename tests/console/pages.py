"""Drives the console in a real browser by what people see: roles, names and words. Used by every test that opens it.

with open_browser() as browser:
    console = Console(browser.new_page(), "https://127.0.0.1:17443")
    console.claim(code, "ada", PASSWORD)
    console.upload_bundle(path)
    console.start_upgrade()
    assert console.wait_for_verdict(seconds=600) == "committed"
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect, sync_playwright

CHROMIUM = "/usr/bin/chromium-headless-shell"
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
AXE = Path(__file__).parents[2] / "src/console/node_modules/axe-core/axe.min.js"
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]

Verdict = Literal["committed", "rolled_back", "failed_safe", "refused"]
Theme = Literal["light", "dark"]


@contextmanager
def open_browser(chromium: str = CHROMIUM) -> Iterator[Browser]:
    """Yield a headless Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


def new_context(browser: Browser, *, theme: Theme = "light", width: int = 1280, **more: Any) -> BrowserContext:
    """Return a fresh profile that takes the appliance's self-signed certificate, with no motion."""
    return browser.new_context(
        viewport={"width": width, "height": 800},
        color_scheme=theme,
        reduced_motion="reduce",
        ignore_https_errors=True,
        **more,
    )


class Console:
    """One open tab of the console at `url` (no slash at the end)."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.faults: list[str] = []
        """What the page itself got wrong: uncaught errors, refusals of the content security policy."""
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("console", self._hear)

    def _hear(self, message: Any) -> None:
        if message.type == "error" and "Content Security Policy" in message.text:
            self.faults.append(message.text)

    # The door

    def claim(self, code: str, name: str, password: str, *, again: str | None = None) -> None:
        """Make the first admin; returns when the overview is there."""
        self.page.goto(f"{self.url}/claim")
        self.fill_claim(code, name, password, again=again)
        expect(self.heading("Overview")).to_be_visible()

    def fill_claim(self, code: str, name: str, password: str, *, again: str | None = None) -> None:
        """Fill the claim and send it, whatever comes of it."""
        self.page.get_by_label("Claim code").fill(code)
        self.page.get_by_label("Name", exact=True).fill(name)
        self.page.get_by_label("Password", exact=True).fill(password)
        self.page.get_by_label("Password again").fill(password if again is None else again)
        self.button("Claim appliance").click()

    def sign_in(self, name: str, password: str) -> None:
        """Sign in by name and password; returns when the overview is there."""
        self.page.goto(f"{self.url}/sign-in")
        self.fill_sign_in(name, password)
        expect(self.heading("Overview")).to_be_visible()

    def fill_sign_in(self, name: str, password: str) -> None:
        """Fill the form and send it, whatever comes of it."""
        self.page.get_by_label("Name", exact=True).fill(name)
        self.page.get_by_label("Password", exact=True).fill(password)
        self.button("Sign in").click()

    def sign_in_with_token(self, token: str) -> None:
        """Exchange an API token for a session; returns when the overview is there."""
        self.page.goto(f"{self.url}/sign-in")
        self.page.get_by_role("tab", name="Token").click()
        self.page.get_by_label("API token").fill(token)
        self.button("Sign in").click()
        expect(self.heading("Overview")).to_be_visible()

    def sign_out(self) -> None:
        """End the session; returns when the sign-in page is there."""
        self.button("Sign out").click()
        expect(self.heading("Sign in")).to_be_visible()

    # Places

    def open(self, path: str, heading: str) -> None:
        """Load `path` and wait for its heading."""
        self.page.goto(self.url + path)
        expect(self.heading(heading)).to_be_visible()

    def go(self, place: str) -> None:
        """Go by the main navigation: Overview, Releases & upgrade, Jobs, Tokens, Audit, Docs."""
        self.page.get_by_role("navigation", name="Main").get_by_role("link", name=place).click()
        expect(self.heading(place)).to_be_visible()

    def status(self) -> str:
        """The overview's verdict: ok, degraded or error."""
        verdict = self.page.locator("[data-appliance]")
        expect(verdict).to_be_visible()
        return verdict.get_attribute("data-appliance") or ""

    # Tokens

    def create_token(self, name: str, *, role: str = "viewer", kind: str = "agent") -> str:
        """Create a token on the tokens page and return its secret."""
        self.button("Create token").click()
        dialog = self.page.get_by_role("dialog", name="Create token")
        dialog.get_by_label("Name").fill(name)
        dialog.get_by_label("Role").select_option(role)
        dialog.get_by_label("Used by").select_option(kind)
        dialog.get_by_role("button", name="Create token").click()
        secret = self.page.locator("[data-secret]")
        expect(secret).to_be_visible()
        text = secret.inner_text().strip()
        self.button("Done").click()
        expect(self.row(name)).to_be_visible()
        return text

    def revoke_token(self, name: str) -> None:
        """Revoke the token of that name, confirming the dialog."""
        self.row(name).get_by_role("button", name="Revoke").click()
        self.page.get_by_role("dialog").get_by_role("button", name="Revoke token").click()
        expect(self.page.get_by_role("dialog")).to_have_count(0)

    # Upgrade

    def upload_bundle(self, bundle: Path, *, seconds: float = 120) -> None:
        """Send a bundle; returns when the plan is shown, or why there is none."""
        self.open("/releases/upgrade", "Upgrade")
        self.page.get_by_label("Choose bundle…").set_input_files(bundle)
        settled = self.page.get_by_role("button", name=re.compile("^Upgrade to ")).or_(self.page.get_by_role("alert"))
        expect(settled.first).to_be_visible(timeout=seconds * 1000)

    def start_upgrade(self, *, seconds: float = 60) -> str:
        """Confirm the plan; returns the transaction's id when its page is there."""
        self.button(re.compile("^Upgrade to ")).click()
        self.page.get_by_role("dialog").get_by_role("button", name="Start upgrade").click()
        return self.wait_for_transaction(seconds=seconds)

    def start_rollback(self, *, seconds: float = 60) -> str:
        """Roll back to the rollback target, confirming the dialog; returns the transaction's id."""
        self.open("/releases", "Releases & upgrade")
        self.button("Roll back…").click()
        self.page.get_by_role("dialog").get_by_role("button", name="Roll back").click()
        return self.wait_for_transaction(seconds=seconds)

    def wait_for_transaction(self, *, seconds: float = 60) -> str:
        """Return the id of the transaction whose page opens by itself."""
        self.page.wait_for_url(re.compile(r"/releases/upgrade/[^/?]+$"), timeout=seconds * 1000)
        expect(self.page.locator("[data-rail], [data-verdict]").first).to_be_visible(timeout=seconds * 1000)
        return self.page.url.rpartition("/")[2]

    def stops(self) -> dict[str, str]:
        """The line of the transaction that is shown: state → done, now, failed or todo."""
        found = self.page.locator("[data-stop]")
        return {
            stop.get_attribute("data-stop") or "": stop.get_attribute("data-mark") or ""
            for stop in (found.nth(index) for index in range(found.count()))
        }

    def wait_for_stop(self, state: str, mark: str = "done", *, seconds: float = 60) -> None:
        """Wait until the line shows that state with that mark."""
        stop = self.page.locator(f'[data-stop="{state}"][data-mark="{mark}"]')
        expect(stop).to_be_visible(timeout=seconds * 1000)

    def wait_for_verdict(self, *, seconds: float = 60) -> Verdict:
        """Wait for the end of the transaction that is shown and return how it ended."""
        verdict = self.page.locator("[data-verdict]")
        expect(verdict).to_be_visible(timeout=seconds * 1000)
        found: Verdict = verdict.get_attribute("data-verdict")  # type: ignore[assignment]  # the page has one of those words
        return found

    # Furniture

    def heading(self, name: str) -> Locator:
        """The page's own title."""
        return self.page.get_by_role("heading", level=1, name=name, exact=True)

    def button(self, name: str | re.Pattern[str]) -> Locator:
        """The button of that name."""
        return self.page.get_by_role("button", name=name, exact=True)

    def row(self, text: str) -> Locator:
        """The table row that says so."""
        return self.page.get_by_role("row").filter(has_text=text)

    def settle(self) -> None:
        """Wait until nothing on the page is still being loaded."""
        expect(self.page.get_by_role("status").filter(has_text="Loading")).to_have_count(0)

    def violations(self) -> list[str]:
        """What axe finds against WCAG 2.2 AA on the page as it stands, one line each."""
        script = AXE.read_text(encoding="utf-8")
        found = self.page.evaluate(
            f"async () => {{ {script}; return (await axe.run(document, {{ runOnly: {WCAG} }})).violations }}"
        )
        return [f"{one['id']}: {node['html'][:200]}" for one in found for node in one["nodes"]]

    def overflow(self) -> int:
        """How many pixels the page is wider than the window."""
        width: int = self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        return width
