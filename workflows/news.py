"""News job: every feed and every page its own step, so that a dead one neither redoes nor fails the others."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.news import NewsActivities
    from contracts.jobs import JobFailure, JobInput
    from contracts.news import (
        MAX_STORY_TEXT,
        Article,
        ComposeInput,
        FeedReading,
        NewsCounts,
        NewsInput,
        NewsResult,
        PageReading,
        ReadFeedInput,
        ReadPageInput,
        SelectInput,
        Selection,
        Story,
    )
    from contracts.policies import LOCAL_WORK, MODEL_CALL, REMOTE_READ
    from contracts.values import Instant
    from workflows.job import JobWorkflow

FEED_ATTEMPTS = 3
"""A feed that does not answer is tried so often; then the briefing is written without it."""
PAGE_ATTEMPTS = 2
COMPOSE_ATTEMPTS = 2
PAGES_PER_HOST = 4
"""Pages of one host that are read for one briefing."""


@workflow.defn(name="news_intelligence")
class NewsWorkflow(JobWorkflow):
    """Read a shop's feeds and write the briefing of the day."""

    def __init__(self) -> None:
        super().__init__()
        self._turn = 0

    @workflow.run
    async def run(self, job: JobInput[NewsInput]) -> NewsResult:
        """Return the briefing, honest about the feeds that could not be read."""
        return await self.carry_out(job, self._story)

    async def _story(self, given: NewsInput) -> NewsResult:
        since = given.since or workflow.now() - timedelta(hours=given.lookback_hours)
        readings = await self._feeds(given, since)
        articles = _newest_first([article for each in readings for article in each.articles])
        left_out = max(len(articles) - given.max_articles, 0)
        chosen = SelectInput(
            articles=tuple(articles[: given.max_articles]), interests=given.interests(), now=workflow.now()
        )
        selection = await self.step(NewsActivities.select, chosen, LOCAL_WORK)
        stories = await self._with_pages(selection.stories, given.max_pages)
        briefing = await self.step(
            NewsActivities.compose,
            ComposeInput(
                stories=tuple(stories),
                interests=given.interests(),
                today=workflow.now().date(),
                all_stories=selection.all_stories,
                by_model=given.by_model,
                attempts=min(COMPOSE_ATTEMPTS, self._header.max_attempts),
            ),
            MODEL_CALL,
        )
        return NewsResult(
            **dict(briefing),
            since=since,
            counts=_counts(readings, selection, stories, left_out),
            stories=tuple(story.model_copy(update={"text": story.text[:MAX_STORY_TEXT]}) for story in stories),
            feeds=tuple(each.report for each in readings),
        )

    async def _feeds(self, given: NewsInput, since: Instant) -> list[FeedReading]:
        """Return what the feeds say, when at least one of them says something.

        Raises:
            ApplicationError: None could be read, and asking again would change nothing.
        """
        while True:
            self._turn += 1
            readings = await asyncio.gather(
                *(self._feed(index, str(url), since) for index, url in enumerate(given.feeds))
            )
            if any(each.report.status != "failed" for each in readings):
                return readings
            if not any(each.report.retryable for each in readings):
                raise ApplicationError(_none_read(readings), type="Rejected", non_retryable=True)
            await self.stand(
                JobFailure(type="Unavailable", message=_none_read(readings), retryable=True, step="news.read_feed")
            )

    async def _feed(self, index: int, url: str, since: Instant) -> FeedReading:
        attempts = min(FEED_ATTEMPTS, self._header.max_attempts)
        step = ReadFeedInput(
            tenant_id=self._header.tenant_id, index=index, url=url, since=since, attempts=attempts, turn=self._turn
        )
        reading = await self.step(NewsActivities.read_feed, step, REMOTE_READ)
        report = reading.report
        said = report.code if report.status == "failed" else f"{report.articles} articles"
        if self._turn == 1:
            self.advance(f"feed {index + 1}: {said}")
        return reading

    async def _with_pages(self, stories: Sequence[Story], most: int) -> list[Story]:
        """Return the stories, the best of them with the text of their first article's page."""
        chosen = _worth_reading(stories, most)
        self.expect(len(chosen))
        texts = await asyncio.gather(*(self._page(stories[place].citations[0].url) for place in chosen))
        found = dict(zip(chosen, texts, strict=True))
        return [_with_text(story, found.get(place)) for place, story in enumerate(stories)]

    async def _page(self, url: str) -> PageReading:
        attempts = min(PAGE_ATTEMPTS, self._header.max_attempts)
        page = await self.step(NewsActivities.read_page, ReadPageInput(url=url, attempts=attempts), REMOTE_READ)
        self.advance("page not read" if page.problem else "page read")
        return page


def _newest_first(articles: Sequence[Article]) -> list[Article]:
    return sorted(articles, key=lambda each: -each.published_at.timestamp() if each.published_at else 0.0)


def _worth_reading(stories: Sequence[Story], most: int) -> list[int]:
    """Return the places of the best stories, not too many of one host."""
    hosts: dict[str, int] = {}
    chosen: list[int] = []
    for place, story in enumerate(stories):
        host = story.citations[0].url.split("/", 3)[2]
        hosts[host] = hosts.get(host, 0) + 1
        if hosts[host] <= PAGES_PER_HOST and len(chosen) < most:
            chosen.append(place)
    return chosen


def _with_text(story: Story, page: PageReading | None) -> Story:
    if page is None:
        return story
    if page.problem:
        return story.model_copy(update={"page": page.problem})
    told = "" if story.text in page.text else f"\n{story.text}"  # a page may leave out what its feed says
    return story.model_copy(update={"text": page.text + told, "page": "read"})


def _counts(
    readings: Sequence[FeedReading], selection: Selection, stories: Sequence[Story], left_out: int
) -> NewsCounts:
    return NewsCounts(
        feeds=len(readings),
        feeds_failed=sum(each.report.status == "failed" for each in readings),
        articles=selection.articles,
        left_out=left_out,
        duplicates=selection.articles - selection.all_stories,
        stories=selection.all_stories,
        relevant=selection.relevant,
        pages=sum(story.page == "read" for story in stories),
    )


def _none_read(readings: Sequence[FeedReading]) -> str:
    said = "; ".join(f"feed {each.report.index + 1}: {each.report.message}" for each in readings[:5])
    more = f"; and {len(readings) - 5} more" if len(readings) > 5 else ""
    return f"none of the {len(readings)} feeds could be read: {said}{more}"
