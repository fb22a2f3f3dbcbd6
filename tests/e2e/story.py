"""An app's life as an operator tells it with attctl: from a template to a merged change that runs and answers."""

from dev.vm.machine import wait_until
from tests.appliance.box import Box
from tests.appliance.isolation import slot_of

CHECKS_SECONDS_MAX = 120.0
APP_SECONDS_MAX = 120.0
TESTS_SECONDS_MAX = 600.0
QUESTION = ("--message", "What is 17 * 23?")
ANSWER = "391"


def made(box: Box, name: str, project: str) -> None:
    """Make a project, change it, test it, and merge the change after review."""
    box.told("project", "create", name, "--template", "chatbot")
    box.told("git", "branch", project, "greeting")
    box.write("/home/operator/README.md", "# My bot\n\nIt counts.\n")
    box.told("code", "write", project, "README.md", "/home/operator/README.md")
    seconds = f"{TESTS_SECONDS_MAX * min(box.patience, 6):g}"
    tested = box.told("test", "run", project, "--timeout-seconds", seconds, "--wait")
    counts = tested["report"]["counts"]
    assert counts["passed"] == counts["total"] > 10, tested
    box.told("git", "commit", project, "--all", "--message", "docs: greeting")
    box.told("git", "push", project, "--wait")
    box.told("git", "pr", "create", project, "--title", "Greeting")
    reviewed(box, project, 1)


def reviewed(box: Box, project: str, number: int) -> None:
    """Wait for the checks of a pull request, approve it and merge it."""
    seconds = CHECKS_SECONDS_MAX * box.patience
    wait_until(lambda: checks(box, project, number) == {"passed"}, seconds, "the checks to pass", every_seconds=1)
    box.told("git", "pr", "approve", project, str(number))
    box.told("git", "pr", "merge", project, str(number))


def checks(box: Box, project: str, number: int) -> set[str]:
    """In which states the checks of a pull request are."""
    return {one["state"] for one in box.told("git", "pr", "checks", project, str(number))["checks"]}


def started(box: Box, project: str) -> None:
    """Start the app; it is healthy then."""
    seconds = f"{min(APP_SECONDS_MAX * box.patience, 600):g}"
    assert box.told("runtime", "start", project, "--start-seconds", seconds, "--wait")["healthy"]


def answers(box: Box, project: str) -> bool:
    """Whether the app knows how to count."""
    return ANSWER in str(box.told("runtime", "ask", project, *QUESTION))


def invocation(box: Box, project: str) -> str:
    """Which run of the app's process that is, as the service manager names it."""
    units = f"att-app@p{slot_of(box, project):03}-*"
    shown = box.run("systemctl", "list-units", "--plain", "--no-legend", units).stdout.split()
    return box.run("systemctl", "show", "-P", "InvocationID", shown[0]).stdout.strip()


def came_back(box: Box, project: str) -> None:
    """Wait until the app is healthy, nobody having started it."""
    seconds = APP_SECONDS_MAX * box.patience
    wait_until(
        lambda: box.told("runtime", "status", project)["healthy"], seconds, f"the app of {project}", every_seconds=1
    )
