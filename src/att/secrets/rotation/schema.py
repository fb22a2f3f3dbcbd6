"""What `attctl secrets rotate` tells."""

from pydantic import BaseModel, Field


class Rotated(BaseModel):
    """One secret."""

    name: str
    what: str
    file: str
    restarts: str = Field(description="The service that holds it and starts again; connections wait at its socket")
    reread: str = Field(description="Who takes the new one up by itself")
    ends: str = Field(description="What the former key made, and is good no more")
    resealed: int = Field(default=0, description="Values that were sealed again with the new key")
    under_way: bool = Field(default=False, description="An interrupted rotation, which the next one finishes")


class RotationShown(BaseModel):
    """What was done, or would be with `--dry-run`."""

    done: bool
    secrets: list[Rotated]
    restarts: list[str]
    warnings: list[str]
    elsewhere: dict[str, str] = Field(description="Secrets that another command replaces")
