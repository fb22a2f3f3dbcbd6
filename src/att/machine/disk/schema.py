"""What `attctl disk` shows."""

from pydantic import BaseModel, Field


class FileSystem(BaseModel):
    """One file system that holds something of ATT."""

    path: str
    device: str
    kind: str
    size_mb: int
    used_percent: float = Field(description="What is kept for root counts as used")
    free_mb: int
    inodes_percent: float
    free_inodes: int | None
    read_only: bool
    level: str = Field(description="ok, warning or full, as the settings of `disk` say")


class Taken(BaseModel):
    """What one thing takes; `own_mb` would be free without it."""

    what: str
    name: str
    mb: float
    own_mb: float
    files: int


class Freeable(BaseModel):
    """A way to more room."""

    mb: float
    what: str
    command: str


class DiskShown(BaseModel):
    """The disk, who takes it, and how to free some."""

    file_systems: list[FileSystem]
    taken: list[Taken]
    freeable: list[Freeable]
    complete: bool = Field(description="Whether all was counted; no when there were too many files")


class DiskGrown(BaseModel):
    """What growing did."""

    device: str
    before_mb: int
    after_mb: int
    changed: bool


class DiskGrowth(BaseModel):
    """What growing did to each file system of ATT."""

    items: list[DiskGrown]
