"""OpenSSH as it is installed."""

import pwd
from pathlib import Path

from att.effects.processes import run
from att.kernel.errors import Failed
from att.machine.ssh.service import Account

TOOL_SECONDS = 15.0


class SshKeygen:
    """The program ssh-keygen."""

    def bits(self, line: str) -> int | None:
        """See `Keygen`."""
        done = run(["ssh-keygen", "-l", "-f", "-"], timeout_seconds=TOOL_SECONDS, input_text=line + "\n")
        size, _, _ = done.output.partition(" ")
        return int(size) if done.ok and size.isdigit() else None


def account_of(user: str) -> Account:
    """Return a user of this machine; Failed("ssh_keys_elsewhere") when there is none."""
    try:
        found = pwd.getpwnam(user)
    except KeyError:
        raise Failed("ssh_keys_elsewhere", f"cannot find the keys of {user}: there is no such user") from None
    return Account(user, Path(found.pw_dir), (found.pw_uid, found.pw_gid))
