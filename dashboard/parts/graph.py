"""A graph of jobs: each to the right of all that it waits for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nicegui.element import Element

from contracts.flows import waves_of

WIDTH, HEIGHT, GAP_X, GAP_Y, EDGE = 216, 48, 56, 16, 16
"""Pixels: of a box, between boxes, and around all of them."""
LONGEST_NAME = 20


@dataclass(frozen=True)
class Node:
    """A job of the graph. here: the job whose page it is."""

    id: str
    text: str
    note: str
    status: str | None
    href: str
    here: bool = False


class Graph(Element, component="graph.js"):
    """Jobs and what they wait for."""

    def __init__(self, label: str, nodes: Sequence[Node], needed: Mapping[str, Sequence[str]]) -> None:
        """Draw the graph. needed: for each node the ids of those that it waits for."""
        super().__init__()
        self._props["label"] = label
        self._props["w"], self._props["h"] = WIDTH, HEIGHT
        self.show(nodes, needed)

    def show(self, nodes: Sequence[Node], needed: Mapping[str, Sequence[str]]) -> None:
        """Draw anew; nothing is sent when it is the same."""
        drawn = layout(nodes, needed)
        if any(self._props.get(name) != value for name, value in drawn.items()):
            for name, value in drawn.items():
                self._props[name] = value
            self.update()


def layout(nodes: Sequence[Node], needed: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Return where boxes and lines stand, in pixels. Any: JSON."""
    places = {node.id: place for place, node in enumerate(nodes)}
    known = {node.id: [each for each in needed.get(node.id, ()) if each in places] for node in nodes}
    waves = [sorted(wave, key=places.__getitem__) for wave in waves_of(known)]
    tallest = max((len(wave) for wave in waves), default=0)
    at: dict[str, tuple[int, int]] = {}
    for column, wave in enumerate(waves):
        top = EDGE + (tallest - len(wave)) * (HEIGHT + GAP_Y) // 2
        for row, name in enumerate(wave):
            at[name] = (EDGE + column * (WIDTH + GAP_X), top + row * (HEIGHT + GAP_Y))
    return {
        "nodes": [_box(node, *at[node.id]) for node in nodes],
        "edges": [_line(at[other], at[name], f"{other} {name}") for name, others in known.items() for other in others],
        "width": 2 * EDGE + len(waves) * (WIDTH + GAP_X) - GAP_X,
        "height": 2 * EDGE + tallest * (HEIGHT + GAP_Y) - GAP_Y,
    }


def _box(node: Node, x: int, y: int) -> dict[str, Any]:
    name = node.text if len(node.text) <= LONGEST_NAME else f"{node.text[: LONGEST_NAME - 1]}…"
    said = {"id": node.id, "title": node.id, "note": node.note, "status": node.status, "href": node.href}
    return {**said, "text": name, "here": node.here, "x": x, "y": y}


def _line(start: tuple[int, int], end: tuple[int, int], name: str) -> dict[str, Any]:
    return {
        "id": name,
        "x1": start[0] + WIDTH,
        "y1": start[1] + HEIGHT // 2,
        "x2": end[0],
        "y2": end[1] + HEIGHT // 2,
    }
