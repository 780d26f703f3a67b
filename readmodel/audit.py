"""The audit log: added to and never changed, each line chained to the one before by its hash.

In a transaction `record` comes last: whoever has the end of the chain keeps every other writer waiting, and must not
wait for any other lock.
"""

import hashlib
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, bindparam, insert, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.audit import AuditAction, AuditLine, Deed
from readmodel.columns import utc_now
from readmodel.cursors import from_event_cursor
from readmodel.database import Database
from readmodel.tables import AuditHeadRow, AuditRow, JobRow

log = logging.getLogger("spaces.audit")

PAGE = 1000
WRITTEN_WITHIN = timedelta(minutes=5)
"""How long after a job was accepted the line of its submission may have been written."""

_HEAD = select(AuditHeadRow.number, AuditHeadRow.hash).where(AuditHeadRow.id == 1).with_for_update()
_AFTER = select(AuditRow.__table__).where(AuditRow.id > bindparam("last")).order_by(AuditRow.id).limit(PAGE)


@dataclass(frozen=True)
class AuditFilter:
    """Which lines; a condition that is None holds for all. `tenant_id`: whose things, `*` the platform's own.

    seen_by: a tenant, when a tenant reads: whoever of the platform did something is not told apart by `actor`
    """

    tenant_id: str | None = None
    actor: str | None = None
    actions: Sequence[AuditAction] = ()
    job_id: str | None = None
    after: datetime | None = None
    before: datetime | None = None
    seen_by: str | None = None


@dataclass(frozen=True)
class Verified:
    """What a look through the whole log found: its end, or the last line before what `problem` says."""

    number: int
    hash: str
    problem: str | None = None


async def record(connection: AsyncConnection, deeds: Iterable[Deed], at: datetime | None = None) -> None:
    """Add a line for each deed, inside the transaction that does it: both are there or neither.

    Each line's number and hash are logged as well: a log that is kept elsewhere is a witness of the chain.
    """
    told = list(deeds)
    if not told:
        return
    at = at or utc_now()
    number, last = (await connection.execute(_HEAD)).one()
    rows = []
    for deed in told:
        number += 1
        entry = _text(_line(number, at, deed).model_dump(mode="json", by_alias=True, exclude={"hash"}))
        last = chained(last, entry)
        rows.append(_values(number, at, deed, entry, last))
        said = {"audit": number, "hash": last, "action": deed.action.value, "actor": deed.author.actor}
        log.info("%s %s", deed.action.value, deed.result, extra={**said, "subject": deed.subject})
    await connection.execute(insert(AuditRow), rows)


def chained(last: str, entry: str) -> str:
    """Return the hash of a line: SHA-256 over the hash of the line before, a line feed, and the line's JSON text."""
    return hashlib.sha256(f"{last}\n{entry}".encode()).hexdigest()


