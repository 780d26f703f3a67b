"""The news job on a real Temporal server, with its real parts, against a site with good, bad and hostile feeds."""

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle

from activities.briefing.by_model import ModelWriter
from contracts.alerts import MODEL_ACCOUNT_EMPTY
from contracts.errors import Unavailable
from contracts.jobs import JobHeader, JobStatus, RetryRequest
from contracts.news import NewsInput, NewsResult
from contracts.values import job_id
from readmodel.alerts import AlertBook
from readmodel.budgets import Budgets
from readmodel.model_calls import ModelCalls
from temporal.buffer import BufferedHistory
from temporal.engine import TemporalEngine
from tests.endpoints.test_jobs import ended
from tests.fakes import MemoryHistory
from tests.fixtures_models import Emulator, models_at
from tests.fixtures_news import RunNews
from tests.fixtures_queue import Api, RunSystem
from tests.newsstand.site import Handler, Site
from workflows.job import JobWorkflow
from workflows.news import NewsWorkflow

TENANT, TYPE = "acme", "news_intelligence"
SHOP = {
    "topics": ["drought"],
    "keywords": ["cactus", "succulent"],
    "businessType": "plant nursery",
    "geographicFocus": {"city": "Phoenix", "state": "Arizona"},
    "competitors": ["Desert Bloom Nursery"],
    "since": "2025-01-01T00:00:00Z",
}
GOOD = (
    "garden.rss.xml",
    "city.atom.xml",
    "trade.rdf.xml",
    "plants.feed.json",
    "latin1.xml",
    "broken.xml",
    "hostile.xml",
)


async def start(client: Client, payload: dict[str, Any], max_attempts: int = 1) -> WorkflowHandle[Any, NewsResult]:
    header = JobHeader(
        id=job_id(TENANT, TYPE, uuid4().hex),
        tenant_id=TENANT,
        job_type=TYPE,
        max_attempts=max_attempts,
        created_at=datetime.now(UTC),
    )
    await TemporalEngine(client).start(header, NewsInput.model_validate(payload).to_wire())
    return client.get_workflow_handle_for(NewsWorkflow.run, header.id)


async def test_a_briefing_is_made_of_what_can_be_read_and_says_what_cannot(
    client: Client, newsstand: Site, run_news: RunNews
) -> None:
    newsstand.robots = "User-agent: *\nDisallow: /pages/city-\nDisallow: /private/"
    bad = ("/feeds/bomb.xml", "/feeds/external.xml", "/dead", "/gone", "/page", "/bomb", "/inward", "/private/feed")
    payload = SHOP | {"feeds": [*map(newsstand.feed, GOOD), *map(newsstand.url, bad)], "maxPages": 12}
    history = MemoryHistory()

    async with run_news(history):
        handle = await start(client, payload)
        result = await handle.result()
        again = await (await start(client, payload)).result()

    reports = {report.url.removeprefix(newsstand.url("")): report for report in result.feeds}
    assert {path: (report.code, report.retryable) for path, report in reports.items() if report.code} == {
        "/feeds/bomb.xml": ("hostile", False),
        "/feeds/external.xml": ("hostile", False),
        "/dead": ("unavailable", True),
        "/gone": ("not_found", False),
        "/page": ("not_a_feed", False),
        "/bomb": ("too_large", False),
        "/inward": ("refused", False),
        "/private/feed": ("forbidden_by_robots", False),
    }
    assert [reports[f"/feeds/{name}"].articles for name in GOOD] == [5, 4, 2, 2, 1, 1, 1]
    assert "1 dated in the future: taken as undated" in reports["/feeds/hostile.xml"].notes
    _tells_of_the_day(result, newsstand)
    _says_only_what_was_read(result)
    assert {report.status for report in again.feeds} == {"unchanged", "failed"}
    assert (again.briefing, again.statements, again.alerts) == (result.briefing, result.statements, result.alerts)
    end = next(change for change in reversed(history.changes) if change.job_id == handle.id)
    assert end.progress is not None
    assert end.progress.done == end.progress.total == len(result.feeds) + tried(result)


def tried(result: NewsResult) -> int:
    return sum(story.page is not None for story in result.stories)


