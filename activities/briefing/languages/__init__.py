"""Languages: the words by which a warning, a chance, an event and a day are recognised. One file a language.

A rule sees words, not meaning: what stands here must seldom stand in a sentence that is about something else.
"""

from activities.briefing.languages.english import ENGLISH
from activities.briefing.languages.french import FRENCH
from activities.briefing.languages.german import GERMAN
from activities.briefing.languages.rules import Rules
from activities.briefing.languages.spanish import SPANISH

RULES: dict[str, Rules] = {rules.code: rules for rules in (ENGLISH, FRENCH, GERMAN, SPANISH)}
"""By code, in the order of their names."""
