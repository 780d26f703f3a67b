"""From single readings to the inventory of a batch. Pure: same readings, same inventory.

Nothing is counted that was not read: an item is a code or a stock number that stands on a photo.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from contracts.inventory import DetectedItem, Label, MatchResult, SequenceType
from contracts.photos import BatchCounts, InventoryItem, PhotoAnalysis, PhotoInput, PhotoReading, PhotoResult
from contracts.seeing import VisionReport
from workflows.collection import collection_of
from workflows.mileage import mileage_of
from workflows.sequences import CATEGORIES, sequence_of
from workflows.shelf import shelf_of
from workflows.sightings import Thing, detected, sightings_on, things_of

SAME_SCENE_BITS = 26
"""Two photos whose 256-bit fingerprints differ in at most this many bits show the same scene."""
FLAT = 0.02
"""Contrast under which a picture shows nothing: all such pictures look alike, and none is another's duplicate."""
SURE_TEXT = 0.7
"""Mean confidence of the text under which a person should compare it with the photo."""


SURE = 0.8
"""Confidence of the whole under which a person should look at it (the platform's rule)."""


def judged(readings: Sequence[PhotoReading]) -> list[PhotoReading]:
    """Return the readings with what only the batch tells: whose scene came before, and what needs a look."""
    return [_judge(reading, original) for reading, original in zip(readings, _originals(readings), strict=True)]


def take_inventory(
    batch: PhotoInput,
    photos: Sequence[PhotoReading],
    matched: MatchResult | None = None,
    vision: VisionReport | None = None,
) -> PhotoResult:
    """Return the batch's result, photos in the order of the request.

    photos: as `judged` returns them
    matched: what each of their labels (`sightings_on`) was found to be; None when there was nothing to compare with
    vision: what models were asked about them; what they said is in `photos`
    """
    seen = sightings_on(photos)
    if matched is not None:
        seen = [replace(one, finding=finding) for one, finding in zip(seen, matched.findings, strict=True)]
    kind, because = sequence_of(batch, photos)
    things = [thing for thing in things_of(seen, batch.products) if _tells(thing, kind)]
    told = [
        detected(thing, batch.location, count_labels=batch.count_labels, compared=matched is not None)
        for thing in things
    ]
    counts, items = _count(photos), _items(photos)
    special, sure, doubts = _special(batch, kind, photos, things, told)
    review = (*doubts, *_doubts(photos, sure))
    return PhotoResult(
        counts=counts,
        items=items,
        photos=tuple(photos),
        summary=_summary(counts, len(items)),
        sequence_type=kind,
        detected_because=because,
        category=CATEGORIES.get(kind, "general"),
        confidence=sure,
        detected_items=tuple(told),
        needs_human_review=bool(review),
        review=review,
        comparison=matched.comparison if matched else None,
        vision=vision,
        **special,
    )


def _tells(thing: Thing, kind: SequenceType) -> bool:
    """Tell whether a thing is listed: words alone are no thing on a shelf or a dashboard."""
    words_count = kind in {SequenceType.COLLECTION_INVENTORY, SequenceType.GENERAL}
    if words_count or thing.sightings[0].numbered:
        return True
    return any(one.finding.rivals or one.said for one in thing.sightings)


def _special(
    batch: PhotoInput,
    kind: SequenceType,
    photos: Sequence[PhotoReading],
    things: Sequence[Thing],
    told: Sequence[DetectedItem],
) -> tuple[dict[str, Any], float, list[str]]:
    """Return what a result of this kind has more, how sure it is, and why a person should look; Any: fields."""
    sure = _mean([item.confidence for item in told])
    if kind is SequenceType.MILEAGE_LOG:
        log, doubts = mileage_of(batch, photos)
        return {"mileage_data": log}, _mean([one.confidence for one in log.readings]), doubts
    if kind is SequenceType.COLLECTION_INVENTORY:
        return {"collection_data": collection_of(things, told)}, sure, []
    if kind is SequenceType.BUSINESS_INVENTORY and batch.products:
        shelf = shelf_of(batch, things)
        return {"shelf": shelf}, sure, [conflict.message for conflict in shelf.conflicts]
    return {}, sure, []


def _doubts(photos: Sequence[PhotoReading], sure: float) -> list[str]:
    unsure = [photo.index + 1 for photo in photos if photo.review]
    doubts = [f"{len(unsure)} of {len(photos)} photos need a look"] if unsure else []
    return [*doubts, f"the confidence of the whole is {sure:.2f}, under {SURE:g}"] if sure < SURE else doubts


def _mean(shares: Sequence[float]) -> float:
    return round(sum(shares) / len(shares), 3) if shares else 0.0


