"""Kept drafts: texts and pictures that are given again for the very same order, where that is wanted."""

from typing import Protocol

from contracts.generations import Draft, Drawing


class DraftKeeper(Protocol):
    """Keeps texts and pictures by what they were asked with. Every method bears a repeat.

    Every method raises `Unavailable` when the database did not answer.
    """

    async def find(self, tenant_id: str, key: str) -> Draft | None:
        """Return the text that the tenant got for this; None when it got none, or it is forgotten."""

    async def keep(self, tenant_id: str, key: str, draft: Draft) -> None:
        """Keep a text in the place of an earlier one."""

    async def find_drawing(self, tenant_id: str, key: str) -> Drawing | None:
        """Return the picture that the tenant got for this; None as for a text. Its file may be gone meanwhile."""

    async def keep_drawing(self, tenant_id: str, key: str, drawing: Drawing) -> None:
        """Keep a picture in the place of an earlier one; its file is an upload."""
