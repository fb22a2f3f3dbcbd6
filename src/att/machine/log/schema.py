"""What `attctl log level` shows."""

from pydantic import BaseModel, Field


class LogLevel(BaseModel):
    """One service's level."""

    service: str
    level: str
    origin: str = Field(description="`log.SERVICE` where the service has a level of its own, else `log.level`")


class LogLevels(BaseModel):
    """Every service that takes a level."""

    changed: bool
    items: list[LogLevel]
