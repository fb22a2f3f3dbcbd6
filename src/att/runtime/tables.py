"""Apps as they are wanted, and the runs that were recorded."""

from sqlalchemy import JSON, Boolean, Column, Float, ForeignKey, Index, Integer, String, Table

from att.store.tables import METADATA

apps = Table(
    "apps",
    METADATA,
    Column("project_id", String, ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True),
    Column("desired", String, nullable=False),
    Column("task_id", String, nullable=False),
    Column("config", String),
    Column("port", Integer, nullable=False),
    Column("pinned", Boolean, nullable=False),
    Column("policy", String, nullable=False),
    Column("autostart", Boolean, nullable=False),
    Column("restarts", Integer, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("next_start", Float),
    Column("fault", JSON(none_as_null=True)),
    Column("changed", Float, nullable=False),
    Index("ix_apps_desired", "desired"),
)

traces = Table(
    "traces",
    METADATA,
    Column("number", Integer, primary_key=True),
    Column("id", String, nullable=False, unique=True),
    Column("project_id", String, ForeignKey("projects.id", ondelete="CASCADE"), nullable=False),
    Column("task_id", String, nullable=False),
    Column("state", String, nullable=False),
    Column("message", String, nullable=False),
    Column("answer", String),
    Column("problem", String),
    Column("steps", Integer, nullable=False),
    Column("bytes", Integer, nullable=False),
    Column("truncated", Boolean, nullable=False),
    Column("caller", String, nullable=False),
    Column("request_id", String, nullable=False),
    Column("started", Float, nullable=False),
    Column("ended", Float),
    Index("ix_traces_project_id", "project_id", "number"),
)
