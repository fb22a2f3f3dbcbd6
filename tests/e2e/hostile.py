"""Hostile repositories on an appliance: nothing of theirs runs outside of their project's sandbox.

However a repository comes (an archive, a push, written by the project's own code) an operator then does with it
everything there is; what ran, as whom and where, `Traps` knows. Clones come over the internet alone, which no machine
of tests has: `tests/sandbox/test_other_hosts.py` has a host of its own for them.
"""

import base64
import io
import shlex
import tarfile
from collections.abc import Iterable, Mapping

from tests.appliance.box import Box
from tests.appliance.isolation import slot_of
from tests.appliance.tasks import Tasks
from tests.e2e.story import reviewed
from tests.e2e.traps import ARCHIVE, HOME, Traps, armed, as_operator, uid_of
from tests.fakes.hostile import CLIMBING, EXT_MODULE, FILE, MODULES, PAYLOADS, Payload

INSIDE = {payload.name for payload in PAYLOADS if payload.inside}
ESCAPED = "att-escaped"
CONFIG = "[core]\n\tfsmonitor = /usr/local/lib/att-traps/fsmonitor\n"
RAW_ENTRY = "import os, sys; os.write(1, b'100644 %b\\0' % os.fsencode(sys.argv[1]) + bytes.fromhex(sys.argv[2]))"
"""Prints the one entry of a tree whose blob has the name of the first argument and the id of the second."""
Entry = tuple[str, str]
"""A member of an archive and what it holds; `-> target` is a link, `= target` a hard link, `(device)` a device."""

REFUSED: Mapping[str, tuple[Entry, ...]] = {
    "climbs": ((f"../{ESCAPED}", "x"),),
    "climbs from within": ((f"a/../../{ESCAPED}", "x"),),
    "is absolute": ((f"/var/tmp/{ESCAPED}", "x"),),
    "through a link": (("out", "-> /var/tmp"), (f"out/{ESCAPED}", "x")),
    "over a link": ((ESCAPED, f"-> /var/tmp/{ESCAPED}"), (ESCAPED, "x")),
    "hard link": (("shadow", "= /etc/shadow"),),
    "device": (("disk", "(device)"),),
}
TAKEN: tuple[Entry, ...] = (
    (FILE, "first\n"),
    (".gitattributes", "*.txt diff=odd filter=odd\n"),
    (".gitmodules", EXT_MODULE),
    ("name\nwith a line", "x"),
    ("-rf", "x"),
    (".git/config", CONFIG),
    (".git/hooks/post-checkout", "#!/usr/local/lib/att-traps/post-checkout\n"),
    (".GIT/config", CONFIG),
    ("below/.git/config", CONFIG),
    ("passwd", "-> /etc/passwd"),
)
OTHER_SYSTEMS: tuple[Entry, ...] = ((".g\u200cit/config", CONFIG), ("git~1/config", CONFIG))
"""What another file system takes for `.git`: git's own rules keep it out of a history."""

ELSEWHERE: tuple[Entry, ...] = (
    (FILE, "first\n"),
    (".git", "gitdir: own\n"),
    ("own/HEAD", "ref: refs/heads/main\n"),
    ("own/config", CONFIG),
    ("own/refs/heads/none", ""),
    ("own/objects/none", ""),
)


def an_imported_repository_runs_nothing(box: Box, traps: Traps) -> None:
    """With its history, but without its configuration and hooks: not even in the sandbox."""
    made = box.told("project", "import", ARCHIVE, "--name", "Imported", "--wait")
    everything(box, made["slug"], "work", 1, theirs="theirs")
    assert traps.sprung() == {}
    assert traps.marks() == []


def what_a_project_sets_up_itself_stays_in_its_sandbox(box: Box, traps: Traps, tasks: Tasks) -> None:
    """Code of the project arms its own worktree: filters run as the project, everything else not at all."""
    slot = slot_of(box, "imported")
    armed_with(tasks, slot, *(payload for payload in PAYLOADS if payload.name != "process"))
    everything(box, "imported", "again", 2, theirs="theirs")
    stayed_inside(box, traps, slot, "clean")
    # Git ends when this one does not speak its protocol: the operator gets an answer all the same.
    armed_with(tasks, slot, *(payload for payload in PAYLOADS if payload.name == "process"))
    asked = box.attctl("git", "status", "imported", check=False)
    assert asked.returncode == 0 or "error[git_failed]" in asked.stderr, asked.stderr
    stayed_inside(box, traps, slot, "process")


