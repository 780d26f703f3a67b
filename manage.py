"""Operators' commands. `python manage.py --help`"""

import argparse
import asyncio

from activities.repair import RepairActivities
from adapters.build import blob_store, key_wrapper
from config import Settings, load_settings
from contracts.errors import JobError
from contracts.repair import RepairInput
from readmodel.audit import AuditLog
from readmodel.database import Database
from readmodel.history import HistoryWriter
from readmodel.jobs import JobQueries
from readmodel.sealing import Sealing
from readmodel.tenant_keys import KeyBook, key_ring
from telemetry import set_up_logging
from temporal.client import connect
from temporal.dependencies import TemporalJobs
from temporal.ledger import TemporalLedger
from temporal.plugin import queue_plugin


async def reconcile(settings: Settings, *, deep: bool, close_lost: bool) -> str:
    """Rebuild or repair the read model from all that Temporal keeps, and say what was done."""
    database = Database(settings.database)
    keys = key_ring(database, key_wrapper(settings))
    client = await connect([queue_plugin(blob_store(settings), keys=keys)])
    try:
        await database.migrate()
        queries = JobQueries(database)
        others = TemporalJobs(client, queries)
        repair = RepairActivities(TemporalLedger(client), HistoryWriter(database), queries, others)
        report = await repair.repair(RepairInput(deep=deep, close_lost=close_lost))
    finally:
        await database.close()
    said = f"{report.compared} jobs of Temporal compared, {report.repaired} repaired"
    if not report.lost:
        return said
    if close_lost:
        return f"{said}, {report.lost} ended as lost"
    return f"{said}\n{report.lost} open jobs are unknown to this Temporal: is it the right one? --close-lost ends them"


async def verify_audit(settings: Settings, witness: str | None) -> str:
    """Look through the whole audit log, and say where it ends.

    Raises:
        RuntimeError: A line is missing, altered or out of place, or the witness is not of the form number:hash.
    """
    noted = None
    if witness is not None:
        number, _, its_hash = witness.partition(":")
        if not (number.isdigit() and its_hash):
            msg = "a witness is written number:hash"
            raise RuntimeError(msg)
        noted = (int(number), its_hash)
    database = Database(settings.database)
    try:
        found = await AuditLog(database).verify(noted)
    finally:
        await database.close()
    if found.problem:
        raise RuntimeError(found.problem)
    return f"{found.number} lines, each as it was written; the log ends with {found.number}:{found.hash}"


async def migrate(settings: Settings) -> str:
    """Bring the database's tables up to date."""
    database = Database(settings.database)
    try:
        await database.migrate()
    finally:
        await database.close()
    return "the tables are up to date"


async def rotate_key(settings: Settings, tenant_id: str) -> str:
    """Have a tenant's payloads encrypted with a new key from now on."""
    database = Database(settings.database)
    try:
        key = await KeyBook(database, key_wrapper(settings)).rotate(tenant_id)
    finally:
        await database.close()
    return f"'{tenant_id}' encrypts with {key.id} within a minute; what its older keys encrypted stays readable"


async def rewrap_keys(settings: Settings) -> str:
    """Wrap the tenants' keys with the first of the master keys."""
    database = Database(settings.database)
    try:
        count = await KeyBook(database, key_wrapper(settings)).rewrap()
    finally:
        await database.close()
    return f"{count} keys wrapped anew; older master keys are not needed any more"


async def seal(settings: Settings) -> str:
    """Seal what was kept before there were keys."""
    database = Database(settings.database)
    key_ring(database, key_wrapper(settings))
    try:
        count = await Sealing(database).run()
    finally:
        await database.close()
    return f"{count} values sealed; only the events of payments from before stay as they are: they cannot be changed"


def main() -> None:
    """Run one command."""
    parser = argparse.ArgumentParser(description="Commands for operators. Settings come from SPACES_… and TEMPORAL_….")
    commands = parser.add_subparsers(dest="command", required=True)
    repair = commands.add_parser("reconcile", help="rebuild or repair the read model from Temporal")
    repair.add_argument("--deep", action="store_true", help="also rewrite jobs that seem to agree")
    repair.add_argument(
        "--close-lost", action="store_true", help="end the open jobs that Temporal does not know, for good"
    )
    audit = commands.add_parser("verify-audit", help="find a line of the audit log that was removed or altered")
    audit.add_argument(
        "--witness", metavar="NUMBER:HASH", help="a line as it was noted elsewhere, for example in a log"
    )
    commands.add_parser("migrate", help="bring the database's tables up to date")
    rotate = commands.add_parser("rotate-key", help="have a tenant's payloads encrypted with a new key from now on")
    rotate.add_argument("tenant", help="the tenant, or * for the platform's own")
    commands.add_parser("rewrap-keys", help="wrap the tenants' keys with the first of the SPACES_MASTER_KEYs")
    commands.add_parser("seal", help="encrypt the payloads, results and secrets that were kept before there were keys")
    arguments = parser.parse_args()
    settings = load_settings()
    set_up_logging("WARNING", "text")
    if arguments.command == "reconcile":
        call = reconcile(settings, deep=arguments.deep, close_lost=arguments.close_lost)
    elif arguments.command == "rotate-key":
        call = rotate_key(settings, arguments.tenant)
    elif arguments.command == "rewrap-keys":
        call = rewrap_keys(settings)
    elif arguments.command == "seal":
        call = seal(settings)
    elif arguments.command == "verify-audit":
        call = verify_audit(settings, arguments.witness)
    else:
        call = migrate(settings)
    try:
        print(asyncio.run(call))  # noqa: T201  the command's answer
    except (JobError, RuntimeError) as error:
        raise SystemExit(f"{arguments.command} failed: {error}") from None


if __name__ == "__main__":
    main()
