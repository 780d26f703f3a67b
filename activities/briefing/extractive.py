"""Extractive: a briefing of sentences as they stand in the sources, chosen by rules. Pure.

Nothing is said here that no source says: what a rule cannot know is null, and a section without evidence is empty and
says why.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date

from activities.briefing import cues
from activities.briefing.dates import first_date
from activities.briefing.languages import RULES
from activities.briefing.ranking import Interest, interests_of, mentions
from activities.briefing.words import sentences
from contracts.news import (
    Briefing,
    Citation,
    CompetitorActivity,
    ComposeInput,
    LocalEvent,
    NewsAlert,
    Opportunity,
    Statement,
    Story,
    TrendingTopic,
)

METHOD = "extractive"
MOST_STATEMENTS = 7
MOST_IN_SECTION = 10
LEAST_LETTERS = 40
MOST_LETTERS = 400
LEAST_STORIES = 2
"""Stories about one thing that make it a topic."""

*_FIRST, _LAST = (rules.name for rules in RULES.values())
_LANGUAGES = f"{', '.join(_FIRST)} and {_LAST}"

Found = Iterator[tuple[Story, str]]


def extract(material: ComposeInput) -> Briefing:
    """Return the briefing of some stories, the most important first."""
    wanted = interests_of(material.interests)
    statements = tuple(_statement(story, wanted) for story in material.stories[:MOST_STATEMENTS])
    briefing = Briefing(
        method=METHOD,
        briefing="\n".join(f"{number}. {_line(each)}" for number, each in enumerate(statements, start=1)),
        statements=statements,
        trending_topics=tuple(_topics(material, wanted))[:MOST_IN_SECTION],
        opportunities=tuple(_opportunities(material))[:MOST_IN_SECTION],
        alerts=tuple(_alerts(material))[:MOST_IN_SECTION],
        competitors=tuple(_competitors(material))[:MOST_IN_SECTION],
        local_events=tuple(_local_events(material))[:MOST_IN_SECTION],
    )
    return briefing.model_copy(update={"notes": _notes(briefing, material)})


def _statement(story: Story, wanted: Sequence[Interest]) -> Statement:
    return Statement(text=_key_sentence(story, wanted), citations=story.citations)


def _key_sentence(story: Story, wanted: Sequence[Interest]) -> str:
    """Return the sentence that names most of what the shop wants to hear of, early ones first; else the title."""
    told = [each for each in sentences(story.text, story.language)[:12] if LEAST_LETTERS <= len(each) <= MOST_LETTERS]
    if not told:
        return story.title

    def worth(place: int) -> float:
        named = (each.weight for each in wanted if mentions(told[place], each.words, story.language))
        return sum(named) - 0.5 * place

    return told[max(range(len(told)), key=worth)]


def _line(statement: Statement) -> str:
    first = statement.citations[0]
    day = f", {first.published_at:%Y-%m-%d}" if first.published_at else ""
    more = f" and {len(statement.citations) - 1} more" if len(statement.citations) > 1 else ""
    said = statement.text if statement.text == first.title else f"{first.title}: {statement.text}"
    return f"{said} [{first.source}{day}{more}]"


def _topics(material: ComposeInput, wanted: Sequence[Interest]) -> Iterator[TrendingTopic]:
    """Yield what several stories are about: what the shop named, and what publishers filed them under."""
    named = [each.words for each in wanted if each.kind in {"topic", "keyword"}]
    filed = (name for story in material.stories for name in story.categories)
    found = []
    for topic in dict.fromkeys([*named, *filed]):
        about = [story for story in material.stories if _is_about(story, topic)]
        sources = {citation.source for story in about for citation in story.citations}
        if len(about) >= LEAST_STORIES and (topic in named or len(sources) > 1):
            found.append((about, len(sources), topic))
    told: set[str] = set()
    for about, count, topic in sorted(found, key=lambda each: (-len(each[0]), -each[1], each[2].casefold())):
        if topic.casefold() not in told:
            told.add(topic.casefold())
            yield TrendingTopic(
                topic=topic,
                relevance=round(len(about) / len(material.stories), 3),
                stories=len(about),
                sources=count,
                citations=_first_of_each(about),
            )


def _is_about(story: Story, topic: str) -> bool:
    filed = {name.casefold() for name in story.categories}
    return topic.casefold() in filed or mentions(f"{story.title}\n{story.text}", topic, story.language)


def _first_of_each(stories: Iterable[Story]) -> tuple[Citation, ...]:
    return tuple(story.citations[0] for story in stories)[:5]


def _alerts(material: ComposeInput) -> Iterator[NewsAlert]:
    for story, sentence in _recognised(material.stories, cues.warning):
        cue = cues.warning(sentence, story.language)
        said = sentences(story.text, story.language)
        due = next((each for each in said if _deadline(each, material.today, story)), "")
        because = f"it says '{cue.words}'" if cue else ""
        yield NewsAlert(
            title=story.title,
            description=sentence,
            urgency=cue.urgency if cue else None,
            deadline=_deadline(due, material.today, story),
            because=f"{because} and '{due}'" if due else because,
            citations=story.citations,
        )


def _deadline(sentence: str, today: date, story: Story) -> date | None:
    is_due = len(sentence) <= MOST_LETTERS and cues.is_due(sentence, story.language)
    return first_date(sentence, story.language, today, _told(story)) if is_due else None


def _told(story: Story) -> date | None:
    published = story.citations[0].published_at
    return published.date() if published else None


def _opportunities(material: ComposeInput) -> Iterator[Opportunity]:
    for story, sentence in _recognised(material.stories, cues.chance):
        cue = cues.chance(sentence, story.language)
        because = f"it says '{cue.words}'" if cue else ""
        yield Opportunity(title=story.title, description=sentence, because=because, citations=story.citations)


def _recognised(stories: Iterable[Story], rule: Callable[[str, str], object]) -> Found:
    """Yield the stories in which a sentence is recognised, and the first such sentence, else the title."""
    for story in stories:
        told = [each for each in sentences(story.text, story.language) if len(each) <= MOST_LETTERS]
        found = next((each for each in (*told, story.title) if rule(each, story.language)), None)
        if found:
            yield story, found


def _competitors(material: ComposeInput) -> Iterator[CompetitorActivity]:
    for name in material.interests.competitors:
        for story in material.stories:
            told = (each for each in (*sentences(story.text, story.language), story.title) if len(each) <= MOST_LETTERS)
            said = next((each for each in told if mentions(each, name, story.language)), None)
            if said:
                yield CompetitorActivity(name=name, activity=said, citations=story.citations)


def _local_events(material: ComposeInput) -> Iterator[LocalEvent]:
    """Yield sentences with a day to come, in stories that name the shop's place and an event."""
    places = list(filter(None, (material.interests.geographic_focus.city, material.interests.geographic_focus.state)))
    for story in material.stories:
        whole = f"{story.title}\n{story.text}"
        if not cues.event(whole, story.language):
            continue
        if not any(mentions(whole, place, story.language) for place in places):
            continue
        for sentence in (story.title, *sentences(story.text, story.language)):
            day = first_date(sentence, story.language, material.today, _told(story))
            if day and (cues.event(sentence, story.language) or cues.event(story.title, story.language)):
                yield LocalEvent(event=story.title, day=day, citations=story.citations)
                break


