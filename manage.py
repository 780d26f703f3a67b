"""Operators' commands. `python manage.py --help`"""

import argparse
import asyncio

from activities.repair import RepairActivities
from adapters.build import blob_store
from config import Settings, load_settings
from contracts.errors import JobError
from contracts.repair import RepairInput
from readmodel.database import Database
from readmodel.history import HistoryWriter
from readmodel.jobs import JobQueries
from telemetry import set_up_logging
from temporal.client import connect
from temporal.ledger import TemporalLedger
from temporal.plugin import queue_plugin


async def reconcile(settings: Settings, *, deep: bool) -> str:
    """Rebuild or repair the read model from all that Temporal keeps, and say what was done."""
    database = Database(settings.database)
    client = await connect([queue_plugin(blob_store(settings))])
    try:
        await database.migrate()
        repair = RepairActivities(TemporalLedger(client), HistoryWriter(database), JobQueries(database))
        report = await repair.repair(RepairInput(deep=deep))
    finally:
        await database.close()
    return f"{report.compared} jobs compared, {report.repaired} repaired, {report.lost} lost"


async def migrate(settings: Settings) -> str:
    """Bring the database's tables up to date."""
    database = Database(settings.database)
    try:
        await database.migrate()
    finally:
        await database.close()
    return "the tables are up to date"


def main() -> None:
    """Run one command."""
    parser = argparse.ArgumentParser(description="Commands for operators. Settings come from SPACES_… and TEMPORAL_….")
    commands = parser.add_subparsers(dest="command", required=True)
    repair = commands.add_parser("reconcile", help="rebuild or repair the read model from Temporal")
    repair.add_argument("--deep", action="store_true", help="also rewrite jobs that seem to agree")
    commands.add_parser("migrate", help="bring the database's tables up to date")
    arguments = parser.parse_args()
    settings = load_settings()
    set_up_logging("WARNING", "text")
    call = reconcile(settings, deep=arguments.deep) if arguments.command == "reconcile" else migrate(settings)
    try:
        print(asyncio.run(call))  # noqa: T201  the command's answer
    except (JobError, RuntimeError) as error:
        raise SystemExit(f"{arguments.command} failed: {error}") from None


if __name__ == "__main__":
    main()
