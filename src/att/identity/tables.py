"""Users, API tokens, sessions and the claim. Secrets are kept as SHA-256 (random ones) or argon2id (passwords)."""

from sqlalchemy import CheckConstraint, Column, Float, ForeignKey, Index, Integer, String, Table

from att.store.tables import METADATA

users = Table(
    "users",
    METADATA,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("name_folded", String, nullable=False, unique=True),
    Column("password_hash", String, nullable=False),
    Column("role", String, nullable=False),
    Column("created", Float, nullable=False),
)

tokens = Table(
    "tokens",
    METADATA,
    Column("id", String, primary_key=True),
    Column("sha256", String, nullable=False, unique=True),
    Column("name", String, nullable=False),
    Column("role", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("owner", String, nullable=False),
    Column("created", Float, nullable=False),
    Column("expires", Float),
    Column("last_used", Float),
    Column("revoked", Float),
    Index("ix_tokens_owner", "owner"),
)

sessions = Table(
    "sessions",
    METADATA,
    Column("sha256", String, primary_key=True),
    Column("user_id", String, ForeignKey("users.id", ondelete="CASCADE")),
    Column("token_id", String, ForeignKey("tokens.id", ondelete="CASCADE")),
    Column("created", Float, nullable=False),
    Column("last_seen", Float, nullable=False),
    Column("expires", Float, nullable=False),
    Index("ix_sessions_user_id", "user_id"),
    Index("ix_sessions_token_id", "token_id"),
    CheckConstraint("(user_id IS NULL) <> (token_id IS NULL)", name="one_owner"),
)

claims = Table(
    "claims",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("user_id", String, nullable=False),
    Column("claimed", Float, nullable=False),
    CheckConstraint("id = 1", name="one_row"),
)