def _notes(briefing: Briefing, material: ComposeInput) -> dict[str, str]:
    """Say of each empty section why it is empty."""
    shown = len(material.stories)
    if not shown:
        read = f"of {_stories(material.all_stories)} read, none is about what you named"
        nothing = read if material.all_stories else "no article is new enough"
        return dict.fromkeys(
            ("briefing", "trendingTopics", "opportunities", "alerts", "competitors", "localEvents"), nothing
        )
    unknown = sum(not story.language for story in material.stories)
    foreign = sum(story.language not in RULES for story in material.stories) - unknown
    others = ((foreign, "in other languages"), (unknown, "in a language that is not known"))
    told = " and ".join(f"{count} {words}" for count, words in others if count)
    limits = f" ({told}: there are rules for {_LANGUAGES} alone)" if told else ""
    of = f"of {_stories(shown)}, none"
    named, place = material.interests.competitors, material.interests.geographic_focus
    why = {
        "trendingTopics": f"{of} shares its topic with another",
        "opportunities": f"{of} has words of an opportunity{limits}",
        "alerts": f"{of} has words of a warning{limits}",
        "competitors": f"{of} names them" if named else "no competitors were named",
        "localEvents": f"{of} tells of an event there with a day to come{limits}"
        if place.city or place.state
        else "no place was named",
    }
    filled = briefing.to_wire()
    return {section: words for section, words in why.items() if not filled[section]}


def _stories(count: int) -> str:
    return "1 story" if count == 1 else f"{count} stories"
