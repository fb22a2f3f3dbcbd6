"""What the config operations take and give."""

from typing import Any, Literal

from pydantic import BaseModel, Field


class ConfigShowRequest(BaseModel):
    """Which settings to show."""

    section: str | None = Field(None, description="Only this section, e.g. `disk`")


class ConfigText(BaseModel):
    """A whole settings file."""

    text: str = Field(
        description="The settings file, YAML or JSON", max_length=262_144, json_schema_extra={"cli": "file"}
    )


class ConfigValue(BaseModel):
    """One setting: its value and who set it."""

    setting: str
    value: Any
    origin: Literal["default", "file", "environment"]
    where: str | None = Field(None, description="`att.yaml:3` or the environment variable")
    reload: str = Field(description="`live`, or `restart:<unit>`")
    door: str | None = Field(None, description="`ssh`: changed only by an operator at the SSH door")
    description: str


class ConfigShown(BaseModel):
    """All settings that hold; `problems` is not empty when the file does not validate and defaults are shown."""

    path: str
    items: list[ConfigValue]
    problems: list[str] = []
    notes: list[str] = Field(
        default=[], description="How a file is read that was written for an earlier version of the settings"
    )


class ConfigValid(BaseModel):
    """The text validates; what does not is an error `config_invalid`."""

    valid: Literal[True] = True
    settings: int = Field(description="How many settings the text sets")
    notes: list[str] = Field(
        default=[], description="How a file is read that was written for an earlier version of the settings"
    )


class ConfigChange(BaseModel):
    """One setting that differs."""

    path: str
    before: Any
    after: Any
    reload: str
    door: str | None = None


class ConfigDiff(BaseModel):
    """How a proposed file differs from the one in force."""

    changed: bool
    changes: list[ConfigChange]
    unified: str


class ConfigApplied(BaseModel):
    """What applying did."""

    changed: bool
    changes: list[ConfigChange]
    live: list[str] = Field(description="Settings that hold within a second")
    restart: list[str] = Field(description="Units that need a restart before all of it holds")
    previous: str | None = Field(None, description="Where the former file is kept")
    notes: list[str] = Field(
        default=[], description="How a file is read that was written for an earlier version of the settings"
    )
