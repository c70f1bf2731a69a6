"""Alembic's entry point: runs one store's migrations on the connection that is handed over."""

from alembic import context

from privet.db.schema import METADATA

_given = context.config.attributes
context.configure(connection=_given["connection"], target_metadata=METADATA[_given["store"]])
context.run_migrations()
