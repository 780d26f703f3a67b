"""A table: rows that the server sends and the browser shows, with times that count on and rows that can be selected."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from nicegui.element import Element
from nicegui.events import GenericEventArguments

Row = dict[str, Any]
"""Cells by column name; `id` names the row, `href` is where a click on it leads, and `links` says by column name where
a number or a time span leads. Any: JSON."""


@dataclass(frozen=True)
class Column:
    """A column. `kind` says how its cells are shown.

    kind: text, mono, link ({text, href, note}), status, time (how long ago), stamp (date and time), ms, seconds,
        number, bytes, tags, bar ({text, parts}), actions ([{name, label, class}])
    style: further CSS classes; `wide` and `broad` leave the column out on narrow screens; `below` puts actions on a
        line of their own under the row, after the words in the row's `below`
    sort: what rows are sorted by when its head is pressed; empty when they cannot be
    """

    name: str
    label: str
    kind: str = "text"
    style: str = ""
    sort: str = ""


@dataclass(frozen=True)
class Empty:
    """What stands in the place of rows when there are none: what that means, and what to do."""

    title: str
    text: str = ""
    action: str = ""
    href: str = ""


class Table(Element, component="table.js"):
    """A list of things. All text is shown as text, whatever is in it."""

    def __init__(
        self,
        label: str,
        columns: Sequence[Column],
        empty: Empty,
        *,
        rows: Sequence[Row] | None = None,
        on_pick: Callable[[list[str]], Any] | None = None,
        on_act: Callable[[str, str], Any] | None = None,
        on_sort: Callable[[str], Any] | None = None,
        steer: bool = False,
        tight: bool = False,
    ) -> None:
        """Make the table.

        rows: None while they are being looked for
        on_pick: called with the ids of the selected rows; given, rows can be selected
        on_act: called with a row's id and the name of the action whose button was pressed
        on_sort: called with a column's `sort` when its head is pressed
        steer: whether the keys j, k, x and Enter go through its rows
        tight: whether it is narrow enough to stay a table on a phone, where others show their cells one below the other
        """
        super().__init__()
        shown = [{"name": c.name, "label": c.label, "kind": c.kind, "class": c.style, "sort": c.sort} for c in columns]
        self._props["columns"] = shown
        self._props["label"] = label
        self._props["empty"] = asdict(empty)
        self._props["selectable"] = on_pick is not None
        self._props["steer"] = steer
        self._props["tight"] = tight
        self._props["rows"] = None if rows is None else tuple(rows)
        if on_pick:
            self.on("pick", lambda event: on_pick([str(name) for name in _plain(event)]))
        if on_sort:
            self.on("sort", lambda event: on_sort(str(event.args)))
        if on_act:
            self.on("act", lambda event: on_act(str(event.args["id"]), str(event.args["name"])))

    @property
    def rows(self) -> Sequence[Row]:
        """The rows as last sent."""
        return self._props["rows"] or ()

    def show(self, rows: Sequence[Row]) -> None:
        """Show these rows; only what has changed is sent: nothing, the rows that are new or others, or their order."""
        before = self._props["rows"]
        if not before or not rows:
            if before is None or len(before) != len(rows):
                self._keep(rows)
                self.update()
            return
        self._keep(rows)
        old = {row["id"]: row for row in before}
        changed = [dict.fromkeys(old.get(row["id"], ())) | row for row in rows if old.get(row["id"]) != row]
        order = [row["id"] for row in rows]
        if order != list(old):
            self.run_method("arrange", order, changed)
        elif changed:
            self.run_method("patch", changed, False)

    def sorted_by(self, column: str, *, descending: bool) -> None:
        """Show by which column's `sort` the rows are sorted."""
        self._props["order"] = {"by": column, "descending": descending}
        self.update()

    def patch(self, changed: Sequence[Row]) -> None:
        """Change cells of rows that are shown, by the rows' ids, and mark them for a moment."""
        news = {row["id"]: row for row in changed}
        self._keep([row | news.get(row["id"], {}) for row in self.rows])  # the rows may be other tabs' as well
        self.run_method("patch", list(changed))

    def unpick(self) -> None:
        """Select nothing any more."""
        self.run_method("unpick")

    def _keep(self, rows: Sequence[Row]) -> None:
        """Keep rows for who loads or connects anew.

        NiceGUI sends an element whole when a prop is set, and looks into lists for changes, but not into tuples.
        """
        with self._props.suspend_updates():
            self._props["rows"] = tuple(rows)


def _plain(event: GenericEventArguments) -> list[Any]:
    return event.args if isinstance(event.args, list) else []
