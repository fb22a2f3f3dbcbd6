"""The database of the API: one engine, one write gate, the schema check. Alembic runs elsewhere (entrypoints)."""
