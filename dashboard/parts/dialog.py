"""Dialogs."""

from collections.abc import Iterator
from contextlib import contextmanager

from nicegui import ui

from dashboard.frame import box, text


class Dialog(ui.dialog):
    """A dialog that may be deleted again when it went with the part of the page that it was opened from."""

    def delete(self) -> None:
        """Delete it, if it is still there."""
        if not self.is_deleted:
            super().delete()


@contextmanager
def dialog(title: str, *, broad: bool = False) -> Iterator[Dialog]:
    """Open a dialog with a heading for what is made inside; awaiting it gives what was submitted, None when closed."""
    with Dialog(value=True) as made, box(style=f"dialog {'broad' if broad else ''}"):
        made.props(f'aria-label="{title.translate(_PLAIN)}"')
        text("h2", title)
        yield made


_PLAIN = {ord('"'): "'", ord("\\"): "/"}
