"""Renders what is made of appliance.toml: users and groups, run-time directories, the layout document."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from att.appliance import Facts

FACTS_FILE = Path("appliance/appliance.toml")
FIRST_USER = 940
FIRST_PROJECT_USER = 20000
_OF_OTHERS = frozenset({"root", "www-data"})
_USERS = {
    "att": "ATT API",
    "att-router": "ATT LLM gateway",
    "att-memory": "ATT memory gateway",
    "att-admin": "ATT aggregator",
    "att-egress": "ATT way out for projects",
    "att-build": "ATT builds of itself",
}


def sysusers(facts: Facts) -> str:
    """Return sysusers.d/att.conf."""
    services = dict.fromkeys(unit.user for unit in facts.units if unit.user not in _OF_OTHERS)
    wanted = [*services, "att-build"]
    if wanted != list(_USERS):
        raise ValueError(f"the users of appliance.toml are {wanted}: name and number the new ones in dev/layout.py")
    users = [f'u {name} {FIRST_USER + index} "{text}"' for index, (name, text) in enumerate(_USERS.items())]
    groups = [f"g {name} {FIRST_USER + len(users) + index}" for index, name in enumerate(facts.groups)]
    members = [f"m {unit.user} {group}" for unit in facts.units for group in unit.groups]
    projects = [
        f'u att-p{index:03} {FIRST_PROJECT_USER + index} "ATT project user"'
        for index in range(facts.limits.projects_max)
    ]
    return _lines(
        "# Users and groups, the same numbers on every machine. Made of appliance.toml by `make generate`.",
        *groups,
        *users,
        *members,
        "# One user a project; it owns all the project's files and processes.",
        *projects,
    )


def tmpfiles(facts: Facts) -> str:
    """Return tmpfiles.d/att.conf."""
    return _lines(
        "# Run-time directories; other state is made at first boot. Made of appliance.toml by `make generate`.",
        *(f"d {path} 0755 root root -" for path in (facts.paths.run, facts.paths.keys)),
        f"d {facts.paths.launch} 0700 root root -",
        "# One folder a project. What its processes make in `tasks` gets the group of the API, which so may read it.",
        f"d {facts.paths.projects} 0711 root root -",
        *(line for index in range(facts.limits.projects_max) for line in _project_folders(facts, index)),
    )


def _project_folders(facts: Facts, index: int) -> Iterator[str]:
    user, group = f"att-p{index:03}", facts.unit("att-api").user
    folder = facts.paths.projects / f"p{index:03}"
    yield f"d {folder} 0750 {user} {group} -"
    yield f"d {folder}/work 0700 {user} {user} -"
    yield f"d {folder}/home 0700 {user} {user} -"
    yield f"d {folder}/tasks 2770 {user} {group} -"


def layout(facts: Facts, source: str) -> str:
    """Return docs/guide/layout.md; `source` is the text of appliance.toml, whose comments say what each path is."""
    return _lines(
        "# Layout of the appliance",
        "",
        "Every path, unit, port, group and user of the appliance.",
        "",
        "Made of `appliance/appliance.toml` by `make generate`: change it there.",
        "",
        "## Paths",
        "",
        *_table(("name", "path", "what"), [(f"`{name}`", f"`{path}`", what) for name, path, what in _paths(source)]),
        "",
        "## Units",
        "",
        "Sockets belong to the image; `owner` says who carries the service. The API starts with the machine, whoever "
        "else has a socket when that is first asked (ADR 0012). `exposure` is the highest that "
        "`systemd-analyze security` may show.",
        "",
        *_table(
            ("unit", "runs as", "owner", "listens", "routes", "purpose", "exposure"),
            [
                (
                    f"`{unit.name}`",
                    unit.user,
                    unit.owner,
                    " ".join(f"`{address}`" for address in unit.listen) or "–",
                    " ".join(f"`{route}`" for route in unit.routes) or "–",
                    unit.purpose,
                    str(unit.exposure_max),
                )
                for unit in facts.units
            ],
        ),
        "",
        "## Ports",
        "",
        *_table(
            ("port", "number", "reached from"),
            [
                ("appliance", str(facts.ports.appliance), "the network, TLS"),
                ("router", str(facts.ports.router), "loopback"),
                ("memory", str(facts.ports.memory), "loopback"),
            ],
        ),
        "",
        "## Groups",
        "",
        *_table(("group", "what it is for"), [(f"`{name}`", text) for name, text in facts.groups.items()]),
        "",
        "## Users",
        "",
        *_table(("user", "number", "what runs as it"), _user_rows(facts)),
    )


def _user_rows(facts: Facts) -> list[tuple[str, str, str]]:
    rows = [(f"`{name}`", str(FIRST_USER + index), text) for index, (name, text) in enumerate(_USERS.items())]
    last = facts.limits.projects_max - 1
    numbers = f"{FIRST_PROJECT_USER} to {FIRST_PROJECT_USER + last}"
    return [*rows, (f"`att-p000` to `att-p{last:03}`", numbers, "one project each")]


def _paths(source: str) -> list[tuple[str, str, str]]:
    section = source.partition("[paths]")[2].partition("\n[")[0]
    found = re.findall(r'^(\w+) = "([^"]+)"(?:[ ]+# (.+))?$', section, flags=re.MULTILINE)
    return [(name, path, what) for name, path, what in found]


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    cells = [head, tuple("---" for _ in head), *rows]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in cells]


def _lines(*lines: str) -> str:
    return "\n".join(lines) + "\n"
