"""News job: read a shop's feeds and write the briefing of the day, every statement with its source.

Fields are only ever added, and with a default: old workflow histories must still load. The names of the platform's own
briefing stand as the platform spells them, also where that is not camelCase.
"""

from datetime import date
from typing import Annotated, Literal

from pydantic import AnyHttpUrl, ConfigDict, Field, StringConstraints, UrlConstraints, field_validator

from contracts.jobs import JobPayload, Progress
from contracts.values import Instant, WireModel

MAX_FEEDS = 50
MAX_ARTICLES = 1_000
MAX_PAGES = 30
MAX_STORY_TEXT = 1_200
"""Characters of a story's text in a result: enough to judge it by, and the article is one click away."""
MAX_STORIES = 25
"""Stories that a briefing lists; what is less relevant is counted."""

FeedUrl = Annotated[AnyHttpUrl, UrlConstraints(max_length=2000)]
Term = Annotated[str, StringConstraints(strip_whitespace=True, min_length=2, max_length=100)]
Terms = Annotated[tuple[Term, ...], Field(max_length=50)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, max_length=100)]


class GeographicFocus(WireModel):
    """Where the shop is."""

    city: Name | None = None
    state: Name | None = None
    radius: float | None = Field(
        default=None, ge=0, le=50_000, description="taken over from the platform; changes nothing: articles name places"
    )


class Interests(WireModel):
    """What a shop wants to hear of. Without any of it every article is as good as another."""

    topics: Terms = ()
    keywords: Terms = ()
    business_type: Name | None = None
    sub_category: Name | None = None
    geographic_focus: GeographicFocus = GeographicFocus()
    competitors: Terms = ()


class NewsInput(Interests, JobPayload):
    """Feeds to read, and what the shop wants to hear of."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "feeds": ["https://news.example/garden.rss", "https://city.example/events.atom"],
                    "topics": ["drought", "houseplants"],
                    "keywords": ["cactus", "succulent"],
                    "businessType": "plant nursery",
                    "geographicFocus": {"city": "Phoenix", "state": "Arizona"},
                    "competitors": ["Desert Bloom Nursery"],
                    "lookbackHours": 48,
                }
            ]
        }
    )

    feeds: tuple[FeedUrl, ...] = Field(
        max_length=MAX_FEEDS, description="RSS, Atom or JSON Feed", json_schema_extra={"minItems": 1}
    )
    since: Instant | None = Field(default=None, description="nothing older; for schedules use lookbackHours")
    lookback_hours: int = Field(default=48, ge=1, le=720, description="how old news may be, when since is not given")
    max_articles: int = Field(default=300, ge=1, le=MAX_ARTICLES, description="the newest of all feeds together")
    max_pages: int = Field(default=10, ge=0, le=MAX_PAGES, description="pages read in full, of the best stories")
    by_model: bool = Field(default=True, description="a model writes it, where one is configured; else by rules alone")
    seasonal_factors: bool = Field(default=False, description="taken over from the platform; changes nothing")

    @field_validator("feeds")
    @classmethod
    def _different(cls, feeds: tuple[AnyHttpUrl, ...]) -> tuple[AnyHttpUrl, ...]:
        if not feeds:  # a least length would be told beside the problem of an only feed
            msg = "give at least one feed"
            raise ValueError(msg)
        if len(set(map(str, feeds))) < len(feeds):
            msg = "the same feed is named twice"
            raise ValueError(msg)
        return feeds

    def interests(self) -> Interests:
        """Return what the shop wants to hear of."""
        return Interests(**{name: getattr(self, name) for name in Interests.model_fields})

    def expected(self) -> Progress:
        """Return the number of feeds, none of them read; pages are added when they are chosen."""
        return Progress(done=0, total=len(self.feeds), unit="source", message="waiting to begin")


# -- what is read -------------------------------------------------------------------------------------------------


class Article(WireModel):
    """One entry of a feed, as plain text: escape it where it is shown as HTML."""

    feed: int = Field(default=0, description="place of its feed in the request, from 0")
    source: str = Field(description="the feed's own title, else its host")
    title: str
    url: str = Field(description="http or https, nothing else")
    published_at: Instant | None = Field(default=None, description="as the feed says; null when it does not")
    language: str = Field(
        default="", description="two letters: by its words where they tell, else as the feed says; empty: nobody knows"
    )
    summary: str = ""
    categories: tuple[str, ...] = ()


class ParsedFeed(WireModel):
    """What stands in a feed. notes: what was odd about it, in plain words"""

    title: str
    format: str
    articles: tuple[Article, ...] = ()
    notes: tuple[str, ...] = ()


FORM = 2
"""Of what is kept of a feed. Another form than today's is not read, but fetched anew: raise it when reading changes."""


class KeptFeed(WireModel):
    """What is remembered of a feed, so that its server need not send again what has not changed."""

    form: int = FORM
    etag: str | None = None
    last_modified: str | None = None
    feed: ParsedFeed


