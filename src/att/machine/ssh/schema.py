"""What `attctl ssh-key` shows."""

from pydantic import BaseModel, Field


class SshKey(BaseModel):
    """One key that opens the SSH door."""

    fingerprint: str
    kind: str
    comment: str
    options: str = Field("", description="What sshd lets it do only, as it stands in the file")


class SshKeys(BaseModel):
    """The keys of a user."""

    user: str
    path: str
    items: list[SshKey]


class SshKeysChanged(BaseModel):
    """What adding or removing did; `items` is empty when nothing changed."""

    changed: bool
    user: str
    items: list[SshKey]
    left: int = Field(description="Keys that open the door now")
