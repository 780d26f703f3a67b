"""Dialogs."""

from collections.abc import Iterator
from contextlib import contextmanager

from nicegui import ui

from dashboard.frame import box, text


@contextmanager
def dialog(title: str, *, broad: bool = False) -> Iterator[ui.dialog]:
    """Open a dialog with a heading for what is made inside; awaiting it gives what was submitted, None when closed."""
    with ui.dialog(value=True) as made, box(style=f"dialog {'broad' if broad else ''}"):
        made.props(f'aria-label="{title.translate(_PLAIN)}"')
        text("h2", title)
        yield made


_PLAIN = {ord('"'): "'", ord("\\"): "/"}
