"""Cues: words by which a sentence is recognised as a warning, a chance or an event, in its language. Pure.

Each find names the words it was made by, so that a reader can judge it. Where there are no rules for a language,
nothing is found.
"""

from dataclasses import dataclass
from typing import Literal

from activities.briefing.languages import RULES


@dataclass(frozen=True)
class Cue:
    """What was recognised, and by which words."""

    words: str
    urgency: Literal["high", "medium"] = "medium"


def warning(sentence: str, language: str) -> Cue | None:
    """Return why a sentence is a warning."""
    if urgent := _found("urgent", sentence, language):
        return Cue(urgent, "high")
    words = _found("warning", sentence, language)
    return Cue(words) if words else None


def chance(sentence: str, language: str) -> Cue | None:
    """Return why a sentence tells of something to gain from."""
    words = _found("chance", sentence, language)
    return Cue(words) if words else None


def event(sentence: str, language: str) -> Cue | None:
    """Return why a sentence tells of an event."""
    words = _found("event", sentence, language)
    return Cue(words) if words else None


def is_due(sentence: str, language: str) -> bool:
    """Tell whether a day named in the sentence is one by which something must be done."""
    return _found("due", sentence, language) is not None


def _found(pattern: str, sentence: str, language: str) -> str | None:
    rules = RULES.get(language)
    found = rules.patterns[pattern].search(sentence) if rules else None
    return found[0] if found else None
