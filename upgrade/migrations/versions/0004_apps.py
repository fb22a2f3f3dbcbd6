"""Apps as they are wanted, and the runs that were recorded."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
CLASS = "additive"
MIN_READER = 1


def upgrade() -> None:
    op.create_table(
        "apps",
        sa.Column("project_id", sa.String, nullable=False),
        sa.Column("desired", sa.String, nullable=False),
        sa.Column("task_id", sa.String, nullable=False),
        sa.Column("config", sa.String),
        sa.Column("port", sa.Integer, nullable=False),
        sa.Column("pinned", sa.Boolean, nullable=False),
        sa.Column("policy", sa.String, nullable=False),
        sa.Column("autostart", sa.Boolean, nullable=False),
        sa.Column("restarts", sa.Integer, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("next_start", sa.Float),
        sa.Column("fault", sa.JSON),
        sa.Column("changed", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("project_id", name="pk_apps"),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name="fk_apps_project_id_projects", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_apps_desired", "apps", ["desired"])
    op.create_table(
        "traces",
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("id", sa.String, nullable=False),
        sa.Column("project_id", sa.String, nullable=False),
        sa.Column("task_id", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("message", sa.String, nullable=False),
        sa.Column("answer", sa.String),
        sa.Column("problem", sa.String),
        sa.Column("steps", sa.Integer, nullable=False),
        sa.Column("bytes", sa.Integer, nullable=False),
        sa.Column("truncated", sa.Boolean, nullable=False),
        sa.Column("caller", sa.String, nullable=False),
        sa.Column("request_id", sa.String, nullable=False),
        sa.Column("started", sa.Float, nullable=False),
        sa.Column("ended", sa.Float),
        sa.PrimaryKeyConstraint("number", name="pk_traces"),
        sa.UniqueConstraint("id", name="uq_traces_id"),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name="fk_traces_project_id_projects", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_traces_project_id", "traces", ["project_id", "number"])