class FeedReport(WireModel):
    """How it went with one feed."""

    index: int
    url: str
    status: Literal["read", "unchanged", "failed"]
    title: str | None = None
    format: str | None = None
    articles: int = Field(default=0, description="taken: new enough, with a title and a link")
    code: str | None = Field(
        default=None,
        description="why it failed: not_found, refused, too_large, not_a_feed, hostile, forbidden_by_robots, timeout, "
        "unreadable or unavailable",
    )
    message: str | None = None
    retryable: bool = Field(default=False, description="a later attempt may work")
    moved_to: str | None = Field(default=None, description="its new address, when it has moved for good")
    notes: tuple[str, ...] = ()


class FeedReading(WireModel):
    """One feed's outcome: its report and the articles taken."""

    report: FeedReport
    articles: tuple[Article, ...] = ()


class PageReading(WireModel):
    """The text of an article's own page, or why there is none."""

    text: str = ""
    problem: str | None = None


# -- what is written ----------------------------------------------------------------------------------------------


class Citation(WireModel):
    """Where something stands."""

    source: str
    title: str
    url: str
    published_at: Instant | None = None


class Cited(WireModel):
    """Something said, with at least one source."""

    citations: tuple[Citation, ...]


class Statement(Cited):
    """One sentence of the briefing."""

    text: str


class Story(Cited):
    """One event: all articles about it, the best of them first."""

    title: str
    text: str = Field(default="", description="how its first article begins: the page's words, or the feed's")
    language: str = ""
    categories: tuple[str, ...] = ()
    score: float = Field(default=0.0, description="by which stories are ordered; says nothing by itself")
    why: tuple[str, ...] = Field(default=(), description="what made it relevant, in plain words")
    page: str | None = Field(default=None, description="'read', or why it could not be; null when it was not tried")


class TrendingTopic(Cited):
    """What several stories are about. `relevance`: share of the stories that are listed, in [0, 1]."""

    topic: str
    relevance: float
    stories: int
    sources: int
    actionable: bool | None = None
    impact: Literal["high", "medium", "low"] | None = None


class Opportunity(Cited):
    """Something the shop may gain from."""

    title: str
    description: str
    revenue_potential: str | None = Field(default=None, alias="revenue_potential")
    timeline: str | None = None
    because: str = ""


class NewsAlert(Cited):
    """Something the shop should look at soon."""

    title: str
    description: str = ""
    urgency: Literal["high", "medium", "low"] | None = None
    action_required: str | None = Field(default=None, alias="action_required")
    deadline: date | None = None
    because: str = ""


class CompetitorActivity(Cited):
    """What is said of a competitor."""

    name: str
    activity: str
    impact: Literal["threat", "opportunity", "neutral"] | None = None


class LocalEvent(Cited):
    """Something that happens where the shop is."""

    event: str
    day: date = Field(alias="date")
    business_impact: str | None = Field(default=None, alias="business_impact")
    preparation_needed: str | None = Field(default=None, alias="preparation_needed")


class Briefing(WireModel):
    """What a writer makes of the stories. Null: the writer cannot judge that. notes: why a section is empty, by name"""

    method: str = Field(description="extractive: sentences as they stand in the sources, by rules; else model and name")
    briefing: str
    statements: tuple[Statement, ...] = ()
    trending_topics: tuple[TrendingTopic, ...] = ()
    opportunities: tuple[Opportunity, ...] = ()
    alerts: tuple[NewsAlert, ...] = ()
    competitors: tuple[CompetitorActivity, ...] = ()
    local_events: tuple[LocalEvent, ...] = ()
    notes: dict[str, str] = Field(default_factory=dict)


class NewsCounts(WireModel):
    """Counts over a briefing."""

    feeds: int
    feeds_failed: int
    articles: int
    left_out: int = Field(default=0, description="articles that are older than the newest maxArticles")
    duplicates: int = Field(description="articles that tell a story which another one tells")
    stories: int
    relevant: int = Field(description="stories about something the shop wants to hear of")
    pages: int = Field(description="pages read in full")


class NewsResult(Briefing):
    """Result of a news job."""

    since: Instant
    counts: NewsCounts
    stories: tuple[Story, ...] = ()
    feeds: tuple[FeedReport, ...] = Field(description="in the order of the request")


# -- what steps are given -----------------------------------------------------------------------------------------


class ReadFeedInput(WireModel):
    """Read one feed. attempts: how often it may be tried before it is reported as failed"""

    tenant_id: str
    index: int
    url: str
    since: Instant
    attempts: int
    turn: int = Field(default=1, description="counts the times an operator had all feeds tried again")


class SelectInput(WireModel):
    """Choose the stories worth telling. now: the moment that ages are counted from"""

    articles: tuple[Article, ...]
    interests: Interests
    now: Instant


class Selection(WireModel):
    """Stories in the order of their worth, and counts of those left out."""

    stories: tuple[Story, ...]
    articles: int
    all_stories: int
    relevant: int


class ReadPageInput(WireModel):
    """Read the page of one article."""

    url: str
    attempts: int


class ComposeInput(WireModel):
    """Write the briefing of these stories. attempts: how often a model may be asked before rules write it"""

    stories: tuple[Story, ...]
    interests: Interests
    today: date
    all_stories: int
    by_model: bool = True
    attempts: int = 1
