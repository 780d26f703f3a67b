"""Search: free text over a long history, newest first, without reading each job of it.

What is found often is found among the newest jobs, in their order. What is found seldom is looked for in indexes,
which are a tenth of the rows, and only then in the rows.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, CompoundSelect, Row, Select, select, tuple_, union
from sqlalchemy.ext.asyncio import AsyncConnection

from readmodel.filters import JobFilter
from readmodel.tables import JobRow, JobTagRow

NEWEST = 20_000
"""Jobs that are looked at one by one, before the indexes are."""

_PLACE = (JobRow.created_at, JobRow.id)
_Query = Select[*tuple[Any, ...]]


async def newest_first(
    connection: AsyncConnection, columns: Sequence[Any], wanted: JobFilter, before: tuple[Any, str] | None, limit: int
) -> Sequence[Row[*tuple[Any, ...]]]:
    """Return up to `limit` rows of the jobs that are wanted, newest first.

    columns: of jobs; Any: whatever can be selected
    before: instant of acceptance and id of the job behind which to go on
    """
    if not wanted.q:
        return await _rows(connection, _ordered(columns, wanted, before), limit)
    others = replace(wanted, q=None)
    edge = (await connection.execute(_ordered(_PLACE, others, before).offset(NEWEST).limit(1))).one_or_none()
    query = _ordered(columns, wanted, before)
    if edge is None:
        return await _rows(connection, query, limit)
    rows = await _rows(connection, query.where(tuple_(*_PLACE) >= tuple(edge)), limit)
    if len(rows) == limit:
        return rows
    mentioned = JobRow.id.in_(_mentioning(wanted.q, wanted.tenant_id))
    return await _rows(connection, _ordered(columns, others, before).where(mentioned), limit)


def _ordered(columns: Sequence[Any], wanted: JobFilter, before: tuple[Any, str] | None) -> _Query:
    query: _Query = select(*columns).where(*wanted.conditions())
    if before is not None:
        query = query.where(tuple_(*_PLACE) < before)
    return query.order_by(*(column.desc() for column in _PLACE))


async def _rows(connection: AsyncConnection, query: _Query, limit: int) -> Sequence[Row[*tuple[Any, ...]]]:
    return (await connection.execute(query.limit(limit))).all()


def _mentioning(text: str, tenant_id: str | None) -> CompoundSelect[str]:
    """Return the query for the ids that a filter with this text allows; each part reads what one index has."""
    own: list[ColumnElement[bool]] = [] if tenant_id is None else [JobRow.tenant_id == tenant_id]
    correlated = select(JobRow.correlation_id).where(
        JobRow.correlation_id.is_not(None), JobRow.correlation_id.icontains(text, autoescape=True)
    )
    return union(
        select(JobRow.id).where(*own, JobRow.id.icontains(text, autoescape=True)),
        select(JobRow.id).where(*own, JobRow.correlation_id.in_(correlated)),
        select(JobTagRow.job_id).where(JobTagRow.tag.icontains(text, autoescape=True)),
    )
