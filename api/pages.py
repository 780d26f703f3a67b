"""Lists: a page of items and where the next one begins."""

from typing import Annotated, Generic, TypeVar

from fastapi import Query

from contracts.values import WireModel

ItemT = TypeVar("ItemT")

Limit = Annotated[int, Query(ge=1, le=200)]


class Page(WireModel, Generic[ItemT]):
    """Some items, and the cursor of the following ones; null at the end."""

    items: list[ItemT]
    next_cursor: str | None = None
