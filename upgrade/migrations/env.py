"""Runs the migrations on the connection that `python -m att.entrypoints.database` hands in; nothing else may."""

from alembic import context

attributes = context.config.attributes

context.configure(
    connection=attributes["connection"],
    transaction_per_migration=True,
    transactional_ddl=True,
    on_version_apply=attributes["on_version_apply"],
)

with context.begin_transaction():
    context.run_migrations()
