"""EXIF: when, with what and where a photo was taken. What is broken or missing is absent, and nothing raises."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, TypeVar

from PIL import Image

from contracts.photos import Gps

_MAKE, _MODEL, _DATE_TIME = 0x010F, 0x0110, 0x0132
_DETAILS_IFD, _GPS_IFD = 0x8769, 0x8825
_TIMES = ((0x9003, 0x9011), (0x9004, 0x9012))
"""(date, its offset) in the details, best first: when it was taken, when it was digitised."""
_OFFSET_TIME = 0x9010

ValueT = TypeVar("ValueT")


@dataclass(frozen=True)
class Taken:
    """How a photo came to be, as far as its EXIF says."""

    at: datetime | None = None
    camera: str | None = None
    gps: Gps | None = None


def read_exif(exif: Image.Exif) -> Taken:
    """Return date (aware UTC; taken as UTC when it names no offset), camera and place.

    Source: EXIF 2.32, sections 4.6.5 and 4.6.6.
    """
    return Taken(
        _absent_when_broken(_taken_at, exif), _absent_when_broken(_camera, exif), _absent_when_broken(_gps, exif)
    )


def _absent_when_broken(read: Callable[[Image.Exif], ValueT | None], exif: Image.Exif) -> ValueT | None:
    try:
        return read(exif)
    except Exception:  # noqa: BLE001  EXIF is written by anyone and Pillow parses lazily: any field may raise anything
        return None


def _taken_at(exif: Image.Exif) -> datetime | None:
    details = exif.get_ifd(_DETAILS_IFD)
    stamps = [(details.get(date), details.get(offset)) for date, offset in _TIMES]
    stamps.append((exif.get(_DATE_TIME), details.get(_OFFSET_TIME)))
    for stamp, offset in stamps:
        try:
            local = datetime.strptime(_plain(stamp), "%Y:%m:%d %H:%M:%S")  # noqa: DTZ007  its zone is the next field
        except ValueError:
            continue
        return local.replace(tzinfo=_zone(_plain(offset))).astimezone(UTC)
    return None


def _zone(offset: str) -> timezone:
    """Read `+01:00`; UTC when it is not one."""
    try:
        ahead = datetime.strptime(offset, "%z").utcoffset()
    except ValueError:
        ahead = None
    return timezone(ahead if ahead is not None else timedelta())


def _camera(exif: Image.Exif) -> str | None:
    make, model = _plain(exif.get(_MAKE)), _plain(exif.get(_MODEL))
    named = model if model.lower().startswith(make.lower()) else f"{make} {model}".strip()
    return named[:100] or None


def _gps(exif: Image.Exif) -> Gps | None:
    tags = exif.get_ifd(_GPS_IFD)
    latitude = _degrees(tags.get(2), _plain(tags.get(1)), "NS", 90)
    longitude = _degrees(tags.get(4), _plain(tags.get(3)), "EW", 180)
    if latitude is None or longitude is None or latitude == longitude == 0:
        return None  # cameras without a fix write 0, 0, which is a place in the sea
    return Gps(latitude=latitude, longitude=longitude)


def _degrees(parts: Any, side: str, sides: str, most: int) -> float | None:  # Any: whatever the file holds
    """Return signed degrees; None without a side, because the sign would be invented."""
    degrees, minutes, seconds = (float(part) for part in parts)
    value = degrees + minutes / 60 + seconds / 3600
    good = side.upper() in tuple(sides) and math.isfinite(value) and 0 <= value <= most and 0 <= minutes < 60
    return round(-value if side.upper() == sides[1] else value, 7) if good else None


def _plain(value: Any) -> str:  # Any: whatever the file holds
    """Return a text field without the NULs and control characters that cameras pad it with."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    return "".join(part for part in str(value or "") if part.isprintable()).strip()