def _tells_of_the_day(result: NewsResult, newsstand: Site) -> None:
    counts = result.counts
    assert (counts.feeds, counts.feeds_failed, counts.articles, counts.duplicates) == (15, 8, 16, 3)
    assert [len(story.citations) for story in result.stories if len(story.citations) > 1] == [2, 2, 2]
    drought = next(story for story in result.stories if "Drought emergency" in story.title)
    assert drought.page == "127.0.0.1 does not want it fetched (robots.txt)"
    assert {citation.source for citation in drought.citations} == {"Phoenix City News", "Desert Garden Weekly"}
    assert not newsstand.asked["/pages/city-drought.html"]
    recall = next(alert for alert in result.alerts if "recalls" in alert.title)
    assert (recall.urgency, len(recall.citations)) == ("high", 2)
    assert [each.name for each in result.competitors] == ["Desert Bloom Nursery"]
    assert "drought" not in [each.topic for each in result.trending_topics]  # one story, told twice
    assert (
        result.notes["localEvents"] == "of 11 stories, none tells of an event there with a day to come"
    )  # the fair was in 2025
    assert result.method == "extractive"
    assert counts.pages == sum(story.page == "read" for story in result.stories) == 3
    assert "Suns beat Lakers after a late turn" not in [story.title for story in result.stories]


def _says_only_what_was_read(result: NewsResult) -> None:
    """Every statement cites an article of a feed that was read, at an address on the web, and no markup came along."""
    read = {citation for story in result.stories for citation in story.citations}
    said = (
        *result.statements, *result.trending_topics, *result.opportunities, *result.alerts, *result.competitors,
    )  # fmt: skip
    assert len(result.statements) == 7
    for each in said:
        assert each.citations
        assert read.issuperset(each.citations)
    assert all(citation.url.startswith("http://") for citation in read)
    assert not any(sign in result.model_dump_json() for sign in ("<", "javascript:", "alert(", "root:"))


async def test_a_feed_that_stumbles_is_tried_again_and_one_that_is_away_is_left_out(
    client: Client, newsstand: Site, run_news: RunNews
) -> None:
    def stumble(to: Handler) -> None:
        del newsstand.routes["/feeds/garden.rss.xml"]
        to.reply(503, retry_after="1")

    newsstand.routes["/feeds/garden.rss.xml"] = stumble
    newsstand.routes["/busy"] = lambda to: to.reply(429, retry_after="3600")

    async with run_news(MemoryHistory()):
        urls = [newsstand.feed("garden.rss.xml"), newsstand.url("/busy")]
        result = await (await start(client, SHOP | {"feeds": urls, "maxPages": 0}, max_attempts=3)).result()

    assert [report.status for report in result.feeds] == ["read", "failed"]
    assert result.feeds[1].message == "127.0.0.1 answered 429, tried once"
    assert (newsstand.asked["/feeds/garden.rss.xml"], newsstand.asked["/busy"]) == (2, 1)


async def test_nothing_but_dead_feeds_is_a_dead_job_and_a_retry_reads_them_again(
    client: Client, newsstand: Site, run_news: RunNews
) -> None:
    history = MemoryHistory()
    payload = SHOP | {"feeds": [newsstand.url("/dead"), newsstand.url("/gone")], "maxPages": 0}

    async with run_news(history):
        handle = await start(client, payload)
        async with asyncio.timeout(60):
            while JobStatus.DEAD not in [change.status for change in history.changes]:
                await asyncio.sleep(0.02)
        newsstand.routes["/dead"] = lambda to: to.reply(
            body=(b"<rss version='2.0'><channel><title>Back</title></channel></rss>")
        )
        await handle.execute_update(JobWorkflow.retry, RetryRequest(actor="key:op", request_id="1"))
        result = await handle.result()

    dead = next(change for change in history.changes if change.status is JobStatus.DEAD)
    assert dead.error is not None
    assert (dead.error.type, dead.error.retryable, dead.error.message) == (
        Unavailable.__name__,
        True,
        "none of the 2 feeds could be read: feed 1: 127.0.0.1 answered 500, tried once; feed 2: 127.0.0.1 answered 410",
    )
    assert [report.status for report in result.feeds] == ["read", "failed"]
    assert set(result.notes.values()) == {"no article is new enough"}


async def test_nothing_but_feeds_that_will_never_work_fails_the_job(
    client: Client, newsstand: Site, run_news: RunNews
) -> None:
    history = MemoryHistory()

    async with run_news(history):
        handle = await start(client, SHOP | {"feeds": [newsstand.url("/gone"), newsstand.feed("bomb.xml")]})
        with pytest.raises(WorkflowFailureError):
            await handle.result()

    end = history.changes[-1]
    assert end.status is JobStatus.FAILED
    assert end.error is not None
    assert end.error.retryable is False
    assert str(end.error.message).startswith(
        "none of the 2 feeds could be read: feed 1: 127.0.0.1 answered 410; feed 2"
    )


