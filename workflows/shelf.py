"""What a batch says of the stock: which counts may be taken over, and which a person must look at. Pure.

The rule is the platform's: a count is taken over when it is surer than a limit and differs from the stock on record by
less than a share of it. Nothing is written here; the answer says what may be.
"""

from collections.abc import Iterator, Sequence

from contracts.inventory import Product, Shelf, ShelfItem, StockConflict, StockLimits, StockUpdate
from contracts.photos import PhotoInput
from workflows.sightings import Thing


def shelf_of(batch: PhotoInput, things: Sequence[Thing]) -> Shelf:
    """Return the products on the photos, the counts to take over, and what is for a person to decide."""
    known = [(thing, thing.product) for thing in things if thing.product]
    items = [_item(thing, product, batch) for thing, product in known]
    judged = [
        _judge(item, batch.stock_limits, by_meaning=thing.counted_by_meaning(count_labels=batch.count_labels))
        for item, (thing, _) in zip(items, known, strict=True)
    ]
    conflicts = [found for found in judged if isinstance(found, StockConflict)]
    conflicts += _differing(known, batch)
    conflicts += _unknown(thing for thing in things if thing.product is None and batch.products)
    seen = {item.product_id for item in items}
    return Shelf(
        items=tuple(items),
        updates=tuple(found for found in judged if isinstance(found, StockUpdate)),
        conflicts=tuple(conflicts),
        missing=tuple(product.id for product in batch.products if product.id not in seen),
    )


def _item(thing: Thing, product: Product, batch: PhotoInput) -> ShelfItem:
    match, price = thing.match, thing.price()
    assert match  # noqa: S101  a thing has its product from a match
    counted = thing.quantities(count_labels=batch.count_labels)
    printed = [one.label.confidence for one in thing.sightings if one.label.quantity is not None]
    return ShelfItem(
        product_id=product.id,
        sku=product.sku,
        name=product.title or thing.name,
        matched_by=match.by,
        current_quantity=product.quantity,
        detected_quantity=counted.pop() if len(counted) == 1 else None,
        detected_price_minor=price.amount_minor if price else None,
        confidence=min(thing.confidence, *printed) if printed else thing.confidence,
        bounding_box=thing.sightings[0].label.box,
        photos=thing.photos,
        by_model=thing.marks().get("productId"),
    )


def _judge(item: ShelfItem, limits: StockLimits, *, by_meaning: bool) -> StockUpdate | StockConflict | None:
    """Return the update, what stands against it, or None when the stock on record is right.

    by_meaning: the count comes from a label that is the product's by the meaning of its name alone
    """
    counted, current = item.detected_quantity, item.current_quantity
    if counted is None:
        return _conflict(item, "not_counted", f"how many of {item.name} there are is not printed, and was not counted")
    if current is None:
        return _conflict(item, "no_stock_on_record", f"{counted} of {item.name} counted, and no stock on record")
    if doubt := _doubt(item, limits, by_meaning=by_meaning):
        return doubt
    if counted == current:
        return None
    share = abs(counted - current) / max(current, 1)
    if share >= limits.difference:
        counts = f"{counted} of {item.name} counted, {current} on record"
        return _conflict(item, "large_difference", f"{counts}: {share:.0%} apart, not under {limits.difference:.0%}")
    return StockUpdate(
        product_id=item.product_id, previous_quantity=current, quantity=counted, confidence=item.confidence
    )


def _doubt(item: ShelfItem, limits: StockLimits, *, by_meaning: bool) -> StockConflict | None:
    counted = f"{item.detected_quantity} of {item.name} counted"
    if by_meaning:
        words = "on a label that names it in other words, without its code or stock number"
        return _conflict(item, "matched_by_meaning", f"{counted} {words}")
    if item.confidence <= limits.confidence:
        sure = f"{counted} with a confidence of {item.confidence:.2f}"
        return _conflict(item, "low_confidence", f"{sure}, not over {limits.confidence:g}")
    return None


def _conflict(item: ShelfItem, code: str, message: str) -> StockConflict:
    return StockConflict(
        code=code,
        message=message,
        product_id=item.product_id,
        current_quantity=item.current_quantity,
        detected_quantity=item.detected_quantity,
        confidence=item.confidence,
        photos=item.photos,
    )


def _differing(known: Sequence[tuple[Thing, Product]], batch: PhotoInput) -> Iterator[StockConflict]:
    for thing, product in known:
        counted, price = thing.quantities(count_labels=batch.count_labels), thing.price()
        said = {"product_id": product.id, "photos": thing.photos, "confidence": thing.confidence}
        if len(counted) > 1:
            numbers = ", ".join(map(str, sorted(counted)))
            yield StockConflict(
                code="counts_differ", message=f"different numbers of {thing.name} are printed: {numbers}", **said
            )
        if price and product.price_minor is not None and price.amount_minor != product.price_minor:
            message = f"{thing.name} is labelled {price.text}, and {product.price_minor / 100:.2f} is on record"
            yield StockConflict(code="price_differs", message=message, **said)


def _unknown(things: Iterator[Thing]) -> Iterator[StockConflict]:
    for thing in things:
        several = any(one.finding.rivals for one in thing.sightings)
        if not several and not thing.sightings[0].numbered:
            continue
        yield StockConflict(
            code="several_products" if several else "unknown_product",
            message=f"{thing.name} fits {'several' if several else 'none'} of the given products",
            confidence=thing.confidence,
            photos=thing.photos,
        )
