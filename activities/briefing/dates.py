"""Dates: days that a sentence names in full: `2026-12-05`, `5 December 2026`, `December 5`. English months. Pure."""

import re
from contextlib import suppress
from datetime import date

_MONTHS = {
    name: number
    for number, names in enumerate(
        ("january jan", "february feb", "march mar", "april apr", "may", "june jun", "july jul", "august aug",
         "september sept sep", "october oct", "november nov", "december dec"), start=1)
    for name in names.split()
}  # fmt: skip
_NAME = "|".join(sorted(map(str.capitalize, _MONTHS), key=len, reverse=True))  # "may" is another word
_ISO = r"(?P<y0>\d{4})-(?P<m0>\d{2})-(?P<d0>\d{2})"
_DAY_FIRST = rf"(?P<d1>\d{{1,2}})(?:st|nd|rd|th)?\.?\s+(?:of\s+)?(?P<m1>{_NAME})\b\.?(?:,?\s+(?P<y1>\d{{4}}))?"
_MONTH_FIRST = rf"(?P<m2>{_NAME})\b\.?\s+(?P<d2>\d{{1,2}})(?:st|nd|rd|th)?\b(?:,?\s+(?P<y2>\d{{4}}))?"
_DATE = re.compile(rf"\b(?:{_ISO}|{_DAY_FIRST}|{_MONTH_FIRST})")
LONGEST_AHEAD_DAYS = 366


def first_date(text: str, today: date, told: date | None) -> date | None:
    """Return the first day named that is today or within the year to come; None when there is none.

    told: when the text was published; a day without a year is the next one of that name after it, within half a year
    """
    for found in _DATE.finditer(text):
        with suppress(ValueError):
            day = _day(found, told)
            if day and 0 <= (day - today).days <= LONGEST_AHEAD_DAYS:
                return day
    return None


def _day(found: "re.Match[str]", told: date | None) -> date | None:
    form = next(form for form in "012" if found[f"d{form}"])
    said = found[f"m{form}"].lower()
    month, day = int(said) if said.isdigit() else _MONTHS[said], int(found[f"d{form}"])
    if found[f"y{form}"]:
        return date(int(found[f"y{form}"]), month, day)
    if told is None:
        return None
    named = date(told.year, month, day)
    if named < told:
        named = date(told.year + 1, month, day)
    return named if (named - told).days <= LONGEST_AHEAD_DAYS // 2 else None
