"""Search: free text over a long history, in any order of jobs, without reading each job of it.

What is found often is found among the first jobs of the order. What is found seldom is looked for in indexes,
which are a tenth of the rows, and only then in the rows.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, CompoundSelect, Row, Select, select, union
from sqlalchemy.ext.asyncio import AsyncConnection

from readmodel.filters import JobFilter
from readmodel.sorting import Leg, Place
from readmodel.tables import JobRow, JobTagRow

NEWEST = 20_000
"""Jobs that are looked at one by one, before the indexes are."""

_Query = Select[*tuple[Any, ...]]


async def along(
    connection: AsyncConnection,
    columns: Sequence[Any],
    wanted: JobFilter,
    leg: Leg,
    behind: Place | None,
    limit: int,
) -> Sequence[Row[*tuple[Any, ...]]]:
    """Return up to `limit` rows of a leg's jobs that are wanted, in its order.

    columns: of jobs; Any: whatever can be selected
    behind: the place behind which to go on; None from the first
    """
    query = _ordered(columns, wanted, leg, behind)
    if not wanted.q:
        return await _rows(connection, query, limit)
    others = replace(wanted, q=None)
    walked = _ordered(leg.place, others, leg, behind).offset(NEWEST).limit(1)
    edge = (await connection.execute(walked)).one_or_none()
    if edge is None:
        return await _rows(connection, query, limit)
    rows = await _rows(connection, query.where(leg.until((edge[0], edge[1]))), limit)
    if len(rows) == limit:
        return rows
    mentioned = JobRow.id.in_(_mentioning(wanted.q, wanted.tenant_id))
    return await _rows(connection, _ordered(columns, others, leg, behind).where(mentioned), limit)


def _ordered(columns: Sequence[Any], wanted: JobFilter, leg: Leg, behind: Place | None) -> _Query:
    query: _Query = select(*columns).where(*wanted.conditions(), leg.condition)
    if behind is not None:
        query = query.where(leg.behind(behind))
    return query.order_by(*leg.order)


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
