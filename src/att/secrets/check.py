"""Looks at every secret file of the appliance; needs root, for only root may look into their directories.

Standard library and facts alone, so that `att-check-perms` runs it when nothing else runs.
"""

import itertools
import os
import pwd
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from att.appliance import Facts
from att.secrets.decision import Found, Rule, violations

ENTRIES_MAX = 10_000
FRONT_USER = "www-data"


@dataclass(frozen=True)
class Violation:
    """One path that is not closed as it must be."""

    path: str
    problem: str


@dataclass(frozen=True)
class Report:
    """How many paths were looked at, and what is wrong."""

    checked: int
    violations: tuple[Violation, ...]

    def as_json(self) -> dict[str, object]:
        """Return the report as the operation and the engine's wire carry it."""
        return {
            "ok": not self.violations,
            "checked": self.checked,
            "violations": [{"path": one.path, "problem": one.problem} for one in self.violations],
        }


def check(facts: Facts, uids: Mapping[str, int] | None = None) -> Report:
    """Return what is wrong with the secrets; `uids` stands in for the machine's users (tests, `make dev`)."""
    checked, found = 0, []
    for rule in rules(facts, machine_uids() if uids is None else uids):
        try:
            status = Path(rule.path).lstat()
        except FileNotFoundError:
            continue
        except OSError as error:
            found.append(Violation(rule.path, f"cannot be looked at: {error.strerror}"))
            continue
        checked += 1
        seen = Found(status.st_mode, status.st_uid, status.st_nlink)
        found += [Violation(rule.path, problem) for problem in violations(rule, seen)]
    return Report(checked, tuple(found))


def machine_uids() -> dict[str, int]:
    """Return the uids of the users who own secrets, those this machine does not have left out."""
    return {one.pw_name: one.pw_uid for one in pwd.getpwall() if one.pw_name in ("root", FRONT_USER)}


def rules(facts: Facts, uids: Mapping[str, int]) -> Iterator[Rule]:
    """Yield a rule for each place where a secret lies; those that are not there are no violation."""
    paths, root = facts.paths, (uids["root"],)
    yield Rule(str(paths.secrets), root, mode_max=0o755, directory=True)
    yield from _below(paths.secrets, root)
    yield Rule(str(paths.tls), root, mode_max=0o755, directory=True)
    front = (*root, uids[FRONT_USER]) if FRONT_USER in uids else root
    for name in ("server.pem", "server.key"):
        yield Rule(str(paths.tls / name), front)
    for directory in (paths.local_trust, paths.state / "launcher"):
        yield Rule(str(directory), root, mode_max=0o700, directory=True)
        for path in _entries(directory):
            if path.suffix == ".key":
                yield Rule(str(path), root)
    yield Rule(str(paths.run / "claim-code"), root)


def _below(directory: Path, uids: tuple[int, ...]) -> Iterator[Rule]:
    """Yield rules for everything below a directory of secrets; links are not followed."""
    for path in _entries(directory):
        if path.is_dir() and not path.is_symlink():
            yield Rule(str(path), uids, mode_max=0o755, directory=True)
            yield from _below(path, uids)
        else:
            yield Rule(str(path), uids)


def _entries(directory: Path) -> list[Path]:
    try:
        with os.scandir(directory) as entries:
            return sorted(Path(entry.path) for entry in itertools.islice(entries, ENTRIES_MAX))
    except OSError:
        return []
