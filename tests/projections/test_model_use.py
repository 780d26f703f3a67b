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


async def test_a_step_loses_and_counts_its_own_calls_alone_when_others_of_its_job_ask_at_the_same_time(
    database: Database,
) -> None:
    book, job = ModelCalls(database), "acme:photo_processing:1"
    for key in (f"{job}/2/1/1", f"{job}/21/1/1"):
        line = call(key, OtherUse.PHOTO_READING, 10)
        await book.note(line.model_copy(update={"job_id": job, "state": CallState.OPEN}))

    await book.lose(job, f"{job}/2/")

    counted = [await book.of_job(job, keys) for keys in (f"{job}/2/", f"{job}/21/", "")]
    assert [(used.calls, used.lost_calls) for used in counted] == [(1, 1), (1, 0), (2, 1)]
