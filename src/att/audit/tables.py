"""The platform's audit table."""

from sqlalchemy import JSON, Column, Float, Integer, String, Table

from att.store.tables import METADATA

audit = Table(
    "audit",
    METADATA,
    Column("cursor", Integer, primary_key=True),
    Column("time", Float, nullable=False),
    Column("caller", String, nullable=False),
    Column("caller_name", String, nullable=False),
    Column("caller_kind", String, nullable=False),
    Column("door", String, nullable=False),
    Column("peer", String, nullable=False),
    Column("operation", String, nullable=False),
    Column("target", JSON, nullable=False),
    Column("outcome", String, nullable=False),
    Column("request_id", String, nullable=False),
)
