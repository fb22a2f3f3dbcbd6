"""Jobs and their logs."""

from sqlalchemy import JSON, Boolean, Column, Float, ForeignKey, Index, Integer, String, Table, text

from att.store.tables import METADATA

jobs = Table(
    "jobs",
    METADATA,
    Column("seq", Integer, primary_key=True),
    Column("id", String, nullable=False, unique=True),
    Column("operation", String, nullable=False),
    Column("request", JSON, nullable=False),
    Column("caller", JSON, nullable=False),
    Column("caller_id", String, nullable=False),
    Column("request_id", String, nullable=False),
    Column("key", String),
    Column("exclusive", String),
    Column("state", String, nullable=False),
    Column("step", String, nullable=False),
    Column("percent", Float),
    Column("deadline", Float),
    Column("created", Float, nullable=False),
    Column("started", Float),
    Column("finished", Float),
    Column("cancel_requested", Boolean, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("memory", JSON, nullable=False),
    Column("result", JSON(none_as_null=True)),
    Column("problem", JSON(none_as_null=True)),
    Column("lines", Integer, nullable=False),
    Index("ix_jobs_state", "state"),
    Index("ix_jobs_key", "caller_id", "operation", "key", unique=True, sqlite_where=text("key IS NOT NULL")),
)

job_lines = Table(
    "job_lines",
    METADATA,
    Column("job_id", String, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("line", Integer, primary_key=True),
    Column("time", Float, nullable=False),
    Column("text", String, nullable=False),
)
