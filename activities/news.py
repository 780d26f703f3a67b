"""News steps: read a feed, choose the stories, read a page, write the briefing.

A feed or page that cannot be read is a result, not an error: only what may work with the next attempt is raised, and
after the last one that too is a result.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from temporalio import activity

from activities.briefing.extractive import extract
from activities.briefing.ranking import ranked
from activities.briefing.stories import told_together
from contracts.errors import Rejected, Unavailable
from contracts.fetching import FetchProblem
from contracts.news import (
    MAX_STORIES,
    Article,
    Briefing,
    Cited,
    ComposeInput,
    FeedReading,
    FeedReport,
    KeptFeed,
    PageReading,
    ParsedFeed,
    ReadFeedInput,
    ReadPageInput,
    SelectInput,
    Selection,
)
from contracts.news_ports import BriefingWriter, FeedKeeper, NewsReader, PoliteWeb, Validators, Wanted, WebAnswer

MOST_PER_FEED = 100
"""Articles taken of one feed, the newest ones."""
LONGEST_PATIENCE = timedelta(minutes=2)
"""A server that wants more time than that is not waited for: the briefing is of today."""
AHEAD = timedelta(hours=1)
"""A clock may be wrong by so much; what is dated later has no date."""
STEP_SECONDS = 100.0
"""Less than a step may take: who is slower is a feed that does not answer, not a step that failed."""


class NewsActivities:
    """The steps of a news job. writer: a model that writes the briefing; without one sentences are chosen by rules."""

    def __init__(self, feeds: FeedKeeper, web: PoliteWeb, news: NewsReader, writer: BriefingWriter | None) -> None:
        self._feeds = feeds
        self._web = web
        self._news = news
        self._writer = writer

    @activity.defn(name="news.read_feed")
    async def read_feed(self, step: ReadFeedInput) -> FeedReading:
        """Return a feed's new articles, or why there are none.

        What was read is kept by tenant and address, so a retry overwrites it; a server that says that nothing has
        changed is not asked to send it again.

        Raises:
            RateLimited: The server said when to come back, within two minutes.
            Unavailable: The server or the database did not answer, and there are attempts left.
        """
        try:
            async with _patience(step.url):
                return await self._fetched(step)
        except Unavailable as error:
            _again(error, step.attempts)
            tried = activity.info().attempt
            problem = FetchProblem("unavailable", f"{error}, tried {'once' if tried == 1 else f'{tried} times'}")
            return _failed(step, problem, retryable=True)

    @activity.defn(name="news.select")
    async def select(self, step: SelectInput) -> Selection:
        """Return the stories that matter to the shop, the most important first. It leaves nothing behind."""
        return await asyncio.to_thread(_selected, step)

    @activity.defn(name="news.read_page")
    async def read_page(self, step: ReadPageInput) -> PageReading:
        """Return the text of an article's page, or why there is none. It leaves nothing behind.

        Raises:
            RateLimited: As for a feed.
            Unavailable: The server did not answer, and there are attempts left.
        """
        try:
            async with _patience(step.url):
                answer = await self._web.get(step.url, Wanted.PAGE)
                if isinstance(answer, FetchProblem):
                    return PageReading(problem=answer.message)
                text = await self._news.page(answer.data or b"", answer.url)
        except Unavailable as error:
            _again(error, step.attempts)
            return PageReading(problem=str(error))
        return PageReading(problem=text.message) if isinstance(text, FetchProblem) else PageReading(text=text)

    @activity.defn(name="news.compose")
    async def compose(self, step: ComposeInput) -> Briefing:
        """Return the briefing, by a model where there is one; what it says without one of the stories' sources is out.

        It leaves nothing behind but what models took, in their book; a retry asks again. Where no model writes a
        briefing with sources, it is written by rules and says so.

        Raises:
            Unavailable: No model answers now, and there are attempts left.
        """
        plain = await asyncio.to_thread(extract, step)
        if self._writer is None or not step.by_model or not step.stories:
            return plain
        try:
            written = only_cited(await self._writer.write(step), step)
        except (Rejected, Unavailable) as error:
            if isinstance(error, Unavailable):
                _again(error, step.attempts)
            return plain.model_copy(update={"notes": plain.notes | {"method": f"no model wrote it: {error}"}})
        if not written.statements:
            nothing = "no model wrote it: nothing that it said has a source among the articles"
            return plain.model_copy(update={"notes": plain.notes | {"method": nothing}})
        return written

    async def _fetched(self, step: ReadFeedInput) -> FeedReading:
        known = await self._feeds.find(step.tenant_id, step.url)
        answer = await self._web.get(step.url, Wanted.FEED, _validators(known))
        return _failed(step, answer) if isinstance(answer, FetchProblem) else await self._taken(step, answer, known)

    async def _taken(self, step: ReadFeedInput, answer: WebAnswer, known: KeptFeed | None) -> FeedReading:
        if answer.data is None and known:
            await self._feeds.keep(step.tenant_id, step.url, known)
            return _reading(step, known.feed, answer, "unchanged")
        feed = await self._news.feed(answer.data or b"", answer.url, answer.content_type)
        if isinstance(feed, FetchProblem):
            return _failed(step, feed)
        validators = answer.validators
        kept = KeptFeed(etag=validators.etag, last_modified=validators.last_modified, feed=feed)
        await self._feeds.keep(step.tenant_id, step.url, kept)
        return _reading(step, feed, answer, "read")


def only_cited(written: Briefing, material: ComposeInput) -> Briefing:
    """Return the briefing without what cites none of the stories' sources, and say how much that was."""
    known = {citation for story in material.stories for citation in story.citations}
    kept: dict[str, tuple[Cited, ...]] = {}
    left_out = 0
    for name in ("statements", "trending_topics", "opportunities", "alerts", "competitors", "local_events"):
        said: tuple[Cited, ...] = getattr(written, name)
        kept[name] = tuple(each for each in said if each.citations and known.issuperset(each.citations))
        left_out += len(said) - len(kept[name])
    if not left_out:
        return written
    text = "\n".join(getattr(each, "text", "") for each in kept["statements"])
    notes = written.notes | {"leftOut": f"{left_out} statements without a source among the articles were left out"}
    return written.model_copy(update={**kept, "briefing": text, "notes": notes})


