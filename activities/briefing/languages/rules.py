"""What a language's rules are made of."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Rules:
    """Patterns of whole words, whatever their case; an apostrophe stands for any.

    urgent: what is a warning of high urgency; warning: of another
    due: words beside a day by which something must be done
    months: the names of the twelve, abbreviations behind them; as they are written
    days: how a day is written, with the groups d, m and y; {month} stands for a month's name
    """

    code: str
    name: str
    urgent: str
    warning: str
    chance: str
    event: str
    due: str
    months: Sequence[str]
    days: Sequence[str]

    @cached_property
    def patterns(self) -> Mapping[str, re.Pattern[str]]:
        """The patterns of sentences, by name."""
        return {name: words(getattr(self, name)) for name in ("urgent", "warning", "chance", "event", "due")}

    @cached_property
    def month_numbers(self) -> Mapping[str, int]:
        """1 to 12 by each of its names, in small letters."""
        return {name.lower(): number for number, names in enumerate(self.months, start=1) for name in names.split()}

    @cached_property
    def dates(self) -> Sequence[re.Pattern[str]]:
        """The patterns of days."""
        names = sorted((name for names in self.months for name in names.split()), key=len, reverse=True)
        month = "|".join(map(re.escape, names))
        return [re.compile(rf"\b{form.format(month=month)}") for form in (ISO, *self.days)]


ISO = r"(?P<y>\d{{4}})-(?P<m>\d{{2}})-(?P<d>\d{{2}})\b"


def words(pattern: str) -> re.Pattern[str]:
    """Return the pattern of whole words that is written over several lines."""
    flat = "|".join(part for line in pattern.splitlines() if (part := line.strip().strip("|")))
    return re.compile(rf"\b(?:{flat})\b".replace("'", "['\u2019]"), re.IGNORECASE)
