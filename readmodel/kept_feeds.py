"""What is remembered of feeds; sealed, each for its tenant."""

import hashlib
from collections.abc import Callable
from datetime import datetime

from pydantic import ValidationError
from sqlalchemy import select

from contracts.errors import NotFound
from contracts.news import FORM, KeptFeed
from readmodel.columns import utc_now
from readmodel.database import Database
from readmodel.rows import insert_into
from readmodel.tables import KeptFeedRow


class KeptFeeds:
    """A `FeedKeeper` over the read model.

    Every method raises `Unavailable` when the database did not answer.
    """

    def __init__(self, database: Database, clock: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._clock = clock

    async def find(self, tenant_id: str, url: str) -> KeptFeed | None:
        """Return what is remembered of a feed; None when nothing is, or it was kept in another form."""
        key = _key(tenant_id, url)
        async with self._database.read() as connection:
            sealed = await connection.scalar(select(KeptFeedRow.feed).where(KeptFeedRow.id == key))
        if sealed is None:
            return None
        try:
            kept = KeptFeed.model_validate_json(await self._database.vault.open(tenant_id, _place(key), sealed))
        except (NotFound, ValidationError):  # its key was destroyed, or it is of another form
            return None
        return kept if kept.form == FORM else None

    async def keep(self, tenant_id: str, url: str, feed: KeptFeed) -> None:
        """Remember it, in the place of what was before; again changes nothing."""
        key, sealer = _key(tenant_id, url), await self._database.vault.sealer([tenant_id])
        sealed = sealer.seal(tenant_id, _place(key), feed.model_dump_json(by_alias=True))
        values = {"id": key, "tenant_id": tenant_id, "kept_at": self._clock(), "feed": sealed}
        async with self._database.write() as connection:
            insert = insert_into(connection, KeptFeedRow)
            newer = {name: insert.excluded[name] for name in ("kept_at", "feed")}
            await connection.execute(insert.on_conflict_do_update(index_elements=["id"], set_=newer), values)


def _key(tenant_id: str, url: str) -> str:
    return hashlib.sha256(f"{tenant_id}\n{url}".encode()).hexdigest()


def _place(key: str) -> str:
    return f"feed {key}"