def armed_with(tasks: Tasks, slot: int, *payloads: Payload) -> None:
    """A task of the project puts these into its own repository, and changes a file."""
    done = tasks.run(slot, ["/bin/sh", "-ec", f"{armed('.git', *payloads)}echo armed >{FILE}"])
    assert done["state"]["code"] == 0, done


def stayed_inside(box: Box, traps: Traps, slot: int, seen: str) -> None:
    """That payload ran, and none but those that must, all of them as the project and in its own folders."""
    found, uid = traps.sprung(), uid_of(box, f"att-p{slot:03}")
    assert seen in found, "what git needs for its work did run"
    assert {name: uids for name, uids in found.items() if name not in INSIDE or uids != {uid}} == {}
    own = (f"/var/lib/att/projects/p{slot:03}/", f"@p{slot:03}-")
    assert [mark for mark in traps.marks() if mark.uid != uid or not any(one in mark.path for one in own)] == []


def archives_with_tricks_leave_nothing_outside(box: Box, traps: Traps) -> None:
    """What climbs is refused by name; what only git would fall for comes in without it, and does no harm."""
    before = traps.marks()
    for number, (what, entries) in enumerate(REFUSED.items()):
        code, said = imported(box, entries, f"Trick {number}")
        assert (code, "error[archive_hostile]" in said) == (2, True), f"{what}: {said}"
    for name, entries in (("Taken", TAKEN), ("Elsewhere", ELSEWHERE)):
        code, said = imported(box, entries, name)
        assert code == 0, said
        looked_at(box, name.lower())
    for number, entry in enumerate(OTHER_SYSTEMS):
        code, said = imported(box, [(FILE, "first\n"), entry], f"Other {number}")
        assert code != 0, said
    escaped = box.run("sh", "-c", f"find / /tmp -xdev -name {ESCAPED} 2>/dev/null || true").stdout
    assert escaped == ""
    assert traps.sprung() == {}
    assert traps.marks() == before


def pushes_with_tricks_are_refused(box: Box, traps: Traps, project: str) -> None:
    """Trees that climb and submodules with options never get into the forge; others do and run nothing there."""
    before = traps.marks()
    token = box.told("token", "create", "--name", "pusher", "--role", "developer")["token"]
    box.run("sh", "-c", f"umask 077; cat >{HOME}/token", user="operator", stdin=token)
    said = dict(line.split(" ") for line in as_operator(box, _pushes(project)).splitlines())
    refused = {name: code for name, code in said.items() if name.startswith(("tree", "modules"))}
    assert len(refused) == len(CLIMBING) + len(MODULES)
    assert "0" not in refused.values(), refused
    assert {name: said[name] for name in ("plain", "ext")} == {"plain": "0", "ext": "0"}
    box.told("git", "fetch", project, "--wait")
    there = {one["name"] for one in box.told("git", "branches", project)["branches"]}
    assert {name for name in there if name.startswith("origin/p-")} == {"origin/p-plain", "origin/p-ext"}
    assert traps.sprung() == {}
    assert traps.marks() == before


