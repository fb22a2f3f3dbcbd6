"""A built console, real APIs behind it, and a real browser in front of it."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from tests.console.appliance import CLAIM_CODE, Appliance
from tests.console.pages import Console, new_context, open_browser

ROOT = Path(__file__).parents[2]
NAME, PASSWORD = "ada", "correct horse battery"

expect.set_options(timeout=15_000)


@pytest.fixture(scope="session")
def dist() -> Path:
    """The console, built from what is in the tree."""
    subprocess.run([ROOT / "dev/console.sh", "build"], check=True)
    return ROOT / "src/console/dist"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests."""
    with open_browser() as found:
        yield found


@pytest.fixture
def console_of(browser: Browser) -> Iterator["Opener"]:
    """Opens tabs of fresh profiles, and demands at the end that no page broke."""
    opener = Opener(browser)
    yield opener
    opener.close()


class Opener:
    """Call it with a URL: a console in a profile of its own."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._open: list[Console] = []

    def __call__(self, url: str, **options: object) -> Console:
        page = new_context(self._browser, **options).new_page()  # type: ignore[arg-type]  # the keywords are playwright's
        console = Console(page, url)
        self._open.append(console)
        return console

    def close(self) -> None:
        """Close all profiles and fail on what their pages got wrong."""
        faults = [fault for console in self._open for fault in console.faults]
        for console in self._open:
            console.page.context.close()
        assert faults == []


@pytest.fixture
def unclaimed(dist: Path, tmp_path: Path) -> Iterator[Appliance]:
    """An appliance that nobody has claimed."""
    with Appliance(tmp_path) as found:
        yield found


@pytest.fixture(scope="session")
def claimed(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Appliance]:
    """An appliance that belongs to `NAME`, one for all tests."""
    import httpx

    with Appliance(tmp_path_factory.mktemp("appliance")) as found:
        claim = {"code": CLAIM_CODE, "name": NAME, "password": PASSWORD}
        claimed = httpx.post(f"{found.url}/api/v1/auth/claim", json=claim).raise_for_status()
        found.session = dict(claimed.cookies)
        yield found


@pytest.fixture(scope="module")
def dev(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Appliance]:
    """What `make dev` runs."""
    with Appliance(tmp_path_factory.mktemp("dev"), mode="dev") as found:
        yield found


@pytest.fixture
def console(claimed: Appliance, console_of: Opener) -> Console:
    """A tab of who claimed the appliance, whose engine has no past."""
    claimed.engine.reset()
    found = console_of(claimed.url)
    found.page.context.add_cookies(
        [{"name": name, "value": value, "url": claimed.url} for name, value in claimed.session.items()]
    )
    found.open("/", "Overview")
    return found
