"""Spending: what calls to AI models took, by hour, day or week, from the book of calls."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, case, func, literal_column, select, text, type_coerce
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.generation_kinds import ASKED_BY
from contracts.generations import Used
from contracts.jobs import JobStatus
from readmodel.analytics import Bucket, Key, Span
from readmodel.columns import UtcInstant
from readmodel.database import Database
from readmodel.model_calls import COUNTED, sums, used_of
from readmodel.tables import JobRow, ModelCallRow

ASKING = "ai_generation"
"""The job type that asks for all that `ASKED_BY` does not name."""
_COLUMNS: Mapping[str, ColumnElement[Any]] = {
    "job_type": case(ASKED_BY, value=ModelCallRow.generation_type, else_=ASKING),
    "tenant_id": ModelCallRow.tenant_id.expression,
}


class Spending:
    """Reads what calls took.

    Every method raises `Unavailable` when the database did not answer.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def by_type(self, span: Span) -> Mapping[Key, Used]:
        """Return what was taken in each stretch by each job type that asked a model, also by jobs that go on."""
        return await self._by("job_type", span)

    async def by_tenant(self, span: Span) -> Mapping[Key, Used]:
        """Return what was taken in each stretch by each tenant that asked a model."""
        return await self._by("tenant_id", span)

    async def repeated(self, tenant_id: str | None, begin: datetime) -> tuple[int, Used]:
        """Return how many generations since then were ordered word for word before, and what those took.

        Counted are completed ones of the same tenant after the first; what was given again without a call is not.
        """
        order = (JobRow.created_at, JobRow.id)
        same = func.row_number().over(partition_by=(JobRow.tenant_id, JobRow.request_hash), order_by=order)
        jobs = select(JobRow.id, same.label("place")).where(JobRow.job_type == ASKING, JobRow.created_at >= begin)
        jobs = jobs.where(JobRow.status == JobStatus.COMPLETED.value)
        if tenant_id is not None:
            jobs = jobs.where(JobRow.tenant_id == tenant_id)
        again = jobs.subquery().c
        query = select(func.count(ModelCallRow.job_id.distinct()).label("jobs"), *sums())
        query = query.where(COUNTED, ModelCallRow.job_id == again.id, again.place > 1)
        async with self._database.read() as connection:
            row = (await connection.execute(query)).one()
        return row.jobs, used_of(row)

    async def of_dead(self, tenant_id: str | None, fingerprints: Iterable[str]) -> Mapping[str, Used]:
        """Return what was taken by the jobs that are dead of each of these failures, where that is anything."""
        query = select(JobRow.fingerprint, *sums()).where(COUNTED, ModelCallRow.job_id == JobRow.id)
        query = query.where(JobRow.status == JobStatus.DEAD.value, JobRow.fingerprint.in_(fingerprints))
        if tenant_id is not None:
            query = query.where(JobRow.tenant_id == tenant_id)
        async with self._database.read() as connection:
            rows = (await connection.execute(query.group_by(JobRow.fingerprint))).all()
        return {row.fingerprint: used_of(row) for row in rows}

    async def _by(self, name: str, span: Span) -> Mapping[Key, Used]:
        found: defaultdict[Key, Used] = defaultdict(Used)
        for piece in span.pieces():
            async with self._database.read() as connection:
                for row in await connection.execute(_asked(connection, name, piece)):
                    place = (span.bucket.begin(row.at), row.key)
                    found[place] = plus(found[place], used_of(row))
        return dict(sorted(found.items()))


def plus(one: Used, other: Used) -> Used:
    """Return what both took."""
    return Used(**{name: getattr(one, name) + getattr(other, name) for name in Used.model_fields})


def _asked(connection: AsyncConnection, name: str, span: Span) -> Any:
    """Any: a statement of many columns."""
    row, key = ModelCallRow, _COLUMNS[name]
    query = select(_begin(connection, span).label("at"), key.label("key"), *sums()).where(COUNTED)
    query = query.where(row.at >= span.begin, row.at < span.end)
    if span.tenant_id is not None:
        query = query.where(row.tenant_id == span.tenant_id)
    if span.job_types:
        query = query.where(_COLUMNS["job_type"].in_(span.job_types))
    return query.group_by(text("1"), text("2"))  # by number: bound values make the same expressions two


def _begin(connection: AsyncConnection, span: Span) -> ColumnElement[Any]:
    """Return the beginning of the hour, or of the day, of a call."""
    hours = span.bucket is Bucket.HOUR
    if connection.dialect.name == "postgresql":
        unit: ColumnElement[str] = literal_column("'hour'" if hours else "'day'")
        return func.date_trunc(unit, ModelCallRow.at, "UTC", type_=UtcInstant())
    form = "%Y-%m-%d %H:00:00.000000" if hours else "%Y-%m-%d 00:00:00.000000"
    return type_coerce(func.strftime(form, ModelCallRow.at), UtcInstant())
