"""From single readings to the inventory of a batch. Pure: same readings, same inventory.

Nothing is counted that was not read: an item is a code or a stock number that stands on a photo.
"""

from collections.abc import Sequence

from contracts.photos import BatchCounts, InventoryItem, PhotoAnalysis, PhotoReading, PhotoResult, TextLine

SAME_SCENE_BITS = 26
"""Two photos whose 256-bit fingerprints differ in at most this many bits show the same scene."""
FLAT = 0.02
"""Contrast under which a picture shows nothing: all such pictures look alike, and none is another's duplicate."""
LARGE = 0.75
"""Lines at least this share of the largest line's height belong to the name on a label."""
SURE_TEXT = 0.7
"""Mean confidence of the text under which a person should compare it with the photo."""


def take_inventory(readings: Sequence[PhotoReading]) -> PhotoResult:
    """Return the batch's result, photos in the order of the request."""
    judged = [_judge(reading, original) for reading, original in zip(readings, _originals(readings), strict=True)]
    items = _items(judged)
    counts = _count(judged)
    return PhotoResult(counts=counts, items=items, photos=tuple(judged), summary=_summary(counts, len(items)))


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
    return codes + [f"sku:{sku}" for sku in found.skus]


def _items(readings: Sequence[PhotoReading]) -> tuple[InventoryItem, ...]:
    """Items in the order they were first read; a photo's code and stock number are one item."""
    items: dict[str, InventoryItem] = {}
    for reading in readings:
        if reading.analysis is None or reading.duplicate_of is not None:
            continue
        for key, item in _items_on(reading.index, reading.analysis):
            items[key] = _add(items[key], item) if key in items else item
    return tuple(items.values())


def _items_on(index: int, found: PhotoAnalysis) -> list[tuple[str, InventoryItem]]:
    codes = list(dict.fromkeys(key for key in _keys(found) if not key.startswith("sku:")))
    lone_sku = found.skus[0] if len(found.skus) == 1 and len(codes) <= 1 else None
    keys = codes if lone_sku and codes else _keys(found)
    label = _label(found)
    single = len(set(keys)) == 1
    return [
        (
            key,
            InventoryItem(
                key=key,
                ean=key.removeprefix("ean:") if key.startswith("ean:") else None,
                sku=key.removeprefix("sku:") if key.startswith("sku:") else lone_sku,
                photos=(index,),
                label=label if single else None,
                prices=found.prices if single else (),
            ),
        )
        for key in dict.fromkeys(keys)
    ]


def _label(found: PhotoAnalysis) -> str | None:
    """Return the most prominent words: the lines printed largest, prices and numbers left out, in reading order."""
    named = [line for line in found.text if line.box and _is_name(line.text, found)]
    largest = max((_height(line) for line in named), default=0)
    return " ".join(line.text for line in named if _height(line) >= LARGE * largest) or None


def _height(line: TextLine) -> int:
    return line.box[3] - line.box[1] if line.box else 0


def _is_name(text: str, found: PhotoAnalysis) -> bool:
    told = (*found.prices, *found.skus, *(code.value for code in found.codes))
    return sum(map(str.isalpha, text)) >= 3 and not any(value in text for value in told)


def _add(known: InventoryItem, more: InventoryItem) -> InventoryItem:
    prices = tuple(dict.fromkeys(known.prices + more.prices))
    update = {"photos": known.photos + more.photos, "prices": prices, "sku": known.sku or more.sku}
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
