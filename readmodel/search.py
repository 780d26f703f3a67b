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

FEW = 10_000
"""Jobs that are named to the database by their ids; of more it finds out by itself, for each leg."""

_Query = Select[*tuple[Any, ...]]


class Mentions:
    """The jobs that a list's text is found in: looked for once, when a leg needs them, however many legs there are."""

    def __init__(self, wanted: JobFilter) -> None:
        self._query = _mentioning(wanted.q or "", wanted.tenant_id)
        self._asked = False
        self.few: Sequence[str] | None = None

    async def among(self, connection: AsyncConnection, sought: _Query, limit: int) -> Sequence[Row[*tuple[Any, ...]]]:
        """Return the first of them that are sought."""
        if not self._asked:
            found = (await connection.scalars(select(self._query.subquery().c[0]).limit(FEW + 1))).all()
            self._asked, self.few = True, found if len(found) <= FEW else None
        if self.few is not None and not self.few:
            return []
        them = JobRow.id.in_(self._query if self.few is None else self.few)
        return await _rows(connection, sought.where(them), limit)


async def along(
    connection: AsyncConnection,
    columns: Sequence[Any],
    wanted: JobFilter,
    leg: Leg,
    behind: Place | None,
    limit: int,
    mentions: Mentions,
) -> Sequence[Row[*tuple[Any, ...]]]:
    """Return up to `limit` rows of a leg's jobs that are wanted, in its order.

    columns: of jobs; Any: whatever can be selected
    behind: the place behind which to go on; None from the first
    mentions: of the text that is wanted, for all legs of the list
    """
    query = _ordered(columns, wanted, leg, behind)
    if not wanted.q:
        return await _rows(connection, query, limit)
    others = replace(wanted, q=None)
    sought = _ordered(columns, others, leg, behind)
    if mentions.few is not None:
        return await mentions.among(connection, sought, limit)
    walked = _ordered(leg.place, others, leg, behind).offset(NEWEST).limit(1)
    edge = (await connection.execute(walked)).one_or_none()
    if edge is None:
        return await _rows(connection, query, limit)
    rows = await _rows(connection, query.where(leg.until((edge[0], edge[1]))), limit)
    if len(rows) == limit:
        return rows
    return await mentions.among(connection, sought, limit)


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
