"""The first tables: schema, canary, identity, jobs, events, audit."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
CLASS = "additive"
MIN_READER = 1


def upgrade() -> None:
    _store()
    _identity()
    _jobs()
    op.create_table(
        "events",
        sa.Column("cursor", sa.Integer, nullable=False),
        sa.Column("project_id", sa.String, nullable=False),
        sa.Column("event_type", sa.String, nullable=False),
        sa.Column("payload", sa.JSON, nullable=False),
        sa.Column("time", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("cursor", name="pk_events"),
    )
    op.create_table(
        "audit",
        sa.Column("cursor", sa.Integer, nullable=False),
        sa.Column("time", sa.Float, nullable=False),
        sa.Column("caller", sa.String, nullable=False),
        sa.Column("caller_name", sa.String, nullable=False),
        sa.Column("caller_kind", sa.String, nullable=False),
        sa.Column("door", sa.String, nullable=False),
        sa.Column("peer", sa.String, nullable=False),
        sa.Column("operation", sa.String, nullable=False),
        sa.Column("target", sa.JSON, nullable=False),
        sa.Column("outcome", sa.String, nullable=False),
        sa.Column("request_id", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("cursor", name="pk_audit"),
    )


def _store() -> None:
    op.create_table(
        "att_schema",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("min_reader", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_att_schema"),
        sa.CheckConstraint("id = 1", name="ck_att_schema_one_row"),
    )
    op.create_table(
        "att_migrations",
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("sha256", sa.String, nullable=False),
        sa.Column("applied", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("version", name="pk_att_migrations"),
    )
    op.create_table(
        "canaries",
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("id", sa.String, nullable=False),
        sa.Column("value", sa.String, nullable=False),
        sa.Column("created", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_canaries"),
        sa.UniqueConstraint("id", name="uq_canaries_id"),
    )


def _identity() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("name_folded", sa.String, nullable=False),
        sa.Column("password_hash", sa.String, nullable=False),
        sa.Column("role", sa.String, nullable=False),
        sa.Column("created", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("name_folded", name="uq_users_name_folded"),
    )
    op.create_table(
        "tokens",
        sa.Column("id", sa.String, nullable=False),
        sa.Column("sha256", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("role", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("owner", sa.String, nullable=False),
        sa.Column("created", sa.Float, nullable=False),
        sa.Column("expires", sa.Float),
        sa.Column("last_used", sa.Float),
        sa.Column("revoked", sa.Float),
        sa.PrimaryKeyConstraint("id", name="pk_tokens"),
        sa.UniqueConstraint("sha256", name="uq_tokens_sha256"),
    )
    op.create_index("ix_tokens_owner", "tokens", ["owner"])
    op.create_table(
        "sessions",
        sa.Column("sha256", sa.String, nullable=False),
        sa.Column("user_id", sa.String),
        sa.Column("token_id", sa.String),
        sa.Column("created", sa.Float, nullable=False),
        sa.Column("last_seen", sa.Float, nullable=False),
        sa.Column("expires", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("sha256", name="pk_sessions"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_sessions_user_id_users", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["token_id"], ["tokens.id"], name="fk_sessions_token_id_tokens", ondelete="CASCADE"),
        sa.CheckConstraint("(user_id IS NULL) <> (token_id IS NULL)", name="ck_sessions_one_owner"),
    )
    op.create_index("ix_sessions_user_id", "sessions", ["user_id"])
    op.create_index("ix_sessions_token_id", "sessions", ["token_id"])
    op.create_table(
        "claims",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("user_id", sa.String, nullable=False),
        sa.Column("claimed", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_claims"),
        sa.CheckConstraint("id = 1", name="ck_claims_one_row"),
    )


def _jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("id", sa.String, nullable=False),
        sa.Column("operation", sa.String, nullable=False),
        sa.Column("request", sa.JSON, nullable=False),
        sa.Column("caller", sa.JSON, nullable=False),
        sa.Column("caller_id", sa.String, nullable=False),
        sa.Column("request_id", sa.String, nullable=False),
        sa.Column("key", sa.String),
        sa.Column("exclusive", sa.String),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("step", sa.String, nullable=False),
        sa.Column("percent", sa.Float),
        sa.Column("deadline", sa.Float),
        sa.Column("created", sa.Float, nullable=False),
        sa.Column("started", sa.Float),
        sa.Column("finished", sa.Float),
        sa.Column("cancel_requested", sa.Boolean, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("memory", sa.JSON, nullable=False),
        sa.Column("result", sa.JSON),
        sa.Column("problem", sa.JSON),
        sa.Column("lines", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_jobs"),
        sa.UniqueConstraint("id", name="uq_jobs_id"),
    )
    op.create_index("ix_jobs_state", "jobs", ["state"])
    op.create_index(
        "ix_jobs_key", "jobs", ["caller_id", "operation", "key"], unique=True, sqlite_where=sa.text("key IS NOT NULL")
    )
    op.create_table(
        "job_lines",
        sa.Column("job_id", sa.String, nullable=False),
        sa.Column("line", sa.Integer, nullable=False),
        sa.Column("time", sa.Float, nullable=False),
        sa.Column("text", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("job_id", "line", name="pk_job_lines"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_job_lines_job_id_jobs", ondelete="CASCADE"),
    )
