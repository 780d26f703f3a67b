"""What calls to models took is told under the job type that asked."""

from datetime import UTC, date, datetime

from contracts.generation_kinds import GenerationType, ModelUse, OtherUse
from contracts.generation_ports import CallState, ModelCall
from readmodel.database import Database
from readmodel.model_calls import ModelCalls
from readmodel.usage import UsageQueries

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def call(key: str, use: ModelUse, tokens: int) -> ModelCall:
    return ModelCall(
        key=key,
        job_id=f"acme:any:{key}",
        tenant_id="acme",
        generation_type=use,
        provider="local",
        model="small",
        at=NOON,
        input_tokens=tokens,
        output_tokens=0,
        cost_micros=tokens,
        state=CallState.DONE,
    )


async def test_a_briefing_s_tokens_are_not_told_as_a_generation_s(database: Database) -> None:
    book = ModelCalls(database)
    for each in (
        call("1", OtherUse.NEWS_BRIEFING, 10),
        call("2", OtherUse.NEWS_BRIEFING, 5),
        call("3", GenerationType.BLOG_POST, 100),
        call("4", GenerationType.MARKETING_COPY, 1),
    ):
        await book.note(each)

    days = await UsageQueries(database).by_day("acme", NOON.replace(hour=0), NOON.replace(hour=23))

    assert [(day.day, day.job_type, day.tokens) for day in days] == [
        (date(2026, 11, 22), "ai_generation", 101),
        (date(2026, 11, 22), "news_intelligence", 15),
    ]
