"""An instant on a page, in the viewer's own time zone."""

from datetime import datetime

from nicegui.element import Element

from dashboard.words import instant


class Moment(Element, component="moment.js"):
    """How long ago something was, or in how long it will be, with the exact time as title; with `exact` the reverse."""

    def __init__(self, at: datetime | None, *, exact: bool = False, prefix: str = "") -> None:
        super().__init__()
        self._props["exact"] = exact
        self._props["prefix"] = prefix
        self.show(at)

    def show(self, at: datetime | None) -> None:
        """Show another instant; None shows nothing."""
        self._props["at"] = instant(at)
        self.update()