def _originals(readings: Sequence[PhotoReading]) -> list[int | None]:
    """For each photo, the index of the first photo of the same scene before it."""
    seen: list[tuple[int, int, PhotoAnalysis]] = []
    originals: list[int | None] = []
    for reading in readings:
        found = reading.analysis
        bits = int(found.fingerprint, 16) if found else 0
        found = found if found and found.quality.contrast >= FLAT else None
        match = next((i for i, other, known in seen if found and _same(bits, other, found, known)), None)
        originals.append(match)
        if found and match is None:
            seen.append((reading.index, bits, found))
    return originals


def _same(bits: int, other: int, found: PhotoAnalysis, known: PhotoAnalysis) -> bool:
    if (bits ^ other).bit_count() > SAME_SCENE_BITS:
        return False
    mine, theirs = set(_keys(found)), set(_keys(known))
    return not mine or not theirs or bool(mine & theirs)


def _judge(reading: PhotoReading, original: int | None) -> PhotoReading:
    return reading.model_copy(update={"duplicate_of": original, "review": tuple(_reasons(reading, original))})


def _reasons(reading: PhotoReading, original: int | None) -> list[str]:
    """Why a person should look at this photo."""
    if reading.problem:
        return [reading.problem.message]
    found = reading.analysis
    if not found or original is not None:
        return []
    reasons = []
    if found.quality.blurred:
        reasons.append("the photo is blurred")
    if found.quality.exposure != "ok":
        reasons.append(f"the photo is too {found.quality.exposure}")
    if not found.codes and not found.text:
        reasons.append("neither a code nor text could be read")
    elif found.text and not found.codes and _confidence(found) < SURE_TEXT:
        reasons.append(f"the text is uncertain (confidence {_confidence(found):.2f})")
    return reasons


def _confidence(found: PhotoAnalysis) -> float:
    return sum(line.confidence for line in found.text) / len(found.text)


def _keys(found: PhotoAnalysis) -> list[str]:
    codes = [f"ean:{code.ean}" if code.ean else f"code:{code.value}" for code in found.codes]
    odometers = [f"odometer:{one.value}" for one in found.odometers if one.named]
    return codes + [f"sku:{sku}" for sku in found.skus] + odometers


def _items(photos: Sequence[PhotoReading]) -> tuple[InventoryItem, ...]:
    """Items in the order they were first read; the code and the stock number of a label are one item."""
    items: dict[str, InventoryItem] = {}
    for one in (each for each in sightings_on(photos) if not each.only_seen):
        for item in _items_of(one.photo, one.label):
            items[item.key] = _add(items[item.key], item) if item.key in items else item
    return tuple(items.values())


def _items_of(photo: int, label: Label) -> Iterator[InventoryItem]:
    codes = [f"ean:{ean}" for ean in label.eans]
    codes += [f"code:{value}" for value in label.codes] if not codes else []
    lone_sku = label.skus[0] if len(label.skus) == 1 and codes else None
    for key in codes if lone_sku else [*codes, *(f"sku:{sku}" for sku in label.skus)]:
        kind, _, value = key.partition(":")
        yield InventoryItem(
            key=key,
            ean=value if kind == "ean" else None,
            sku=value if kind == "sku" else lone_sku,
            photos=(photo,),
            label=label.title or None,
            prices=tuple(price.text for price in label.prices),
        )


def _add(known: InventoryItem, more: InventoryItem) -> InventoryItem:
    prices = tuple(dict.fromkeys(known.prices + more.prices))
    photos = tuple(dict.fromkeys(known.photos + more.photos))
    update = {"photos": photos, "prices": prices, "sku": known.sku or more.sku, "label": known.label or more.label}
    return known.model_copy(update=update)


def _count(readings: Sequence[PhotoReading]) -> BatchCounts:
    found = [reading.analysis for reading in readings if reading.analysis]
    return BatchCounts(
        photos=len(readings),
        read=len(found),
        unreadable=len(readings) - len(found),
        duplicates=sum(reading.duplicate_of is not None for reading in readings),
        blurred=sum(analysis.quality.blurred for analysis in found),
        with_codes=sum(bool(analysis.codes) for analysis in found),
        with_text=sum(bool(analysis.text) for analysis in found),
        needs_review=sum(bool(reading.review) for reading in readings),
    )


def _summary(counts: BatchCounts, items: int) -> str:
    return (
        f"{counts.read} of {counts.photos} photos read, {items} items by code or stock number, "
        f"{counts.duplicates} near-duplicates, {counts.unreadable} unreadable, "
        f"{counts.needs_review} for a person to see"
    )
