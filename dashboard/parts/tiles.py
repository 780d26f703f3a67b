"""Figures side by side."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from nicegui.element import Element


@dataclass(frozen=True)
class Tile:
    """One figure. kind: number or seconds. tone: good, warn or bad. href: what it counts."""

    label: str
    value: float | str | None
    unit: str = ""
    note: str = ""
    href: str = ""
    tone: str = ""
    kind: str = "number"


class Tiles(Element, component="tiles.js"):
    """Figures, each a link to what it counts."""

    def __init__(self, label: str, tiles: Sequence[Tile] = ()) -> None:
        super().__init__()
        self._props["label"] = label
        self._props["tiles"] = tuple(asdict(tile) for tile in tiles)

    def show(self, tiles: Sequence[Tile]) -> None:
        """Show these figures; nothing is sent when they are the same."""
        shown = tuple(asdict(tile) for tile in tiles)
        if shown != self._props["tiles"]:
            self._props["tiles"] = shown
            self.update()
