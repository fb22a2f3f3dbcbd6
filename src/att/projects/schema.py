"""What crosses the wire: projects, templates, variables, credentials."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from att.projects.decision import (
    NAME_CHARS_MAX,
    VALUE_CHARS_MAX,
    ProjectStatus,
    checked_url,
    checked_variable_name,
)

TEMPLATE_DEFAULT = "chatbot"

ProjectId = Annotated[str, Field(max_length=64, description="id or slug of the project")]
Name = Annotated[str, Field(max_length=NAME_CHARS_MAX * 4, description="what the project is called")]


class Request(BaseModel):
    """The base of all requests: an unknown field is refused."""

    model_config = ConfigDict(extra="forbid")


class Origin(StrEnum):
    """Where a project's first files came from."""

    TEMPLATE = "template"
    IMPORT = "import"
    CLONE = "clone"


class Project(BaseModel):
    """A project. `slug` is its name in addresses and paths; `git_remote` is the forge's repository below this host."""

    id: str
    name: str
    slug: str
    status: ProjectStatus
    detail: str = Field(default="", description="why the status is `error`")
    origin: Origin
    template: str | None = Field(default=None, description="template and version it was made from")
    upstream: str | None = Field(default=None, description="the repository it was cloned from")
    git_remote: str
    nat_config_path: str
    created_at: datetime
    updated_at: datetime


class ProjectState(Project):
    """A project with what it takes of the disk; `disk_bytes` is null until it was counted."""

    disk_bytes: int | None = None
    disk_bytes_max: int


class ProjectPage(BaseModel):
    """All projects, by name."""

    projects: list[Project]


class ProjectCreate(Request):
    """A new project from a template."""

    name: Name = Field(json_schema_extra={"cli": "argument"})
    template: str = Field(
        default=TEMPLATE_DEFAULT, max_length=64, description="which template; see att.project.templates"
    )


class ProjectImport(Request):
    """A new project from the files of a tar or zip archive."""

    upload: str = Field(description="the archive; attctl takes a folder too")
    name: Name


class ProjectClone(Request):
    """A new project from a git repository."""

    source: Annotated[str, AfterValidator(checked_url)] = Field(
        max_length=2000, description="https or file address", json_schema_extra={"cli": "argument"}
    )
    name: str | None = Field(
        default=None,
        max_length=NAME_CHARS_MAX * 4,
        description="what the project is called; the repository's own name unless given",
    )
    credential: str | None = Field(
        default=None, max_length=64, description="name of a stored credential, for a private repository"
    )


class ProjectList(Request):
    """Which projects."""

    status: ProjectStatus | None = Field(default=None, description="only projects of this status")


class ProjectShow(Request):
    """Which project."""

    project_id: ProjectId


class ProjectExport(Request):
    """Which project, and whether with its history."""

    project_id: ProjectId
    history: bool = Field(default=False, description="with the repository's history, the folder .git")


class Exported(BaseModel):
    """The archive: read it at `content` with one's own token; it stays for a day."""

    upload: str
    content: str
    file_name: str
    bytes: int
    sha256: str


class ProjectDelete(ProjectShow):
    """Which project to stop and remove, with its files, repository, pull requests and secrets."""


class Deleted(BaseModel):
    """What was removed."""

    id: str
    name: str


class Template(BaseModel):
    """One template of the registry."""

    id: str
    name: str
    version: str
    summary: str


class TemplatePage(BaseModel):
    """All templates."""

    templates: list[Template]


class Nothing(Request):
    """No arguments."""


VariableName = Annotated[str, AfterValidator(checked_variable_name), Field(max_length=128)]


def _without_line_end(secret: SecretStr) -> SecretStr:
    """Values come from files, and editors end files with a line break that nobody means."""
    return SecretStr(secret.get_secret_value().removesuffix("\n").removesuffix("\r"))


def _one_line(secret: SecretStr) -> SecretStr:
    if not secret.get_secret_value().isprintable() or not secret.get_secret_value():
        raise ValueError("it must be one line without control characters")
    return secret


class VariableSet(Request):
    """A variable for the environment of the project's apps, tests and tasks."""

    project_id: ProjectId
    name: VariableName = Field(description="name of the environment variable")
    value: Annotated[SecretStr, AfterValidator(_without_line_end)] = Field(
        max_length=VALUE_CHARS_MAX,
        description="the value, a line break at its end left out; attctl reads it from a file, `-` is standard input",
        json_schema_extra={"cli": "file"},
    )
    secret: bool = Field(default=True, description="whether nobody may read the value again")


class VariableRemove(Request):
    """Which variable of which project."""

    project_id: ProjectId
    name: VariableName = Field(description="name of the environment variable")


class Variable(BaseModel):
    """A variable; the value of a secret never comes back."""

    name: str
    secret: bool
    value: str | None = Field(default=None, description="null for a secret")
    updated_at: datetime


class VariablePage(BaseModel):
    """All variables of a project, by name."""

    variables: list[Variable]


class CredentialSet(Request):
    """What a host wants from those who read a private repository there."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,47}$", description="name to give with att.project.clone")
    host: str = Field(
        pattern=r"^[a-z0-9.-]{1,253}(:[0-9]{1,5})?$", description="the one host it is sent to, e.g. `github.com`"
    )
    username: str = Field(default="git", min_length=1, max_length=256, pattern=r"^[^\x00-\x1f:]+$")
    secret: Annotated[SecretStr, AfterValidator(_without_line_end), AfterValidator(_one_line)] = Field(
        min_length=1,
        max_length=4096,
        description="password or token; attctl reads it from a file, `-` is standard input",
        json_schema_extra={"cli": "file"},
    )


class CredentialRemove(Request):
    """Which credential."""

    name: str = Field(max_length=64)


class Credential(BaseModel):
    """A stored credential, without its secret."""

    name: str
    host: str
    username: str
    created_at: datetime


class CredentialPage(BaseModel):
    """All stored credentials, by name."""

    credentials: list[Credential]
