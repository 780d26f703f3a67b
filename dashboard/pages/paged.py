"""A list in pages that keeps itself up to date: what most pages consist of."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from api.identity import Caller
from dashboard.frame import able, box, button, text
from dashboard.parts.table import Column, Empty, Row, Table
from dashboard.tab import Tab

ROWS = 50
EVERY_SECONDS = 3.0
OF_TENANTS = {"tenant", "tenants"}
"""Columns that a shop's own key is not shown: every row would say the same."""

Load = Callable[[Caller, str | None], Awaitable[tuple[Sequence[Row], str | None]]]
"""Gives the rows behind a cursor, and the cursor of the next page."""


class PagedTable:
    """A table with buttons to older and newer rows."""

    def __init__(
        self,
        tab: Tab,
        label: str,
        columns: Sequence[Column],
        empty: Empty,
        load: Load,
        on_act: Callable[[str, str], Any] | None = None,
    ) -> None:
        """Make the elements; nothing is shown before `begin`. on_act: see `Table`."""
        self._tab = tab
        self._load = load
        self._cursors: list[str | None] = [None]
        self._following: str | None = None
        with box("section", "card flush"):
            shown = [each for each in columns if tab.caller.sees is None or each.name not in OF_TENANTS]
            self._table = Table(label, shown, empty, steer=True, on_act=on_act)
            with box(style="pager") as self._pager:
                self._words = text("span", "")
                with box(style="row-line"):
                    self._back = button("Newer", self._newer, "small")
                    self._on = button("Older", self._older, "small")

    async def begin(self, every: float = EVERY_SECONDS) -> Callable[[], None]:
        """Show the first page, keep it up to date, and return how to ask for that sooner."""
        await self.show()
        return self._tab.keep(self.show, every=every, gap=1.0)

    async def show(self) -> None:
        """Show the page as it is now."""
        rows, self._following = await self._load(await self._tab.who(), self._cursors[-1])
        self._table.show(rows)
        first = (len(self._cursors) - 1) * ROWS
        self._words.set_text(f"{first + 1:,} to {first + len(rows):,}")
        self._pager.set_visibility(len(self._cursors) > 1 or self._following is not None)
        able(self._back, len(self._cursors) > 1)
        able(self._on, self._following is not None)

    async def _newer(self) -> None:
        if len(self._cursors) > 1:
            self._cursors.pop()
            await self.show()

    async def _older(self) -> None:
        if self._following:
            self._cursors.append(self._following)
            await self.show()