class AuditLog:
    """Reads the log, and adds what no other transaction could.

    Every method raises `Unavailable` when the database did not answer.
    """

    def __init__(self, database: Database, clock: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._clock = clock

    async def add(self, deeds: Sequence[Deed]) -> None:
        """Add lines about what was done elsewhere. Adding twice makes two lines."""
        async with self._database.write() as connection:
            await record(connection, deeds, self._clock())

    async def list(
        self, wanted: AuditFilter, limit: int, cursor: str | None = None
    ) -> tuple[Sequence[AuditLine], str | None]:
        """Return up to `limit` lines, newest first, and the next page's cursor.

        Raises:
            InvalidInput: The cursor is not one of this list.
        """
        query = select(AuditRow.__table__).order_by(AuditRow.id.desc()).limit(limit + 1)
        if cursor is not None:
            query = query.where(AuditRow.id < from_event_cursor(cursor))
        async with self._database.read() as connection:
            conditions = [*_conditions(wanted), *await _about_job(connection, wanted.job_id)]
            rows = (await connection.execute(query.where(*conditions))).all()
        page = rows[:limit]
        return [_stored(row) for row in page], str(page[-1].id) if len(rows) > limit else None

    async def pages(self, wanted: AuditFilter) -> AsyncIterator[Sequence[AuditLine]]:
        """Yield all lines, newest first, a thousand at a time."""
        cursor: str | None = None
        while True:
            found, cursor = await self.list(wanted, PAGE, cursor)
            yield found
            if cursor is None:
                return

    async def verify(self, witness: tuple[int, str] | None = None) -> Verified:
        """Look through the whole log, and return its end, or the first line that is missing, altered or out of place.

        witness: number and hash of a line, noted when it was written: whoever rewrote the whole chain is found by it
        """
        number, last = 0, "0" * 64
        while rows := await self._after(number):
            for row in rows:
                number, before = row.id, (number, last)
                if problem := _problem(row, *before) or _contradiction(row, witness):
                    return Verified(*before, problem)
                last = row.hash
        return await self._ended(number, last, witness)

    async def _after(self, number: int) -> Sequence[Row[Any]]:
        async with self._database.read() as connection:
            return (await connection.execute(_AFTER, {"last": number})).all()

    async def _ended(self, number: int, last: str, witness: tuple[int, str] | None) -> Verified:
        """Compare the last line with the end that writers noted, under their lock: nobody adds a line meanwhile."""
        async with self._database.write() as connection:
            end = (await connection.execute(_HEAD)).one_or_none()
            newer = (await connection.execute(_AFTER, {"last": number})).all()
        for row in newer:
            if problem := _problem(row, number, last) or _contradiction(row, witness):
                return Verified(number, last, problem)
            number, last = row.id, row.hash
        if end is None or (end.number, end.hash) != (number, last):
            noted = "nothing" if end is None else f"line {end.number}"
            return Verified(number, last, f"the log ends with line {number}, but its writers noted {noted} as its end")
        if witness and witness[0] > number:
            return Verified(number, last, f"line {witness[0]} is missing: the log ends with line {number}")
        return Verified(number, last)


def _text(value: object) -> str:
    """Return plain JSON text, of whole characters; never that of documents.py, which an erased tenant takes with it."""
    words = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return words.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _line(number: int, at: datetime, deed: Deed) -> AuditLine:
    return AuditLine(
        id=number,
        at=at,
        actor=deed.author.actor,
        role=deed.author.role,
        actor_tenant_id=deed.author.tenant_id,
        action=deed.action,
        subject=deed.subject[:300],
        tenant_id=deed.tenant_id,
        job_id=deed.job_id,
        address=deed.author.address,
        request_id=deed.author.request_id,
        result=deed.result,
        before=None if deed.before is None else dict(deed.before),
        after=None if deed.after is None else dict(deed.after),
    )


def _values(number: int, at: datetime, deed: Deed, entry: str, its_hash: str) -> dict[str, Any]:
    return {
        "id": number,
        "created_at": at,
        "tenant_id": deed.tenant_id,
        "actor": deed.author.actor,
        "actor_tenant_id": deed.author.tenant_id,
        "action": deed.action.value,
        "job_id": deed.job_id,
        "entry": entry,
        "hash": its_hash,
    }


def _stored(row: Row[Any]) -> AuditLine:
    return AuditLine.model_validate_json(row.entry).model_copy(update={"hash": row.hash})


def _problem(row: Row[Any], number: int, last: str) -> str | None:
    """Return what is wrong with a line that should follow on this number and hash."""
    if row.id != number + 1:
        return f"line {number + 1} is missing: line {row.id} follows on line {number}"
    if row.hash != chained(last, row.entry):
        return f"line {row.id} is not what was written, or the line before it is not"
    line = _stored(row)
    same = ("tenant_id", "actor", "actor_tenant_id", "job_id")
    told = row.action == line.action and all(getattr(row, name) == getattr(line, name) for name in same)
    moved = abs(row.created_at - line.at) > timedelta(milliseconds=1)
    return f"a column of line {row.id} was altered" if moved or not told or line.id != row.id else None


def _contradiction(row: Row[Any], witness: tuple[int, str] | None) -> str | None:
    if witness is None or row.id != witness[0] or row.hash == witness[1]:
        return None
    return f"line {row.id} is not the one that was noted: the chain was written anew"


def _conditions(wanted: AuditFilter) -> Sequence[ColumnElement[bool]]:
    conditions = [
        AuditRow.tenant_id == wanted.tenant_id if wanted.tenant_id is not None else None,
        AuditRow.actor == wanted.actor if wanted.actor is not None else None,
        AuditRow.action.in_(wanted.actions) if wanted.actions else None,
        AuditRow.created_at >= wanted.after if wanted.after else None,
        AuditRow.created_at < wanted.before if wanted.before else None,
        AuditRow.actor_tenant_id == wanted.seen_by if wanted.seen_by and wanted.actor is not None else None,
    ]
    return [condition for condition in conditions if condition is not None]


async def _about_job(connection: AsyncConnection, job_id: str | None) -> Sequence[ColumnElement[bool]]:
    """Return the condition for lines about a job: those of its own, and the one of the submission it came with."""
    if job_id is None:
        return []
    own = AuditRow.job_id == job_id
    job = (await connection.execute(select(JobRow.tenant_id, JobRow.created_at).where(JobRow.id == job_id))).first()
    if job is None:
        return [own]
    together = and_(
        AuditRow.created_at >= job.created_at - timedelta(seconds=1),
        AuditRow.created_at < job.created_at + WRITTEN_WITHIN,
        AuditRow.tenant_id == job.tenant_id,
        AuditRow.action == AuditAction.JOB_SUBMIT,
        AuditRow.job_id.is_(None),
        AuditRow.entry.contains(_text(job_id), autoescape=True),
    )
    return [or_(own, together)]
