"""The guide in the console: found from the navigation, by words, and by links between its pages."""

import re

from playwright.sync_api import expect
from tests.console.pages import Console


def test_the_guide_is_read_from_the_navigation_on(console: Console) -> None:
    console.go("Docs")
    console.page.get_by_role("main").get_by_role("link", name="First steps").click()
    expect(console.heading("First steps")).to_be_visible()
    console.page.get_by_role("link", name="exit codes").click()
    expect(console.heading("Exit codes")).to_be_visible()
    assert console.page.url.endswith("/docs/exit-codes")
    expect(console.row("degraded").first).to_be_visible()
    console.page.get_by_role("link", name="All pages").click()
    expect(console.heading("Docs")).to_be_visible()


def test_words_lead_to_the_heading_below_which_they_stand(console: Console) -> None:
    console.open("/docs", "Docs")
    console.page.get_by_label("Words").fill("RECOVERY key-file restore")
    console.button("Search").click()
    found = console.page.get_by_role("region", name="Backup")
    found.get_by_role("link", name="Restore").click()
    expect(console.heading("Backup")).to_be_visible()
    expect(console.page.get_by_role("heading", name="Restore", exact=True)).to_be_in_viewport()
    assert console.page.url.endswith("/docs/backup#restore")
    console.open("/docs?search=nosuchword", "Docs")
    expect(console.page.get_by_text("No line has all of these words")).to_be_visible()
    assert console.violations() == []


def test_every_page_of_the_guide_is_shown_whole_and_accessible(console: Console) -> None:
    console.open("/docs", "Docs")
    console.settle()
    links = console.page.get_by_role("main").locator("a[href^='/docs/']")
    pages = [str(link.get_attribute("href")) for link in links.all()]
    assert len(pages) >= 8
    for page in pages:
        console.page.goto(console.url + page)
        expect(console.page.get_by_role("heading", level=1)).not_to_have_text("Docs")
        console.settle()
        assert console.violations() == [], page
        assert console.overflow() <= 0, page
        # Nothing is left as it was written.
        shown = console.page.get_by_role("main").inner_text()
        assert not re.search(r"^(```|#+ |\| )|\*\*|\]\(", shown, flags=re.MULTILINE), page


def test_a_page_that_is_not_there_says_so(console: Console) -> None:
    console.page.goto(f"{console.url}/docs/nothing")
    expect(console.page.get_by_role("alert")).to_contain_text("page_unknown")
