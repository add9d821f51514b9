"""Alembic's environment: the connection is handed in by ``monitor.storage.migrate``; SQL scripts are not made."""

from alembic import context

from monitor.storage.migrate import check_references
from monitor.storage.schema import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    render_as_batch=True,
    transactional_ddl=True,
    transaction_per_migration=True,
    on_version_apply=lambda **_: check_references(connection),
)
with context.begin_transaction():
    context.run_migrations()
