"""Pull requests with what was said and checked of them; policies; names of other hosts' repositories."""

from sqlalchemy import JSON, Boolean, Column, Float, ForeignKey, Index, Integer, String, Table

from att.store.tables import METADATA


def _of_pull_request() -> ForeignKey:
    return ForeignKey("pull_requests.id", ondelete="CASCADE")


pull_requests = Table(
    "pull_requests",
    METADATA,
    Column("seq", Integer, primary_key=True),
    Column("id", String, nullable=False, unique=True),
    Column("project_id", String, nullable=False),
    Column("number", Integer, nullable=False),
    Column("title", String, nullable=False),
    Column("body", String, nullable=False),
    Column("head", String, nullable=False),
    Column("base", String, nullable=False),
    Column("state", String, nullable=False),
    Column("author_id", String, nullable=False),
    Column("author", String, nullable=False),
    Column("head_commit", String, nullable=False),
    Column("base_commit", String, nullable=False),
    Column("merge_commit", String),
    Column("merged_by", String),
    Column("created", Float, nullable=False),
    Column("updated", Float, nullable=False),
    Column("ended", Float),
    Index("ix_pull_requests_project_id_number", "project_id", "number", unique=True),
)
"""`state` is open, merging, merged or closed; while merging, `base_commit` is what the base must still be."""

pr_comments = Table(
    "pr_comments",
    METADATA,
    Column("seq", Integer, primary_key=True),
    Column("id", String, nullable=False, unique=True),
    Column("pull_request_id", String, _of_pull_request(), nullable=False, index=True),
    Column("author_id", String, nullable=False),
    Column("author", String, nullable=False),
    Column("body", String, nullable=False),
    Column("path", String),
    Column("line", Integer),
    Column("commit", String, nullable=False),
    Column("created", Float, nullable=False),
)

pr_approvals = Table(
    "pr_approvals",
    METADATA,
    Column("pull_request_id", String, _of_pull_request(), primary_key=True),
    Column("approver_id", String, primary_key=True),
    Column("commit", String, primary_key=True),
    Column("approver", String, nullable=False),
    Column("created", Float, nullable=False),
)

checks = Table(
    "checks",
    METADATA,
    Column("seq", Integer, primary_key=True),
    Column("id", String, nullable=False, unique=True),
    Column("pull_request_id", String, _of_pull_request(), nullable=False),
    Column("project_id", String, nullable=False, index=True),
    Column("commit", String, nullable=False),
    Column("name", String, nullable=False),
    Column("required", Boolean, nullable=False),
    Column("spec", JSON, nullable=False),
    Column("state", String, nullable=False),
    Column("task_id", String, nullable=False),
    Column("code", Integer),
    Column("detail", String, nullable=False),
    Column("created", Float, nullable=False),
    Column("started", Float),
    Column("ended", Float),
    Index("ix_checks_pull_request_id_commit", "pull_request_id", "commit"),
)

forge_policies = Table(
    "forge_policies",
    METADATA,
    Column("project_id", String, primary_key=True),
    Column("policy", JSON, nullable=False),
)

remotes = Table(
    "remotes",
    METADATA,
    Column("project_id", String, primary_key=True),
    Column("name", String, primary_key=True),
    Column("url", String, nullable=False),
    Column("credential", String),
    Column("created", Float, nullable=False),
)
