"""Abuse: slows down tenants that harm others, for a while, and says so by an alert.

The rules and their numbers stand in contracts/limits.py. A tenant is measured, never a person.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.alerts import TENANT_SLOWED, Severity
from contracts.jobs import JobStatus
from contracts.limits import SLOWED_FACTOR, SLOWED_FOR, WATCHED, Slowdown, too_many_failed
from readmodel.alerts import keep_alert
from readmodel.database import Database
from readmodel.rows import insert_into
from readmodel.tables import JobCountRow, JobRow, SlowdownRow


class AbuseRecord:
    """An `AbuseWatch` over the roll-ups and the dead jobs, and the record of who is slowed down.

    Every method raises `Unavailable` when the database did not answer.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def watch(self, now: datetime) -> int:
        """Slow down the tenants whose jobs fail too often and that are not slowed down yet; return how many."""
        async with self._database.read() as connection:
            failed, ended = await _lately(connection, now)
        reasons = {tenant: too_many_failed(failed[tenant], ended[tenant]) for tenant in sorted(ended)}
        return sum([await self.slow_down(tenant, why, now) for tenant, why in reasons.items() if why])

    async def slow_down(self, tenant_id: str, reason: str, now: datetime) -> bool:
        """Slow the tenant down from now on and raise the alert; False when it is slowed down already.

        A slowdown in force is neither repeated nor extended, so doing this twice changes nothing.
        """
        slowdown = Slowdown(tenant_id=tenant_id, reason=reason, factor=SLOWED_FACTOR, since=now, until=now + SLOWED_FOR)
        values = dict(slowdown)
        async with self._database.write() as connection:
            insert = insert_into(connection, SlowdownRow)
            every = {name: insert.excluded[name] for name in values}
            over = SlowdownRow.until <= now
            upsert = insert.on_conflict_do_update(index_elements=["tenant_id"], set_=every, where=over)
            if not (await connection.execute(upsert, values)).rowcount:
                return False
            await _tell(connection, slowdown)
        return True


async def _tell(connection: AsyncConnection, slowdown: Slowdown) -> None:
    tenant_id = slowdown.tenant_id
    about = {"key": f"{TENANT_SLOWED}:{tenant_id}", "kind": TENANT_SLOWED, "tenant_id": tenant_id, "job_type": None}
    said = slowdown.to_wire()
    message = f"tenant '{tenant_id}' is slowed down until {said['until']}: {slowdown.reason}"
    details = {name: said[name] for name in ("reason", "factor", "until")}
    words = {"severity": Severity.WARNING, "message": message, "details": details}
    await keep_alert(connection, slowdown.since, about, words)


async def _lately(connection: AsyncConnection, now: datetime) -> tuple[Mapping[str, int], Counter[str]]:
    """Return by tenant how many jobs failed or died lately, and how many ended at all; cancelled ones say nothing."""
    since = now - WATCHED
    minutes = select(JobCountRow.tenant_id, JobCountRow.status, func.sum(JobCountRow.count).label("count"))
    told = minutes.where(
        JobCountRow.grain == "minute",
        JobCountRow.at >= since.replace(second=0, microsecond=0),
        JobCountRow.status.in_([JobStatus.COMPLETED, JobStatus.FAILED]),
    ).group_by(JobCountRow.tenant_id, JobCountRow.status)
    dead = select(JobRow.tenant_id, JobRow.status, func.count().label("count"))
    dead = dead.where(JobRow.status == JobStatus.DEAD, JobRow.status_at >= since)
    failed, ended = Counter[str](), Counter[str]()
    for query in (told, dead.group_by(JobRow.tenant_id, JobRow.status)):
        for tenant_id, status, count in await connection.execute(query):
            ended[tenant_id] += int(count)
            failed[tenant_id] += int(count) if status != JobStatus.COMPLETED else 0
    return failed, ended
