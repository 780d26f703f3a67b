"""Kept drafts: texts that are given again for the very same order, where that is wanted."""

from typing import Protocol

from contracts.generations import Draft


class DraftKeeper(Protocol):
    """Keeps texts by what they were asked with. Every method bears a repeat.

    Every method raises `Unavailable` when the database did not answer.
    """

    async def find(self, tenant_id: str, key: str) -> Draft | None:
        """Return the text that the tenant got for this; None when it got none, or it is forgotten."""

    async def keep(self, tenant_id: str, key: str, draft: Draft) -> None:
        """Keep a text in the place of an earlier one."""
