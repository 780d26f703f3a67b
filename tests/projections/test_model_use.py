"""What calls to models took is told under the job type that asked, and under the tenant, in stretches of time."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from api.advice import AdviceDesk
from api.analytics import AnalyticsDesk
from api.identity import Caller
from contracts.generation_kinds import GenerationType, ModelUse, OtherUse
from contracts.generation_ports import CallState, ModelCall
from contracts.jobs import JobStatus
from contracts.values import PLATFORM
from readmodel.analytics import Analytics, Bucket, Span
from readmodel.columns import utc_now
from readmodel.database import Database
from readmodel.history import HistoryWriter
from readmodel.limits import LimitsBook
from readmodel.model_calls import ModelCalls
from readmodel.spending import Spending
from readmodel.usage import UsageQueries
from tests.projections.samples import OUT_OF_TIME, make_header, tell

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY = timedelta(days=1)
ADMIN = Caller("admin", "admin", PLATFORM)


def call(key: str, use: ModelUse, tokens: int, **fields: Any) -> ModelCall:
    """Any: any of a call's fields."""
    said = {
        "key": key,
        "job_id": f"acme:any:{key}",
        "tenant_id": "acme",
        "generation_type": use,
        "provider": "local",
        "model": "small",
        "at": NOON,
        "input_tokens": tokens,
        "output_tokens": 0,
        "cost_micros": tokens,
        "state": CallState.DONE,
    }
    return ModelCall(**{**said, **fields})


@pytest.fixture
def desk(database: Database) -> AnalyticsDesk:
    return AnalyticsDesk(Analytics(database), Spending(database), LimitsBook(database))


async def _noted(database: Database, *calls: ModelCall) -> None:
    book = ModelCalls(database)
    for each in calls:
        await book.note(each)


async def test_a_briefing_s_tokens_are_not_told_as_a_generation_s(database: Database) -> None:
    await _noted(
        database,
        call("1", OtherUse.NEWS_BRIEFING, 10),
        call("2", OtherUse.NEWS_BRIEFING, 5),
        call("3", GenerationType.BLOG_POST, 100),
        call("4", GenerationType.MARKETING_COPY, 1),
    )

    days = await UsageQueries(database).by_day("acme", NOON.replace(hour=0), NOON.replace(hour=23))

    assert [(day.day, day.job_type, day.tokens) for day in days] == [
        (date(2026, 11, 22), "ai_generation", 101),
        (date(2026, 11, 22), "news_intelligence", 15),
    ]


async def test_costs_are_those_of_the_calls_of_each_type_tenant_and_stretch(
    database: Database, desk: AnalyticsDesk
) -> None:
    monday = NOON + DAY
    await _noted(
        database,
        call("1", GenerationType.BLOG_POST, 1_000, output_tokens=500, cost_micros=2_500),
        call("2", GenerationType.BLOG_POST, 10, at=NOON + timedelta(minutes=59), tenant_id="other"),
        call("3", GenerationType.BLOG_POST, 20, at=NOON + timedelta(minutes=60)),
        call("4", OtherUse.NEWS_BRIEFING, 7, at=monday),
        call("5", GenerationType.BLOG_POST, 99, state=CallState.FREE),
        call("6", GenerationType.BLOG_POST, 5, state=CallState.LOST, at=monday),
    )

    async def costs(bucket: Bucket, **fields: Any) -> list[tuple[Any, ...]]:
        span = Span(NOON - 6 * DAY, monday + DAY, bucket, **fields)
        return [(line.at, line.job_type, line.tokens, line.cost) for line in (await desk.costs(ADMIN, span)).items]

    generation, briefing = "ai_generation", "news_intelligence"
    midnight = NOON.replace(hour=0)
    assert await costs(Bucket.HOUR) == [
        (NOON, generation, 1_510, 0.00251),
        (NOON + timedelta(hours=1), generation, 20, 0.00002),
        (monday, generation, 5, 0.000005),
        (monday, briefing, 7, 0.000007),
    ]
    assert await costs(Bucket.DAY) == [
        (midnight, generation, 1_530, 0.00253),
        (midnight + DAY, generation, 5, 0.000005),
        (midnight + DAY, briefing, 7, 0.000007),
    ]
    assert await costs(Bucket.WEEK, job_types=(generation,)) == [
        (midnight - 6 * DAY, generation, 1_530, 0.00253),
        (midnight + DAY, generation, 5, 0.000005),
    ]
    assert await costs(Bucket.DAY, tenant_id="other") == [(midnight, generation, 10, 0.00001)]
    told = await desk.tenants(ADMIN, Span(NOON - DAY, monday + DAY, Bucket.DAY))
    assert {each.tenant_id: (each.tokens, each.cost) for each in told.totals} == {
        "acme": (1_532, 0.002532),
        "other": (10, 0.00001),
    }
    assert [(line.at, line.tenant_id, line.tokens) for line in told.items] == [
        (midnight, "acme", 1_520),
        (midnight, "other", 10),
        (midnight + DAY, "acme", 12),
    ]


async def test_a_cost_that_nobody_knows_is_null_and_says_why(
    database: Database, desk: AnalyticsDesk, history: HistoryWriter
) -> None:
    header = make_header(job_type="migration")
    await history.apply([tell(header, 1, header=header, status=JobStatus.COMPLETED)])
    await _noted(
        database,
        call("1", GenerationType.BLOG_POST, 10, cost_micros=None),
        call("2", OtherUse.NEWS_BRIEFING, 10, cost_micros=None),
        call("3", OtherUse.NEWS_BRIEFING, 10, cost_micros=40),
    )

    lines = (await desk.costs(ADMIN, Span(NOON - DAY, NOON + DAY, Bucket.DAY))).items

    assert {line.job_type: (line.tokens, line.cost, line.cost_note) for line in lines} == {
        "ai_generation": (10, None, "1 of 1 calls have no price in the settings"),
        "migration": (None, None, "no model was asked"),
        "news_intelligence": (20, 0.00004, "1 of 2 calls have no price in the settings"),
    }


async def test_advice_tells_what_a_cache_would_have_saved_and_what_dead_jobs_spent(
    database: Database, history: HistoryWriter
) -> None:
    now = utc_now()

    async def generated(key: str, order: str, status: JobStatus = JobStatus.COMPLETED, **fields: Any) -> None:
        header = make_header(key, job_type="ai_generation", created_at=now, request_hash=order, **fields)
        error = OUT_OF_TIME if status is JobStatus.DEAD else None
        told = tell(header, 0, header=header, status=status, error=error, attempts=3)
        await history.apply([told.model_copy(update={"at": now})])
        await _noted(
            database,
            call(
                f"{key} {header.tenant_id}", GenerationType.BLOG_POST, 100, job_id=header.id, at=now, cost_micros=3_000
            ),
        )

    for number in range(6):
        await generated(f"same-{number}", "same")
        await generated(f"dead-{number}", "same", JobStatus.DEAD)
    await generated("another", "another")
    await generated("elsewhere", "same", tenant_id="other")

    found = {each.code: each for each in (await AdviceDesk(database).advice(ADMIN)).items}
    others = await AdviceDesk(database).advice(ADMIN, "other")

    assert found["repeated_orders"].numbers == {"jobs": 5, "tokens": 500, "costDollars": 0.015}
    retries = found["retries_never_succeed"]
    spent = {name: retries.numbers[name] for name in ("jobs", "attempts", "tokens", "costDollars")}
    assert spent == {"jobs": 6, "attempts": 18, "tokens": 600, "costDollars": 0.018}
    assert "$0.02 of AI models" in retries.words
    assert others.items == []
