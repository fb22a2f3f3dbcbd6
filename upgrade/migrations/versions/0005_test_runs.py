"""The history of test runs."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
CLASS = "additive"
MIN_READER = 1


def upgrade() -> None:
    op.create_table(
        "test_runs",
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("id", sa.String, nullable=False),
        sa.Column("project_id", sa.String, nullable=False),
        sa.Column("task_id", sa.String, nullable=False),
        sa.Column("outcome", sa.String, nullable=False),
        sa.Column("asked", sa.JSON, nullable=False),
        sa.Column("report", sa.JSON),
        sa.Column("started", sa.Float, nullable=False),
        sa.Column("ended", sa.Float),
        sa.PrimaryKeyConstraint("number", name="pk_test_runs"),
        sa.UniqueConstraint("id", name="uq_test_runs_id"),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name="fk_test_runs_project_id_projects", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_test_runs_project_id", "test_runs", ["project_id", "number"])
