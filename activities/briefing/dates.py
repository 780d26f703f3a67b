"""Dates: days that a sentence names in full, as its language writes them. Pure."""

import re
from contextlib import suppress
from datetime import date

from activities.briefing.languages import RULES
from activities.briefing.languages.rules import Rules

LONGEST_AHEAD_DAYS = 366


def first_date(text: str, language: str, today: date, told: date | None) -> date | None:
    """Return the first day named that is today or within the year to come; None when there is none.

    told: when the text was published; a day without a year is the next one of that name after it, within half a year
    """
    rules = RULES.get(language)
    if rules is None:
        return None
    found = sorted((match for form in rules.dates for match in form.finditer(text)), key=re.Match.start)
    for match in found:
        with suppress(ValueError):
            day = _day(match, rules, told)
            if day and 0 <= (day - today).days <= LONGEST_AHEAD_DAYS:
                return day
    return None


def _day(found: re.Match[str], rules: Rules, told: date | None) -> date | None:
    said, day = found["m"], int(found["d"])
    month = int(said) if said.isdigit() else rules.month_numbers[said.lower()]
    if found["y"]:
        return date(int(found["y"]), month, day)
    if told is None:
        return None
    named = date(told.year, month, day)
    if named < told:
        named = date(told.year + 1, month, day)
    return named if (named - told).days <= LONGEST_AHEAD_DAYS // 2 else None
