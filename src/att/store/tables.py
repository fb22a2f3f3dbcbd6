"""The store's own tables, and the metadata in which every room declares its tables.

Alembic's migrations make the tables; a test compares both.
"""

from sqlalchemy import CheckConstraint, Column, Float, Integer, MetaData, String, Table

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_N_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

att_schema = Table(
    "att_schema",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("min_reader", Integer, nullable=False),
    CheckConstraint("id = 1", name="one_row"),
)

att_migrations = Table(
    "att_migrations",
    METADATA,
    Column("version", Integer, primary_key=True),
    Column("sha256", String, nullable=False),
    Column("applied", Float, nullable=False),
)

canaries = Table(
    "canaries",
    METADATA,
    Column("seq", Integer, primary_key=True),
    Column("id", String, nullable=False, unique=True),
    Column("value", String, nullable=False),
    Column("created", Float, nullable=False),
)
