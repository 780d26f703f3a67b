"""Views: searches under a name, some for everybody, others kept by the browser."""

from collections.abc import Mapping

from nicegui.element import Element


class Views(Element, component="views.js"):
    """A line of named searches; the one in force is marked, and can be saved when it has no name yet."""

    def __init__(self, page: str, fixed: Mapping[str, str], value: str) -> None:
        super().__init__()
        self._props["page"] = page
        self._props["fixed"] = [{"name": name, "q": query} for name, query in fixed.items()]
        self._props["value"] = value

    def show(self, value: str) -> None:
        """Mark the view with this search."""
        self._props["value"] = value
        self.update()
