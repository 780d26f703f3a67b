"""Alembic's entry: runs revisions on the connection that `upgrade.py` hands over, in its transaction."""

from alembic import context

from readmodel.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,  # SQLite alters a table by copying it
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
