"""A new user's first day: what the guide on the appliance says, typed as it stands there, line by line."""

import re
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from playwright.sync_api import Browser
from tests import guide
from tests.appliance.box import settled
from tests.appliance.nspawn import template
from tests.appliance.nspawn.container import Container, overlay
from tests.bench.table import EVIDENCE, commit, machine
from tests.console.pages import Console, new_context, open_browser
from tests.fakes.bundles import derive_bundle

NAME, PASSWORD = "ada", "a password of the first day"
LINE_SECONDS_MAX = 600
LINES_SHOWN, CHARS_SHOWN = 14, 140
TOKEN = re.compile(r"\batt_[\w-]{20,}")
CODE = re.compile(r"\b[A-Z0-9]{4}(?:-[A-Z0-9]{4}){2,}")
OTHER_GUIDE = b"# Layout of the appliance\n\nAs the release 0.2.0 tells it.\n"


@dataclass
class Walk:
    """Types the lines of the guide and writes down what came of each."""

    box: Container
    found: dict[str, str] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    after: dict[str, Callable[[], None]] = field(default_factory=dict)

    def read(self, page: str) -> None:
        """Read a page on the appliance and type what it has people type."""
        text = self.type(f"attctl docs {page}")
        self.told += ["", f"## {text.partition(chr(10))[0].removeprefix('# ')}"]
        for block in guide.blocks(text):
            for line in block.lines if block.language == "sh" else ():
                self.type(line, block.where)
                self.after.pop(line, lambda: None)()

    def type(self, line: str, where: str = "") -> str:
        """Type one line at the SSH door, or on a machine of one's own; it must end with 0."""
        begun = time.monotonic()
        done = self._on_a_workstation(line) if where else self._at_the_door(line)
        self.tell(line, where, done.stdout + done.stderr, f"exit {done.returncode}, {time.monotonic() - begun:.1f} s")
        assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"
        for name, pattern in (("token", TOKEN), ("code", CODE)):
            if name not in self.found and (seen := pattern.search(done.stdout)):
                self.found[name] = seen[0]
        return done.stdout

    def tell(self, line: str, where: str, said: str, outcome: str) -> None:
        """Write down one line with what it said, without secrets, and how it ended."""
        prompt = f"{where}$" if where else "$"
        lines = [one[:CHARS_SHOWN] for one in CODE.sub("…", TOKEN.sub("att_…", said)).splitlines()]
        if len(lines) > LINES_SHOWN:
            lines = [*lines[: LINES_SHOWN // 2], "…", *lines[-LINES_SHOWN // 2 :]]
        self.told += ["", "```", f"{prompt} {line}", *lines, f"→ {outcome}", "```"]

    def _at_the_door(self, line: str) -> subprocess.CompletedProcess[str]:
        return self.box.run(
            "runuser", "--login", "operator", "--command", line, check=False, timeout_seconds=LINE_SECONDS_MAX
        )

    def _on_a_workstation(self, line: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", line],
            env={"PATH": "/usr/bin:/bin", "ATT": self.box.url(), "TOKEN": self.found["token"]},
            capture_output=True,
            encoding="utf-8",
            timeout=LINE_SECONDS_MAX,
            check=False,
        )


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as found:
        yield found


@pytest.fixture
def box(appliance_root: Path, signing_key: Ed25519PrivateKey, tmp_path: Path) -> Iterator[Container]:
    """An appliance that nobody has claimed, with the bundle of a later release in its operator's home."""
    installed = appliance_root / "opt/att" / (appliance_root / "opt/att/current").readlink()
    overlaid = {"doc/layout.md": OTHER_GUIDE}
    bundle = derive_bundle(installed, "0.2.0", key=signing_key, output=tmp_path, overlay=overlaid)
    with overlay(appliance_root, template.folder()) as found:
        (found.root / "home/operator" / bundle.name).write_bytes(bundle.read_bytes())
        found.boot()
        settled(found)
        yield found


def test_the_guide_on_the_appliance_leads_a_new_user_through_the_first_day(box: Container, browser: Browser) -> None:
    walk, console = Walk(box), Console(new_context(browser).new_page(), box.url())
    layout = box.run("cat", "/usr/share/doc/att/layout.md").stdout

    def claims() -> None:
        console.claim(walk.found["code"], NAME, PASSWORD)
        walk.tell(f"claim with the code as {NAME}", "browser", "Overview", console.status())
        console.go("Docs")
        walk.tell("open Docs", "browser", console.page.get_by_role("main").inner_text(), "shown")

    def has_the_other_guide() -> None:
        assert walk.type("cat /usr/share/doc/att/layout.md").encode() == OTHER_GUIDE

    def loses_a_project() -> None:
        walk.type("attctl project delete my-bot --yes")
        assert "my-bot" not in walk.type("attctl project list")

    walk.after = {
        "sudo cat /run/att/claim-code": claims,
        "attctl upgrade apply att-0.2.0.attb --wait": has_the_other_guide,
        "attctl backup verify /srv/backups/*.attbk": loses_a_project,
    }
    for line in ("attctl docs", "ls /usr/share/doc/att", "man attctl | grep -A 12 '^ *attctl backup restore$'"):
        walk.type(line)
    for page in ("first-steps", "upgrade-and-rollback", "backup"):
        walk.read(page)
    assert walk.after == {}, "the guide no longer says these"
    assert "my-bot" in walk.type("attctl project list")
    assert box.run("cat", "/usr/share/doc/att/layout.md").stdout == layout
    console.page.context.clear_cookies()
    console.sign_in(NAME, PASSWORD)
    walk.tell(f"sign in as {NAME} after the restore", "browser", "Overview", console.status())
    assert console.faults == []
    console.page.context.close()
    written(walk.told)


def written(told: list[str]) -> None:
    """Keep the walk as evidence."""
    head = [
        "# The first day of a new user",
        "",
        f"`pytest tests/e2e/nspawn/test_first_day.py` at commit {commit()}, on {machine()}.",
        "",
        "Each line is read from `attctl docs PAGE` on the appliance and typed as it stands there: `$` at the SSH",
        "door as operator, `workstation$` on another machine, `browser$` in the console. Secrets are left out, long",
        "output is cut.",
        "",
        "## The docs that are there",
    ]
    text = "\n".join([*head, *told, ""])
    assert PASSWORD not in text
    assert "AGE-SECRET-KEY-1" not in text
    (EVIDENCE / "first-day.md").write_text(text, encoding="utf-8")
