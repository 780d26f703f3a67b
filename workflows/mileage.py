"""From readings of a dashboard to a mileage log. Pure; a photo whose odometer is not plain gives no number."""

import re
from collections.abc import Sequence
from itertools import pairwise

from contracts.inventory import MileageData, Odometer, OdometerReading
from contracts.photos import PhotoAnalysis, PhotoInput, PhotoReading

BARE = 0.6
"""Share of its confidence that a number keeps when neither a unit nor a name is beside it."""
_KINDS = (("business", re.compile(r"\bbusiness\b", re.I)), ("personal", re.compile(r"\b(personal|private)\b", re.I)))


def mileage_of(batch: PhotoInput, photos: Sequence[PhotoReading]) -> tuple[MileageData, list[str]]:
    """Return the log, and why a person should look at it."""
    readings, doubts = [], list[str]()
    for photo in photos:
        if photo.analysis is None or photo.duplicate_of is not None:
            continue
        odometer, doubt = _plain(photo.analysis)
        if odometer:
            readings.append(_reading(photo, photo.analysis, odometer))
        if doubt:
            doubts.append(f"photo {photo.index + 1}: {doubt}")
    if not readings:
        doubts.append("no odometer could be read")
    readings = _in_order(readings)
    distance, doubt = _distance(readings)
    vehicle, several = _vehicle(photos)
    last = readings[-1] if readings else None
    return MileageData(
        odometer_reading=last.value if last else None,
        unit=last.unit if last else None,
        readings=tuple(readings),
        distance=distance,
        vehicle_identified=vehicle,
        location=batch.location,
        date=last.taken_at if last else None,
        mileage_type=_kind(batch.description or ""),
        purpose=batch.description,
    ), [*doubts, *filter(None, (doubt, several))]


def _plain(found: PhotoAnalysis) -> tuple[Odometer | None, str | None]:
    """Return the one number that can be the odometer's; none when there are several."""
    named = [one for one in found.odometers if one.named]
    those = named or list(found.odometers)
    if len({one.value for one in those}) > 1:
        return None, "several numbers may be the odometer's: " + ", ".join(one.text for one in those)
    if not those:
        return None, "no odometer could be read"
    return those[0], None if named else f"neither a unit nor a name is beside {those[0].text}"


def _reading(photo: PhotoReading, found: PhotoAnalysis, odometer: Odometer) -> OdometerReading:
    return OdometerReading(
        photo=photo.index,
        value=odometer.value,
        unit=odometer.unit,
        taken_at=found.taken_at,
        confidence=round(odometer.confidence * (1 if odometer.named else BARE), 3),
    )


def _in_order(readings: list[OdometerReading]) -> list[OdometerReading]:
    """Order by when they were taken, when all say so; else as the photos came."""
    if all(reading.taken_at for reading in readings):
        return sorted(readings, key=lambda reading: (reading.taken_at is not None and reading.taken_at, reading.photo))
    return readings


def _distance(readings: Sequence[OdometerReading]) -> tuple[float | None, str | None]:
    if len(readings) < 2:
        return None, None
    if len({reading.unit for reading in readings}) > 1:
        return None, "the readings are in different units"
    if any(later.value < earlier.value for earlier, later in pairwise(readings)):
        return None, "a later reading is lower than an earlier one"
    return round(readings[-1].value - readings[0].value, 1), None


def _vehicle(photos: Sequence[PhotoReading]) -> tuple[str | None, str | None]:
    vins = {vin for photo in photos if photo.analysis for vin in photo.analysis.vins}
    if len(vins) > 1:
        return None, "several vehicle identification numbers were read"
    return next(iter(vins), None), None


def _kind(description: str) -> str | None:
    said = [kind for kind, word in _KINDS if word.search(description)]
    return said[0] if len(said) == 1 else None
