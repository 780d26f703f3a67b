"""Dead letters: dead jobs by the kind of their failure."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, distinct, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.error_marks import ErrorStanding, MarkedError, standing
from contracts.jobs import JobFailure, JobStatus
from readmodel.cursors import from_cursor, to_cursor
from readmodel.database import Database
from readmodel.error_marks import marks_of
from readmodel.tables import JobRow

TENANTS_NAMED = 20
"""Tenants that a group names, those with most dead jobs first; it counts them all."""

_KEY = func.coalesce(JobRow.fingerprint, JobRow.job_type)
"""A job that died before there were fingerprints is in a group of its type."""


@dataclass(frozen=True)
class DeadFilter:
    """Which dead jobs to group.

    tenant_id: None for those of all tenants
    error_types: of a group's last failure; looked at after grouping, because errors are no text to a database
    standings: how a group stands by the marks of `tenant_id`; looked at after grouping as well
    of_job: the one group that this job is in, if it is dead
    """

    tenant_id: str | None
    job_types: tuple[str, ...] = ()
    error_types: tuple[str, ...] = ()
    standings: tuple[ErrorStanding, ...] = ()
    of_job: str | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """Return what a job's row must fulfil."""
        wanted = [JobRow.status == JobStatus.DEAD.value]
        if self.tenant_id is not None:
            wanted.append(JobRow.tenant_id == self.tenant_id)
        if self.of_job is not None:
            wanted.append(_KEY.in_(select(_KEY).where(JobRow.id == self.of_job, *wanted).correlate(None)))
        return [*wanted, JobRow.job_type.in_(self.job_types)] if self.job_types else wanted

    def shows(self, group: "ErrorGroup") -> bool:
        """Tell whether the group stands as is wanted, and its last failure is of a wanted type."""
        if self.standings and group.standing not in self.standings:
            return False
        return not self.error_types or (group.failure is not None and group.failure.type in self.error_types)


@dataclass(frozen=True)
class ErrorGroup:
    """Dead jobs whose failure is of one kind. `sample_job_id` died last, and `failure` is its own."""

    fingerprint: str
    job_type: str
    failure: JobFailure | None
    count: int
    tenants: tuple[str, ...]
    tenant_count: int
    first_seen_at: datetime
    last_seen_at: datetime
    sample_job_id: str
    marked: MarkedError | None = None

    @property
    def standing(self) -> ErrorStanding:
        """How the group stands: open unless somebody said otherwise."""
        return standing(self.marked, self.last_seen_at)


class DeadLetters:
    """Reads the groups of dead jobs.

    Every method raises `Unavailable` when the database did not answer.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def groups(
        self, wanted: DeadFilter, limit: int, cursor: str | None = None
    ) -> tuple[Sequence[ErrorGroup], str | None]:
        """Return up to `limit` groups, the one of the last death first, and the cursor of the next page.

        A group in which another job dies meanwhile moves to the front, and may be missing on a later page.

        Raises:
            InvalidInput: The cursor is not one of this list.
        """
        found: list[ErrorGroup] = []
        while True:
            groups, cursor = await self._page(wanted, limit - len(found), cursor)
            found += [group for group in groups if wanted.shows(group)]
            if cursor is None or len(found) == limit:
                return found, cursor

    async def has(self, tenant_id: str | None, fingerprint: str) -> bool:
        """Tell whether a job is dead of this kind of failure; tenant_id: None for any tenant's."""
        found = select(JobRow.id).where(*DeadFilter(tenant_id).conditions(), _KEY.in_([fingerprint])).limit(1)
        async with self._database.read() as connection:
            return (await connection.execute(found)).one_or_none() is not None

    async def _page(
        self, wanted: DeadFilter, limit: int, cursor: str | None
    ) -> tuple[Sequence[ErrorGroup], str | None]:
        async with self._database.read() as connection:
            rows = (await connection.execute(_groups(wanted, limit, cursor))).all()
            keys = [row.key for row in rows[:limit]]
            samples = {row.key: row for row in (await connection.execute(_samples(wanted, keys))).all()}
            tenants = await _tenants(connection, wanted, keys)
            marks = await marks_of(connection, wanted.tenant_id, keys)
        known = [row for row in rows[:limit] if row.key in samples]
        vault = self._database.vault
        failures = {key: await vault.failure(sample.id, sample.error) for key, sample in samples.items()}
        groups = [
            _group(row, samples[row.key], failures[row.key], tenants[row.key], marks.get(row.key)) for row in known
        ]
        last = rows[limit - 1] if len(rows) > limit else None
        return groups, to_cursor(last.last_seen_at, last.key) if last else None


def _groups(wanted: DeadFilter, limit: int, cursor: str | None) -> Select[*tuple[Any, ...]]:
    last = func.max(JobRow.status_at)
    columns: list[Any] = [
        _KEY.label("key"),
        func.count().label("jobs"),
        func.count(distinct(JobRow.tenant_id)).label("tenants"),
        func.min(JobRow.status_at).label("first_seen_at"),
        last.label("last_seen_at"),
    ]
    query = select(*columns).where(*wanted.conditions()).group_by(_KEY)
    if cursor is not None:
        query = query.having(tuple_(last, _KEY) < tuple_(*from_cursor(cursor)))
    return query.order_by(last.desc(), _KEY.desc()).limit(limit + 1)


def _samples(wanted: DeadFilter, keys: Sequence[str]) -> Select[*tuple[Any, ...]]:
    place = func.row_number().over(partition_by=_KEY, order_by=(JobRow.status_at.desc(), JobRow.id.desc()))
    ranked = select(JobRow.id, _KEY.label("key"), place.label("place"))
    found = ranked.where(*wanted.conditions(), _KEY.in_(keys)).subquery()
    columns: list[Any] = [JobRow.id, JobRow.job_type, JobRow.error, found.c.key]
    return select(*columns).join(found, found.c.id == JobRow.id).where(found.c.place == 1)


async def _tenants(connection: AsyncConnection, wanted: DeadFilter, keys: Sequence[str]) -> dict[str, list[str]]:
    place = func.row_number().over(partition_by=_KEY, order_by=(func.count().desc(), JobRow.tenant_id))
    grouped = select(_KEY.label("key"), JobRow.tenant_id, place.label("place"))
    grouped = grouped.where(*wanted.conditions(), _KEY.in_(keys)).group_by(_KEY, JobRow.tenant_id)
    found = grouped.subquery()
    query = select(found.c.key, found.c.tenant_id).where(found.c.place <= TENANTS_NAMED).order_by(found.c.place)
    named: dict[str, list[str]] = defaultdict(list)
    for key, tenant_id in await connection.execute(query):
        named[key].append(tenant_id)
    return named


def _group(
    row: Row[Any],
    sample: Row[Any],
    failure: JobFailure | None,
    tenants: Sequence[str],
    marked: MarkedError | None,
) -> ErrorGroup:
    return ErrorGroup(
        fingerprint=row.key,
        job_type=sample.job_type,
        failure=failure,
        count=row.jobs,
        tenants=tuple(tenants),
        tenant_count=row.tenants,
        first_seen_at=row.first_seen_at,
        last_seen_at=row.last_seen_at,
        sample_job_id=sample.id,
        marked=marked,
    )