def _selected(step: SelectInput) -> Selection:
    groups = told_together(step.articles)
    stories = ranked(groups, step.interests, step.now)
    return Selection(
        stories=tuple(stories[:MAX_STORIES]),
        articles=len(step.articles),
        all_stories=len(groups),
        relevant=len(stories),
    )


def _reading(step: ReadFeedInput, feed: ParsedFeed, answer: WebAnswer, status: str) -> FeedReading:
    """Return the articles that are new enough, the newest first; what has no date may be new."""
    latest = datetime.now(UTC) + AHEAD
    articles, notes = [], list(feed.notes)
    ahead = sum(bool(each.published_at and each.published_at > latest) for each in feed.articles)
    if ahead:
        notes.append(f"{ahead} dated in the future: taken as undated")
    for each in feed.articles:
        published = each.published_at if each.published_at and each.published_at <= latest else None
        if published is None or published >= step.since:
            articles.append(each.model_copy(update={"feed": step.index, "published_at": published}))
    undated = sum(each.published_at is None for each in articles) - ahead
    if undated:
        notes.append(f"{undated} without a date: taken, though they may be old")
    articles.sort(key=_newest_first)
    report = FeedReport(
        index=step.index,
        url=step.url,
        status="unchanged" if status == "unchanged" else "read",
        title=feed.title,
        format=feed.format,
        articles=len(articles[:MOST_PER_FEED]),
        moved_to=answer.moved_to,
        notes=tuple(notes),
    )
    return FeedReading(report=report, articles=tuple(articles[:MOST_PER_FEED]))


def _newest_first(article: Article) -> tuple[float, str]:
    return (-article.published_at.timestamp() if article.published_at else 0.0, article.url)


def _failed(step: ReadFeedInput, problem: FetchProblem, *, retryable: bool = False) -> FeedReading:
    return FeedReading(
        report=FeedReport(
            index=step.index,
            url=step.url,
            status="failed",
            code=problem.code,
            message=problem.message,
            retryable=retryable,
        )
    )


@asynccontextmanager
async def _patience(url: str) -> AsyncIterator[None]:
    """Give up on a server that takes nearly as long as a step may.

    Raises:
        Unavailable: It did.
    """
    try:
        async with asyncio.timeout(STEP_SECONDS):
            yield
    except TimeoutError:
        raise Unavailable(f"{urlsplit(url).hostname} took more than {STEP_SECONDS:g} s") from None


def _again(error: Unavailable, attempts: int) -> None:
    """Raise the error again when another attempt is left and is worth its wait."""
    if activity.info().attempt < attempts and (error.retry_after or timedelta()) <= LONGEST_PATIENCE:
        raise error


def _validators(known: KeptFeed | None) -> Validators:
    return Validators(known.etag, known.last_modified) if known else Validators()