DAILY = {
    "cron": "30 6 * * *",
    "timeZone": "America/Phoenix",
    "overlap": "skip",
    "catchupWindowSeconds": 21_600,
    "jitterSeconds": 600,
    "note": "the briefing of the morning",
}
"""As in docs/news.md."""


@pytest.mark.usefixtures("schedules_ready")
async def test_a_daily_schedule_writes_briefings(
    api: Api, newsstand: Site, run_news: RunNews, run_system: RunSystem
) -> None:
    payload: dict[str, Any] = {name: value for name, value in SHOP.items() if name != "since"}
    payload |= {"feeds": [newsstand.feed("garden.rss.xml")], "lookbackHours": 720, "maxPages": 0}
    async with run_news(api.history), run_system(api.services.database):
        made = await api.http.post("/v1/schedules", json=DAILY | {"jobType": TYPE, "payload": payload})
        assert made.status_code == 201, made.text
        await api.http.post(f"/v1/schedules/{made.json()['id']}/trigger")
        async with asyncio.timeout(60):
            while not (jobs := (await api.http.get("/v1/jobs", params={"jobType": TYPE})).json()["items"]):
                await asyncio.sleep(0.05)
        done = await ended(api, jobs[0]["id"])

    assert (done["status"], done["scheduleId"]) == ("completed", made.json()["id"])
    assert [report["status"] for report in done["result"]["feeds"]] == ["read"]
    assert done["result"]["method"] == "extractive"


async def test_a_model_writes_the_briefing_while_the_budget_lasts_and_what_has_no_source_is_left_out(
    api: Api, newsstand: Site, run_news: RunNews, model_emulator: Emulator
) -> None:
    payload = SHOP | {"feeds": [newsstand.feed("garden.rss.xml")], "maxPages": 0}
    database, told = api.services.database, BufferedHistory(api.history)

    endpoints = model_emulator.endpoint("empty"), model_emulator.endpoint("reporter")
    async with models_at(*endpoints) as models, told.running():
        writer = ModelWriter(models, ModelCalls(database), told, Budgets(database), AlertBook(database))
        async with run_news(api.history, writer=writer):
            job = await api.http.post("/v1/jobs", json={"jobType": TYPE, "payload": payload})
            done = await ended(api, job.json()["id"])
            await api.http.put("/v1/tenants/acme/limits", json={"aiTokensPerDay": 990})
            job = await api.http.post("/v1/jobs", json={"jobType": TYPE, "payload": payload})
            spent = (await ended(api, job.json()["id"]))["result"]
    used = await ModelCalls(database).of_job(done["id"])
    alerts, _ = await AlertBook(database).list(None, 10, kinds=[MODEL_ACCOUNT_EMPTY])

    result = done["result"]
    assert (done["status"], result["method"]) == ("completed", "model reporter")
    assert [each["text"] for each in result["statements"]] == ["Growers watch the drought."]
    assert result["statements"][0]["citations"] == result["stories"][0]["citations"]
    assert result["competitors"] == []
    assert result["notes"]["leftOut"].startswith("2 statements")
    assert (used.calls, used.tokens) == (1, 990)
    assert [alert.job_type for alert in alerts] == [TYPE]
    assert spent["method"] == "extractive"
    assert spent["notes"]["method"] == "no model wrote it: today's budget for models is spent (990 of 990 tokens)"


@pytest.mark.parametrize(
    ("payload", "path"),
    [
        ({"feeds": []}, "payload.feeds"),
        ({"feeds": ["ftp://a.example/feed"]}, "payload.feeds.0"),
        ({"feeds": ["https://a.example/feed"] * 2}, "payload.feeds"),
        ({"feeds": ["https://a.example/feed"], "keywords": ["x"]}, "payload.keywords.0"),
        ({"feeds": ["https://a.example/feed"], "maxPages": 31}, "payload.maxPages"),
        ({"feeds": ["https://a.example/feed"], "budget": 1}, "payload.budget"),
    ],
)
async def test_a_wrong_payload_is_refused_with_its_field(api: Api, payload: dict[str, Any], path: str) -> None:
    answer = await api.http.post("/v1/jobs", json={"jobType": TYPE, "payload": payload})

    assert (answer.status_code, [error["path"] for error in answer.json()["errors"]]) == (422, [path])
