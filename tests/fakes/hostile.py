"""What a repository may hold to have something of its own run: one list for every test that tries it.

A `Payload` names a program that tells when it runs, and the shell command with which plain git runs it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

HOOKS = (
    "commit-msg",
    "post-checkout",
    "post-commit",
    "post-merge",
    "post-receive",
    "post-update",
    "pre-commit",
    "pre-merge-commit",
    "pre-push",
    "pre-receive",
    "prepare-commit-msg",
    "reference-transaction",
    "update",
)
ATTRIBUTES = "*.txt diff=odd filter=odd merge=odd"
FILE = "file.txt"
PREPARED = f"""set -e
git init -q -b main .
echo first >{FILE}; git add {FILE}; git commit -qm first
git switch -qc theirs; echo theirs >{FILE}; git commit -qam theirs
git switch -q main; echo changed >{FILE}
echo '{ATTRIBUTES}' >.git/info/attributes
"""
"""What a shell does to have the repository that payloads are tried in: two branches and a change."""
IDENTITY = {f"GIT_{who}_{what}": f"{who}@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


@dataclass(frozen=True)
class Payload:
    """Settings in which `{program}` is the program's path; `springs` has plain git run it in a worktree with a change.

    `springs` is empty where git takes the setting from nobody's repository, or only when it talks to a far side.
    `inside` says that git cannot do its work without it, so that it may run where the project's own code runs.
    """

    name: str
    settings: Mapping[str, str]
    springs: str = ""
    inside: bool = False

    def configured(self, folder: str) -> Mapping[str, str]:
        """The settings when the program lies in that folder under the payload's name."""
        path = f"{folder}/{self.name}"
        return {key.format(program=path): value.format(program=path) for key, value in self.settings.items()}


PAYLOADS = (
    Payload("fsmonitor", {"core.fsmonitor": "{program}"}, "git status"),
    Payload("pager", {"core.pager": "{program}"}, "script -qec 'git log' /dev/null"),
    Payload("editor", {"core.editor": "{program}"}, "git commit --allow-empty"),
    Payload("ssh", {"core.sshCommand": "{program}"}, "git ls-remote ssh://nowhere.test/x"),
    Payload("askpass", {"core.askPass": "{program}"}, "echo url=https://ann@nowhere.test/ | git credential fill"),
    Payload("credential", {"credential.helper": "{program}"}, "echo url=https://nowhere.test/ | git credential fill"),
    Payload("gpg", {"gpg.program": "{program}", "commit.gpgSign": "true"}, "git commit --allow-empty -m signed"),
    Payload("signature", {"gpg.program": "{program}", "log.showSignature": "true"}),
    Payload("external-diff", {"diff.external": "{program}"}, "git diff"),
    Payload("textconv", {"diff.odd.textconv": "{program}"}, "git diff"),
    Payload("diff-driver", {"diff.odd.command": "{program}"}, "git diff"),
    Payload("alias", {"alias.st": "!{program}"}, "git st"),
    Payload("ext", {"protocol.ext.allow": "always", "remote.far.url": "ext::{program}"}, "git ls-remote far"),
    Payload(
        "instead-of",
        {"protocol.ext.allow": "always", "url.ext::{program} .insteadOf": "https://"},
        "git ls-remote https://x",
    ),
    Payload("upload-pack", {"remote.near.url": ".", "remote.near.uploadpack": "{program}"}, "git ls-remote near"),
    Payload(
        "receive-pack",
        {"remote.near.url": ".", "remote.near.receivepack": "{program}"},
        "git push near HEAD:refs/heads/x",
    ),
    Payload("pack-objects-hook", {"uploadpack.packObjectsHook": "{program}"}),
    Payload("alternate-refs", {"core.alternateRefsCommand": "{program}"}),
    Payload("clean", {"filter.odd.clean": "{program}"}, f"git add {FILE}", inside=True),
    Payload("smudge", {"filter.odd.smudge": "{program}"}, f"rm {FILE}; git checkout -- {FILE}", inside=True),
    Payload("process", {"filter.odd.process": "{program}"}, f"git add {FILE}", inside=True),
    Payload("merge-driver", {"merge.odd.driver": "{program}"}, "git commit -qam ours; git merge theirs", inside=True),
)

CLIMBING = (".git", "..", ".", ".GIT", "a/b", ".g\u200cit", "git~1")
"""Names in a tree that no checkout should make."""

MODULES = (
    '[submodule "../../x"]\n\tpath = x\n\turl = ./x\n',
    '[submodule "x"]\n\tpath = -x\n\turl = ./x\n',
    '[submodule "x"]\n\tpath = x\n\turl = --upload-pack=touch\n',
)
"""`.gitmodules` that name what no submodule may be called or be fetched from: git itself takes none of them."""

EXT_MODULE = '[submodule "x"]\n\tpath = x\n\turl = ext::touch\n'
"""One that git takes; who fetches submodules would run a program."""


def program(report: str) -> str:
    """The text of a program that does `report`, in which `$name` is what it was called; filters pass their input on."""
    return f"#!/bin/sh\nname=${{0##*/}}\n{report}\ncase $name in clean | smudge) cat ;; esac\n"
