"""Texts and pictures of models that are given again for the very same order; sealed, each for its tenant."""

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import select

from contracts.errors import NotFound
from contracts.generations import Draft, Drawing
from readmodel.columns import utc_now
from readmodel.database import Database
from readmodel.rows import insert_into
from readmodel.tables import KeptDraftRow

DRAFTS_KEPT = timedelta(days=30)
"""How long a text or picture is given again for the very same order; files rely on it, see contracts/files.py."""


class KeptDrafts:
    """A `DraftKeeper` over the read model.

    Every method raises `Unavailable` when the database did not answer.
    """

    def __init__(self, database: Database, clock: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._clock = clock

    async def find(self, tenant_id: str, key: str) -> Draft | None:
        """Return the text that the tenant got for this; None when it got none, or it is forgotten."""
        kept = await self._find(tenant_id, key, f"draft of {key}")
        return None if kept is None else Draft.model_validate_json(kept)

    async def keep(self, tenant_id: str, key: str, draft: Draft) -> None:
        """Keep a text in the place of an earlier one."""
        await self._keep(tenant_id, key, f"draft of {key}", draft.model_dump_json())

    async def find_drawing(self, tenant_id: str, key: str) -> Drawing | None:
        """Return the picture that the tenant got for this; None as for a text. Its file may be gone meanwhile."""
        kept = await self._find(tenant_id, key, f"drawing of {key}")
        return None if kept is None else Drawing.model_validate_json(kept)

    async def keep_drawing(self, tenant_id: str, key: str, drawing: Drawing) -> None:
        """Keep a picture in the place of an earlier one; its file is an upload."""
        await self._keep(tenant_id, key, f"drawing of {key}", drawing.model_dump_json())

    async def _find(self, tenant_id: str, key: str, place: str) -> str | None:
        async with self._database.read() as connection:
            young = KeptDraftRow.created_at >= self._clock() - DRAFTS_KEPT
            sealed = await connection.scalar(select(KeptDraftRow.draft).where(KeptDraftRow.id == key, young))
        try:
            return None if sealed is None else await self._database.vault.open(tenant_id, place, sealed)
        except NotFound:  # of another tenant, or its key was destroyed
            return None

    async def _keep(self, tenant_id: str, key: str, place: str, text: str) -> None:
        sealer = await self._database.vault.sealer([tenant_id])
        sealed = sealer.seal(tenant_id, place, text)
        values = {"id": key, "tenant_id": tenant_id, "created_at": self._clock(), "draft": sealed}
        async with self._database.write() as connection:
            insert = insert_into(connection, KeptDraftRow)
            newer = {name: insert.excluded[name] for name in ("created_at", "draft")}
            await connection.execute(insert.on_conflict_do_update(index_elements=["id"], set_=newer), values)
