"""Programs on an appliance that tell when they run, whoever runs them; what a repository may hold leads to them.

They tell the journal, which knows their user from the kernel, and leave a mark in every folder they may write.
"""

import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tests.appliance.box import Box
from tests.fakes.hostile import ATTRIBUTES, EXT_MODULE, FILE, HOOKS, IDENTITY, PAYLOADS, PREPARED, Payload, program

FOLDER = "/usr/local/lib/att-traps"
TAG = "att-trap"
OPERATOR = "operator"
CHECKS = "checks:\n  words: {run: cat file.txt, program: plain}\n"
HOME = "/home/operator"
EVERYBODYS = ("/tmp", "/var/tmp", "/dev/shm", "/run/lock")
ARCHIVE = f"{HOME}/hostile.tar.gz"
REPORT = f"""
for place in "$HOME" {" ".join(EVERYBODYS)} /var/lib/att/api /var/lib/att/api/forge; do
  echo "$name" >>"$place/{TAG}-$(id -u)"
done 2>/dev/null
logger -t {TAG} -- "$name"
"""


@dataclass(frozen=True)
class Mark:
    """A file that a trap left: whose, and where."""

    uid: int
    path: str


class Traps:
    """The programs, and what is known of their having run."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._told = 0
        box.write(f"{FOLDER}/trap", program(REPORT), mode=0o755)
        box.run("sh", "-c", f'cd {FOLDER} && for name; do ln -sf trap "$name"; done', "sh", *_names())

    def sprung(self) -> Mapping[str, set[int]]:
        """The payloads and hooks that ran since this was asked last, and as which users."""
        self._box.run("journalctl", "--sync")
        said = self._box.run("journalctl", "-q", "-b", "-t", TAG, "-o", "json", "--output-fields=MESSAGE,_UID").stdout
        told = [json.loads(line) for line in said.splitlines()]
        new, self._told = told[self._told :], len(told)
        found: dict[str, set[int]] = {}
        for one in new:
            found.setdefault(str(one["MESSAGE"]), set()).add(int(one["_UID"]))
        return found

    def marks(self) -> list[Mark]:
        """Every mark on the appliance, in the private folders of its services too."""
        places = "/ /tmp /dev/shm /run /run/lock"
        find = f"find {places} -xdev -name '{TAG}-*' -printf '%U %p\\n' 2>/dev/null | sort -u"
        lines = self._box.run("sh", "-c", find).stdout.splitlines()
        return [Mark(int(uid), path) for uid, _, path in (line.partition(" ") for line in lines)]


def tried_with_plain_git(box: Box, traps: Traps) -> None:
    """Every payload works for whoever runs git in such a repository himself, here the operator."""
    script = "".join(f"( {_trial(payload)} )\n" for payload in PAYLOADS if payload.springs)
    script += f"( {_begin('hooks')}{_hooks('.git')}git commit -qam x; git switch -q theirs; git merge -q main )\n"
    as_operator(box, f"rm -rf ~/scratch; mkdir ~/scratch; cd ~/scratch\n{script}cd; rm -rf ~/scratch")
    found = traps.sprung()
    wanted = {payload.name for payload in PAYLOADS if payload.springs}
    assert wanted - set(found) == set(), "not every payload works for plain git"
    assert {"pre-commit", "commit-msg", "post-commit", "post-checkout"} <= set(found)
    operators = uid_of(box, OPERATOR)
    assert {uid for uids in found.values() for uid in uids} == {operators}
    assert {mark.uid for mark in traps.marks()} == {operators}
    as_operator(box, f"rm -f {' '.join(f'{place}/{TAG}-*' for place in (HOME, *EVERYBODYS))}")
    assert traps.marks() == []


def packed(box: Box) -> None:
    """The repository with everything in it, as an archive in the operator's home."""
    files = {".gitattributes": ATTRIBUTES + "\n", ".gitmodules": EXT_MODULE, ".att/checks.yaml": CHECKS}
    written = "".join(
        f"mkdir -p $(dirname {path}); printf %s {shlex.quote(text)} >{path}\n" for path, text in files.items()
    )
    commit = f"git checkout -q -- {FILE}; git add --all; git commit -qm hostile; echo changed >{FILE}\n"
    script = f"rm -rf ~/hostile; mkdir ~/hostile; cd ~/hostile\n{PREPARED}rm .git/info/attributes\n{written}{commit}"
    as_operator(box, f"{script}{armed('.git', *PAYLOADS)}tar -czf {ARCHIVE} -C ~ hostile\n")


def armed(git_folder: str, *payloads: Payload) -> str:
    """The shell lines that put these payloads, and every hook, into the repository whose git folder that is."""
    return "".join(_configured(git_folder, payload) for payload in payloads) + _hooks(git_folder)


def _trial(payload: Payload) -> str:
    return f"{_begin(payload.name)}{_configured('.git', payload)}set +e; {payload.springs}"


def _begin(name: str) -> str:
    return f"mkdir {name}; cd {name}\n{PREPARED}"


def _configured(git_folder: str, payload: Payload) -> str:
    settings = payload.configured(FOLDER).items()
    return "".join(
        f"git config --file {git_folder}/config {shlex.quote(key)} {shlex.quote(value)}\n" for key, value in settings
    )


def _hooks(git_folder: str) -> str:
    linked = f"for hook in {' '.join(HOOKS)}; do ln -sf {FOLDER}/$hook {git_folder}/hooks/; done"
    return f"mkdir -p {git_folder}/hooks\n{linked}\n"


def _names() -> Iterator[str]:
    yield from (payload.name for payload in PAYLOADS)
    yield from HOOKS


def uid_of(box: Box, user: str) -> int:
    """The number of a user."""
    return int(box.run("id", "-u", user).stdout)


def as_operator(box: Box, script: str) -> str:
    """Run what the operator types into a shell at home; returns what was printed."""
    settings = {"HOME": HOME, "GIT_CONFIG_NOSYSTEM": "1", **IDENTITY}
    exported = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in settings.items())
    return box.run("sh", "-c", f"{exported}cd; exec </dev/null\n{script}", user=OPERATOR).stdout
