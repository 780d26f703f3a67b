"""Cues: English words by which a sentence is recognised as a warning, a chance or an event. Pure.

A rule sees words, not meaning: each find names the words it was made by, so that a reader can judge it.
"""

import re
from dataclasses import dataclass
from typing import Literal

LANGUAGE = "en"
"""The only language that the rules are written for."""


@dataclass(frozen=True)
class Cue:
    """What was recognised, and by which words."""

    words: str
    urgency: Literal["high", "medium"] = "medium"


_URGENT = re.compile(
    r"\b(recall(?:s|ed|ing)?|evacuat\w+|outbreaks?|contaminat\w+|(?:severe|flood|storm|frost|freeze|heat|fire|health|"
    r"tornado|hurricane) (?:warnings?|alerts?)|state of emergency|ransomware|data breach(?:es)?|scams?|fraud)\b",
    re.IGNORECASE,
)
_WARNING = re.compile(
    r"\b(shortages?|strikes?|tariffs?|drought|floods?|flooding|wildfires?|frost|quarantine|infestations?|"
    r"road closures?|outages?|supply disruptions?|price (?:increases?|rises?|hikes?)|(?:prices?|costs?|rents?) "
    r"(?:rises?|rose|surges?|surged|jumps?|jumped|climbs?|climbed)|new (?:rules?|regulations?|fees?)|"
    r"deadlines?|bans?|banned|lawsuits?|warns?|warned|warning)\b",
    re.IGNORECASE,
)
_CHANCE = re.compile(
    r"\b(grants?|subsid(?:y|ies)|rebates?|tax (?:credits?|breaks?|relief)|low-interest loans?|"
    r"(?:calls?|request) for (?:proposals|tenders|bids|vendors|exhibitors)|vendors? wanted|tenders?|"
    r"(?:demand|sales|interest|popularity|orders|tourism)(?: \w+){0,4} (?:rises?|rose|rising|grows?|grew|growing|"
    r"surges?|surged|soars?|soared|jumps?|jumped|climbs?|climbed|booms?|booming|doubles?|doubled)|"
    r"(?:growing|rising|record|strong|surging) (?:demand|sales|interest|popularity)|"
    r"funding (?:available|round|program))\b",
    re.IGNORECASE,
)
_EVENT = re.compile(
    r"\b(festivals?|fairs?|expos?|exhibitions?|trade shows?|shows?|conferences?|concerts?|parades?|(?:farmers|street|"
    r"holiday|christmas|flea|night) markets?|markets? opens?|marathons?|workshops?|open (?:day|house)|grand opening|"
    r"tournaments?|celebrations?|carnivals?|summits?|auctions?)\b",
    re.IGNORECASE,
)
_DUE = re.compile(r"\b(deadline|until|by|before|no later than|expires?|ends?)\b", re.IGNORECASE)


def warning(sentence: str) -> Cue | None:
    """Return why a sentence is a warning."""
    if found := _URGENT.search(sentence):
        return Cue(found[0], "high")
    found = _WARNING.search(sentence)
    return Cue(found[0]) if found else None


def chance(sentence: str) -> Cue | None:
    """Return why a sentence tells of something to gain from."""
    found = _CHANCE.search(sentence)
    return Cue(found[0]) if found else None


def event(sentence: str) -> Cue | None:
    """Return why a sentence tells of an event."""
    found = _EVENT.search(sentence)
    return Cue(found[0]) if found else None


def is_due(sentence: str) -> bool:
    """Tell whether a day named in the sentence is one by which something must be done."""
    return bool(_DUE.search(sentence))
