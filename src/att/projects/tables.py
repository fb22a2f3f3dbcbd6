"""Projects, their sealed variables, and the credentials with which other hosts' repositories are read."""

from sqlalchemy import Boolean, Column, Float, ForeignKey, Integer, LargeBinary, String, Table

from att.store.tables import METADATA

projects = Table(
    "projects",
    METADATA,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("slug", String, nullable=False, unique=True),
    Column("state", String, nullable=False),
    Column("phase", String, nullable=False),
    Column("detail", String, nullable=False),
    Column("template", String),
    Column("template_version", String),
    Column("remote_url", String),
    Column("credential", String),
    Column("slot", Integer, unique=True),
    Column("owner", String, nullable=False),
    Column("job_id", String),
    Column("created", Float, nullable=False),
    Column("updated", Float, nullable=False),
)
"""`phase` is `making`, `ready` or `removing`: only ready ones are seen. `slot` is the number of the project's user."""

project_variables = Table(
    "project_variables",
    METADATA,
    Column("project_id", String, ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True),
    Column("name", String, primary_key=True),
    Column("secret", Boolean, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("updated", Float, nullable=False),
)

credentials = Table(
    "credentials",
    METADATA,
    Column("name", String, primary_key=True),
    Column("host", String, nullable=False),
    Column("username", String, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("owner", String, nullable=False),
    Column("created", Float, nullable=False),
)
