"""What a batch says of a collection. Pure; what neither print nor a model says is null."""

from collections import Counter
from collections.abc import Sequence

from contracts.inventory import CollectionData, DetectedItem
from workflows.sightings import Thing


def collection_of(things: Sequence[Thing], items: Sequence[DetectedItem]) -> CollectionData:
    """Return what the collection consists of. `things` and `items`: in the same order."""
    categories = [item.category for item in items]
    conditions = Counter(item.condition for item in items if item.condition)
    named = [category or item.name for category, item in zip(categories, items, strict=True)]
    currencies = {item.currency for item in items}
    values = [item.estimated_value for item in items if item.estimated_value is not None]
    priced = bool(items) and len(values) == len(items) and len(currencies) == 1
    return CollectionData(
        collection_type=categories[0] if categories and len(set(categories)) == 1 else None,
        total_items=len(items),
        categorized_items=dict(Counter(named)),
        estimated_total_value=sum(values) if priced else None,
        currency=currencies.pop() if priced else None,
        condition_summary=", ".join(f"{count} {name}" for name, count in sorted(conditions.items())) or None,
    )
