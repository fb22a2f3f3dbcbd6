"""The history of test runs."""

from sqlalchemy import JSON, Column, Float, ForeignKey, Index, Integer, String, Table

from att.store.tables import METADATA

test_runs = Table(
    "test_runs",
    METADATA,
    Column("number", Integer, primary_key=True),
    Column("id", String, nullable=False, unique=True),
    Column("project_id", String, ForeignKey("projects.id", ondelete="CASCADE"), nullable=False),
    Column("task_id", String, nullable=False),
    Column("outcome", String, nullable=False),
    Column("asked", JSON, nullable=False),
    Column("report", JSON(none_as_null=True)),
    Column("started", Float, nullable=False),
    Column("ended", Float),
    Index("ix_test_runs_project_id", "project_id", "number"),
)
