"""The history of events, for subscribers that come back."""

from sqlalchemy import JSON, Column, Float, Integer, String, Table

from att.store.tables import METADATA

events = Table(
    "events",
    METADATA,
    Column("cursor", Integer, primary_key=True),
    Column("project_id", String, nullable=False),
    Column("event_type", String, nullable=False),
    Column("payload", JSON, nullable=False),
    Column("time", Float, nullable=False),
)
