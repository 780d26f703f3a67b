"""A sentence that the core wrote, as people read it: their own time zone, and names as words."""

from nicegui.element import Element

from dashboard.words import plain


class Sentence(Element, component="sentence.js"):
    """A sentence; instants in it, such as `2026-11-22 08:00:00 UTC`, are shown by the viewer's clock."""

    def __init__(self, words: str = "") -> None:
        super().__init__()
        self._props["words"] = plain(words)

    def show(self, words: str) -> None:
        """Show another sentence; nothing is sent when it is the same."""
        if plain(words) != self._props["words"]:
            self._props["words"] = plain(words)
            self.update()