def everything(box: Box, project: str, branch: str, number: int, *, theirs: str) -> None:
    """What an operator does with a repository, to a merged pull request of that number and an archive of it."""
    looked_at(box, project)
    box.write(f"{HOME}/change.txt", f"{branch}\n")
    box.told("git", "branch", project, branch)
    box.told("code", "write", project, FILE, f"{HOME}/change.txt")
    box.told("git", "diff", project)
    box.told("git", "add", project, "--paths", FILE)
    box.told("git", "diff", project, "--staged")
    box.told("git", "commit", project, "--all", "--message", "Change")
    # Both sides changed the same line: with or without a driver for it the operator gets an answer.
    merged = box.attctl("git", "merge", project, theirs, check=False)
    assert merged.returncode == 0 or "error[merge_conflict]" in merged.stderr, merged.stderr
    box.told("git", "push", project, "--wait")
    box.told("git", "pr", "create", project, "--title", branch)
    box.told("git", "pr", "show", project, str(number), "--diff")
    reviewed(box, project, number)
    box.told("git", "fetch", project, "--wait")
    box.told("git", "branch", project, "main", "--existing")
    box.told("git", "merge", project, "origin/main")
    looked_at(box, project)
    box.told("project", "export", project, "--history", "--wait")


def looked_at(box: Box, project: str) -> None:
    """Everything that only reads."""
    for words in (("git", "status"), ("git", "log"), ("git", "branches"), ("git", "diff"), ("code", "tree")):
        box.told(*words, project)
    box.told("git", "blame", project, FILE)
    box.told("code", "search", project, "first")


def imported(box: Box, entries: Iterable[Entry], name: str) -> tuple[int, str]:
    """Import an archive of these members; returns attctl's exit code and what it said."""
    text = base64.b64encode(archive(entries)).decode("ascii")
    box.run("sh", "-c", f"base64 -d >{HOME}/trick.tar", user="operator", stdin=text)
    done = box.attctl("project", "import", f"{HOME}/trick.tar", "--name", name, "--wait", check=False)
    return done.returncode, done.stderr


def archive(entries: Iterable[Entry]) -> bytes:
    """A tar with these members, in which no honest program would put them."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as packed:
        for name, content in entries:
            info, data = tarfile.TarInfo(name), b""
            if content.startswith("-> "):
                info.type, info.linkname = tarfile.SYMTYPE, content.removeprefix("-> ")
            elif content.startswith("= "):
                info.type, info.linkname = tarfile.LNKTYPE, content.removeprefix("= ")
            elif content == "(device)":
                info.type = tarfile.BLKTYPE
            else:
                data = content.encode()
            info.size, info.mode = len(data), 0o755
            packed.addfile(info, io.BytesIO(data))
    return stream.getvalue()


def _pushes(project: str) -> str:
    """The shell script that pushes trick by trick, and prints for each its name and git's exit code."""
    lines = [
        "rm -rf pushes; git init -q -b main pushes; cd pushes",
        'secret=$(printf "ann:%s" "$(cat ~/token)" | base64 -w0)',
        'export GIT_CONFIG_COUNT=2 GIT_CONFIG_KEY_0=http.extraHeader "GIT_CONFIG_VALUE_0=Authorization: Basic $secret"',
        "export GIT_CONFIG_KEY_1=http.sslVerify GIT_CONFIG_VALUE_1=false GIT_TERMINAL_PROMPT=0",
        f"url=https://127.0.0.1:7443/git/{project}.git",
        "git fetch -q $url main && git checkout -q FETCH_HEAD || exit 1",
        f"blob=$(git hash-object -w {FILE})",
        'pushed() { git push -q $url "$2:refs/heads/p-$1" >/dev/null 2>&1; echo "$1 $?"; }',
        'committed() { git add --all; git commit -qm "$1" >/dev/null; pushed "$1" HEAD; git checkout -q FETCH_HEAD; }',
        f'raw() {{ python3 -c {shlex.quote(RAW_ENTRY)} "$1" $blob; }}',
        'climb() { raw "$2" >../raw; tree=$(git hash-object -w -t tree --literally ../raw)'
        ' && pushed "$1" $(git commit-tree $tree -p FETCH_HEAD -m climb); }',
        "echo plain >plain.txt; committed plain",
    ]
    lines += [f"climb tree{number} {shlex.quote(name)}" for number, name in enumerate(CLIMBING)]
    modules = {"ext": EXT_MODULE, **{f"modules{number}": text for number, text in enumerate(MODULES)}}
    lines += [f"printf %s {shlex.quote(text)} >.gitmodules; committed {name}" for name, text in modules.items()]
    return "\n".join([*lines, "cd; rm -rf pushes raw token"])
