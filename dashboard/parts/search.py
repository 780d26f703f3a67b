"""A search field with completion."""

from collections.abc import Callable, Sequence
from typing import Any

from nicegui.element import Element


class SearchField(Element, component="search.js"):
    """One field for all of a list's conditions."""

    def __init__(
        self,
        label: str,
        value: str,
        completions: Sequence[dict[str, str]],
        on_search: Callable[[str], Any],
        placeholder: str,
    ) -> None:
        """Make the field.

        completions: what can be typed, each {text, note}
        on_search: called with the text when Enter was pressed or a value was chosen
        """
        super().__init__()
        self._props["label"] = label
        self._props["value"] = value
        self._props["completions"] = list(completions)
        self._props["placeholder"] = placeholder
        self.on("search", lambda event: on_search(str(event.args)))

    def show(self, value: str) -> None:
        """Show another text in the field."""
        self._props["value"] = value
        self.update()
