"""Completion: names of tenants and tags that a search may go on with, found without reading a long history."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, func, literal, select

from readmodel.database import Database
from readmodel.tables import JobRow

LOOKS = 50
"""Tenants that are looked at, one index entry each, to find those that begin as wanted."""
NEWEST = 1_000
"""Jobs whose tags are known; a tag that none of them has is searched for, but not offered."""
MOST = 10


class Completion:
    """Finds how a name that was begun may go on. Every method raises `Unavailable` when the database did not answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def tenants(self, begun: str) -> Sequence[str]:
        """Return tenants with jobs whose names begin so, in their order."""
        async with self._database.read() as connection:
            names = (await connection.execute(_names_from(begun))).scalars().all()
        return [name for name in names if name.startswith(begun)][:MOST]

    async def tags(self, tenant_id: str | None, begun: str) -> Sequence[str]:
        """Return tags that begin so, the most used of the newest jobs first. tenant_id: None for all tenants."""
        newest = select(JobRow.tags).order_by(JobRow.created_at.desc(), JobRow.id.desc()).limit(NEWEST)
        if tenant_id is not None:
            newest = newest.where(JobRow.tenant_id == tenant_id)
        async with self._database.read() as connection:
            several = (await connection.execute(newest)).scalars().all()
        used = Counter(tag for tags in several for tag in tags if tag.lower().startswith(begun.lower()))
        return [tag for tag, _ in used.most_common(MOST)]


def _names_from(begun: str) -> Select[Any]:
    """Return the query for the first names from there on: each looks for the next one behind the one before."""
    least = select(func.min(JobRow.tenant_id).label("name"), literal(1).label("looks"))
    first = least.where(JobRow.tenant_id >= begun).cte("names", recursive=True)
    following = select(func.min(JobRow.tenant_id)).where(JobRow.tenant_id > first.c.name).scalar_subquery()
    known = select(following, first.c.looks + 1).where(first.c.name.is_not(None), first.c.looks < LOOKS)
    name = first.union_all(known).c.name
    return select(name).where(name.is_not(None))
