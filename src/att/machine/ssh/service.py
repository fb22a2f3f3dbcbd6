"""The keys of one user, in the file that sshd and cloud-init use: read whole, replaced whole."""

import contextlib
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from att.config.turns import folder_turn
from att.effects.filesystem import sync_directory, write_atomically
from att.kernel.errors import Conflict, Failed, InvalidInput, NotFound, Refused
from att.machine.ssh.decision import Entry, added, entries, named, parse, plain_comment, removed, strange
from att.machine.ssh.ports import Keygen
from att.machine.ssh.schema import SshKey, SshKeys, SshKeysChanged

RSA_BITS_MIN = 2048
BYTES_MAX = 1_000_000
KEYS_MAX = 100


@dataclass(frozen=True)
class Account:
    """Whose keys they are; `owner` None where every file is this process's own."""

    user: str
    home: Path
    owner: tuple[int, int] | None = None


class SshKeyService:
    """The keys of `account`."""

    def __init__(self, account: Account, keygen: Keygen) -> None:
        self._account = account
        self._keygen = keygen
        self._folder = account.home / ".ssh"
        self._path = self._folder / "authorized_keys"

    def show(self) -> SshKeys:
        """Return the keys that open the door."""
        return SshKeys(
            user=self._account.user, path=str(self._path), items=[_shown(one) for one in entries(self._read())]
        )

    def strange(self) -> int:
        """Return how many lines of the file are no keys."""
        return strange(self._read())

    def add(self, text: str, comment: str | None) -> SshKeysChanged:
        """Let the keys in `text` (one a line, as in a .pub file) in; adding one twice changes nothing.

        Raises InvalidInput (`ssh_key_unreadable`, `ssh_key_weak`), and then adds none of them.
        """
        wanted = self._wanted(text, comment)
        with self._locked():
            before = self._read()
            known = {one.blob for one in entries(before)}
            after = before
            for entry in wanted:
                after = added(after, entry)
            return self._replace(before, after, [one for one in wanted if one.blob not in known])

    def remove(self, name: str, *, last: bool) -> SshKeysChanged:
        """Let one key in no more. The last one only with `last`: without any, nobody enters over SSH.

        Raises NotFound("ssh_key_unknown"), Conflict("ssh_key_ambiguous"), Refused("ssh_key_last").
        """
        with self._locked():
            before = self._read()
            entry = self._one(entries(before), name)
            after = removed(before, entry)
            if not last and entry.usable and not any(one.usable for one in entries(after)):
                raise Refused(
                    "ssh_key_last",
                    f"cannot remove {entry.fingerprint}: no other key lets {self._account.user} in over SSH",
                )
            return self._replace(before, after, [entry])

    def _wanted(self, text: str, comment: str | None) -> list[Entry]:
        lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
        if "PRIVATE KEY" in text:
            raise _unreadable("this is a private key, which must stay where it is: give the public one, *.pub")
        if not 1 <= len(lines) <= KEYS_MAX:
            raise _unreadable(f"there must be 1 to {KEYS_MAX} keys, here are {len(lines)}")
        if comment is not None and not plain_comment(comment):
            raise InvalidInput("invalid_input", "cannot use the comment: it must be one short line", field="comment")
        return [self._good(at, line, comment) for at, line in enumerate(lines, 1)]

    def _good(self, at: int, line: str, comment: str | None) -> Entry:
        entry = parse(line)
        if entry is None or entry.options or not plain_comment(entry.comment):
            raise _unreadable(f"line {at} is no public key of the form `ssh-ed25519 AAAA… comment`")
        bits = self._keygen.bits(entry.line)
        if bits is None:
            raise _unreadable(f"line {at} is no public key that ssh-keygen takes")
        if not entry.usable or (entry.kind == "ssh-rsa" and bits < RSA_BITS_MIN):
            raise InvalidInput(
                "ssh_key_weak", f"cannot add the key in line {at}: {entry.kind} of {bits} bits is too weak", field="key"
            )
        return entry if comment is None else Entry(entry.kind, entry.blob, comment)

    def _one(self, found: Sequence[Entry], name: str) -> Entry:
        meant = named(found, name)
        if not meant:
            raise NotFound("ssh_key_unknown", f"cannot remove {name}: no such key", field="key")
        if len(meant) > 1:
            raise Conflict("ssh_key_ambiguous", f"cannot remove {name}: {len(meant)} keys are called so", field="key")
        return meant[0]

    def _replace(self, before: str, after: str, items: Sequence[Entry]) -> SshKeysChanged:
        if after != before:
            write_atomically(
                self._path, after.encode("utf-8", "surrogateescape"), mode=0o600, owner=self._account.owner
            )
        left = {one.blob for one in entries(after) if one.usable}
        return SshKeysChanged(
            changed=after != before,
            user=self._account.user,
            items=[_shown(one) for one in items] if after != before else [],
            left=len(left),
        )

    def _read(self) -> str:
        try:
            found = self._path.lstat()
        except FileNotFoundError:
            return ""
        if not stat.S_ISREG(found.st_mode) or self._folder.is_symlink():
            raise Failed("ssh_keys_elsewhere", f"cannot use {self._path}: it is no plain file in a plain folder")
        if found.st_size > BYTES_MAX:
            raise Failed("ssh_keys_elsewhere", f"cannot use {self._path}: it is larger than {BYTES_MAX} bytes")
        return self._path.read_text(encoding="utf-8", errors="surrogateescape")

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the folder's lock, making the folder when the user never had a key."""
        if not self._folder.exists() and not self._folder.is_symlink():
            self._folder.mkdir(mode=0o700)
            if self._account.owner is not None:
                os.chown(self._folder, *self._account.owner)
            sync_directory(self._account.home)
        with folder_turn(self._folder, "change the keys of the SSH door"):
            yield


def _unreadable(why: str) -> InvalidInput:
    return InvalidInput("ssh_key_unreadable", f"cannot add the key: {why}", field="key")


def _shown(entry: Entry) -> SshKey:
    return SshKey(fingerprint=entry.fingerprint, kind=entry.kind, comment=entry.comment, options=entry.options)
