"""Paging: one page of a list, newest first; it goes on where the page before it ended, whatever came or went since."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, Select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from readmodel.cursors import from_cursor, to_cursor


async def newest_first(
    connection: AsyncConnection, query: Select[*tuple[Any, ...]], limit: int, cursor: str | None
) -> tuple[Sequence[Row[*tuple[Any, ...]]], str | None]:
    """Return up to `limit` rows of the query, and the cursor of the next page, None on the last.

    query: without an order; `created_at` and `id` are among its columns

    Raises:
        InvalidInput: The cursor is not one of this list.
    """
    place = (query.selected_columns.created_at, query.selected_columns.id)
    if cursor is not None:
        query = query.where(tuple_(*place) < from_cursor(cursor))
    ordered = query.order_by(*(column.desc() for column in place)).limit(limit + 1)
    rows = (await connection.execute(ordered)).all()
    page = rows[:limit]
    return page, to_cursor(page[-1].created_at, page[-1].id) if len(rows) > limit else None
