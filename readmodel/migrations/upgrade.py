"""Upgrade: brings a database to the newest revision, in one transaction."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import URL, Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from readmodel.engines import make_patient_engine
from readmodel.outages import told_outages
from readmodel.row_security import secure
from readmodel.tables import SCHEMA

_LOCK = 7_306_551_902_716
"""PostgreSQL advisory lock of whoever migrates; any number that nobody else uses."""


async def upgrade(url: URL) -> None:
    """Run all revisions that are missing; nothing happens when none are.

    Everything is one transaction under a lock: a process that is killed leaves the tables as they were, and one that
    comes second finds nothing to do.

    Raises:
        Unavailable: The database did not answer, or another process migrated for over a minute.
        RuntimeError: On PostgreSQL, the role that keeps tenants apart is missing and may not be made.
    """
    engine = make_patient_engine(url)
    try:
        with told_outages():
            await (_upgrade_sqlite(engine) if engine.dialect.name == "sqlite" else _upgrade_postgres(engine))
    finally:
        await engine.dispose()


async def _upgrade_sqlite(engine: AsyncEngine) -> None:
    Path(engine.url.database or "").parent.mkdir(parents=True, exist_ok=True)
    async with engine.execution_options(sqlite_lock="EXCLUSIVE").begin() as connection:
        await connection.run_sync(run_revisions)


async def _upgrade_postgres(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        await _create_schema(connection)
        await connection.run_sync(run_revisions)
        await connection.run_sync(secure)


async def _create_schema(connection: AsyncConnection) -> None:
    # not IF NOT EXISTS: that asks for the right to create even when somebody with more rights has created it
    if await connection.scalar(text("SELECT to_regnamespace(:schema)::text"), {"schema": SCHEMA}) is None:
        await connection.execute(text(f"CREATE SCHEMA {SCHEMA}"))


def run_revisions(connection: Connection) -> None:
    """Run the missing revisions inside the connection's transaction."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
