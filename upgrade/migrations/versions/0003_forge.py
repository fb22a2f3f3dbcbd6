"""The forge: pull requests with comments, approvals and checks; policies; names of other hosts' repositories."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
CLASS = "additive"
MIN_READER = 1


def upgrade() -> None:
    op.create_table(
        "pull_requests",
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("id", sa.String, nullable=False),
        sa.Column("project_id", sa.String, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("title", sa.String, nullable=False),
        sa.Column("body", sa.String, nullable=False),
        sa.Column("head", sa.String, nullable=False),
        sa.Column("base", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("author_id", sa.String, nullable=False),
        sa.Column("author", sa.String, nullable=False),
        sa.Column("head_commit", sa.String, nullable=False),
        sa.Column("base_commit", sa.String, nullable=False),
        sa.Column("merge_commit", sa.String),
        sa.Column("merged_by", sa.String),
        sa.Column("created", sa.Float, nullable=False),
        sa.Column("updated", sa.Float, nullable=False),
        sa.Column("ended", sa.Float),
        sa.PrimaryKeyConstraint("seq", name="pk_pull_requests"),
        sa.UniqueConstraint("id", name="uq_pull_requests_id"),
    )
    op.create_index("ix_pull_requests_project_id_number", "pull_requests", ["project_id", "number"], unique=True)
    _said()
    _checks()
    op.create_table(
        "forge_policies",
        sa.Column("project_id", sa.String, nullable=False),
        sa.Column("policy", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("project_id", name="pk_forge_policies"),
    )
    op.create_table(
        "remotes",
        sa.Column("project_id", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("url", sa.String, nullable=False),
        sa.Column("credential", sa.String),
        sa.Column("created", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("project_id", "name", name="pk_remotes"),
    )


def _said() -> None:
    op.create_table(
        "pr_comments",
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("id", sa.String, nullable=False),
        sa.Column("pull_request_id", sa.String, nullable=False),
        sa.Column("author_id", sa.String, nullable=False),
        sa.Column("author", sa.String, nullable=False),
        sa.Column("body", sa.String, nullable=False),
        sa.Column("path", sa.String),
        sa.Column("line", sa.Integer),
        sa.Column("commit", sa.String, nullable=False),
        sa.Column("created", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_pr_comments"),
        sa.UniqueConstraint("id", name="uq_pr_comments_id"),
        sa.ForeignKeyConstraint(
            ["pull_request_id"],
            ["pull_requests.id"],
            name="fk_pr_comments_pull_request_id_pull_requests",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_pr_comments_pull_request_id", "pr_comments", ["pull_request_id"])
    op.create_table(
        "pr_approvals",
        sa.Column("pull_request_id", sa.String, nullable=False),
        sa.Column("approver_id", sa.String, nullable=False),
        sa.Column("commit", sa.String, nullable=False),
        sa.Column("approver", sa.String, nullable=False),
        sa.Column("created", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("pull_request_id", "approver_id", "commit", name="pk_pr_approvals"),
        sa.ForeignKeyConstraint(
            ["pull_request_id"],
            ["pull_requests.id"],
            name="fk_pr_approvals_pull_request_id_pull_requests",
            ondelete="CASCADE",
        ),
    )


def _checks() -> None:
    op.create_table(
        "checks",
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("id", sa.String, nullable=False),
        sa.Column("pull_request_id", sa.String, nullable=False),
        sa.Column("project_id", sa.String, nullable=False),
        sa.Column("commit", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("required", sa.Boolean, nullable=False),
        sa.Column("spec", sa.JSON, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("task_id", sa.String, nullable=False),
        sa.Column("code", sa.Integer),
        sa.Column("detail", sa.String, nullable=False),
        sa.Column("created", sa.Float, nullable=False),
        sa.Column("started", sa.Float),
        sa.Column("ended", sa.Float),
        sa.PrimaryKeyConstraint("seq", name="pk_checks"),
        sa.UniqueConstraint("id", name="uq_checks_id"),
        sa.ForeignKeyConstraint(
            ["pull_request_id"],
            ["pull_requests.id"],
            name="fk_checks_pull_request_id_pull_requests",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_checks_pull_request_id_commit", "checks", ["pull_request_id", "commit"])
    op.create_index("ix_checks_project_id", "checks", ["project_id"])
