"""A search field with completion."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from nicegui.element import Element

Hints = Sequence[dict[str, str]]
"""What can be typed, each {text, note}."""


class SearchField(Element, component="search.js"):
    """One field for all of a list's conditions."""

    def __init__(
        self,
        label: str,
        value: str,
        completions: Hints,
        on_search: Callable[[str], Any],
        on_begun: Callable[[str], Awaitable[Hints]],
        placeholder: str,
    ) -> None:
        """Make the field.

        completions: what is always offered
        on_search: called with the text when Enter was pressed or a value was chosen
        on_begun: gives what else can be typed in place of a word with a colon that was begun
        """
        super().__init__()
        self._props["label"] = label
        self._props["value"] = value
        self._props["completions"] = tuple(completions)
        self._props["placeholder"] = placeholder
        self._on_begun = on_begun
        self.on("search", lambda event: on_search(str(event.args)))
        self.on("begun", lambda event: self._offer(str(event.args)))

    def show(self, value: str) -> None:
        """Show another text in the field."""
        self._props["value"] = value
        self.update()

    async def _offer(self, word: str) -> None:
        self.run_method("offer", word, list(await self._on_begun(word)))
