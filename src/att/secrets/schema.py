"""What `att.secrets.check` takes and gives."""

from pydantic import BaseModel, Field


class SecretsCheckRequest(BaseModel):
    """Nothing to say."""


class SecretViolation(BaseModel):
    """One path that is not closed as it must be."""

    path: str
    problem: str


class SecretsReport(BaseModel):
    """Whether all secrets are closed."""

    ok: bool
    checked: int = Field(description="Files and directories that were looked at")
    violations: list[SecretViolation]
