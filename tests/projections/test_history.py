import asyncio
import random

import pytest
from sqlalchemy import select, text

from contracts.history import JobChange, JobEvent
from contracts.jobs import Job, JobStatus, Progress
from readmodel.database import Database
from readmodel.events import append_events
from readmodel.history import HistoryWriter
from readmodel.intake import Intake
from readmodel.jobs import JobQueries
from readmodel.tables import JobRow
from readmodel.vault import Sealer
from tests.projections.samples import NOON, OUT_OF_TIME, accepted, at, full_header, hard_life, make_header, tell

HEADER = make_header()


async def test_a_hard_life_becomes_a_job(history: HistoryWriter, queries: JobQueries) -> None:
    await history.apply(hard_life(HEADER))

    assert await queries.get(HEADER.id) == Job(
        id=HEADER.id,
        job_type="photo_processing",
        tenant_id="acme",
        status=JobStatus.COMPLETED,
        priority=HEADER.priority,
        payload={"photos": [1, 2]},
        result={"read": 2},
        attempts=3,
        max_attempts=5,
        created_at=NOON,
        processed_at=at(2),
        completed_at=at(10),
        processing_time=8000,
        wait_time=2000,
        worker="w1",
        progress=Progress(done=2, total=2, unit="photos"),
    )


async def test_a_header_becomes_a_job(history: HistoryWriter, queries: JobQueries) -> None:
    header = full_header()

    await history.apply([tell(header, 12, header=header, status=JobStatus.PROCESSING, processed_at=at(12))])

    job = await queries.get(header.id)
    assert job is not None
    shared = type(header).model_fields.keys() & Job.model_fields.keys()
    assert {name: getattr(job, name) for name in shared} == {name: getattr(header, name) for name in shared}
    assert (job.wait_time, job.processing_time) == (2000, None)


@pytest.mark.parametrize("seed", range(8))
async def test_any_order_with_repeats_leaves_the_same_row(
    database: Database, history: HistoryWriter, intake: Intake, seed: int
) -> None:
    chance = random.Random(seed)
    rows = []
    for key in ("ordered", "shuffled"):
        header = make_header(key, request_hash="same")
        changes = hard_life(header)
        await intake.accept(header, changes[0].payload, changes[0], None)
        if key == "shuffled":
            changes += chance.choices(changes, k=5)
            chance.shuffle(changes)
        for change in changes:
            await history.apply([change])
        async with database.read() as connection:
            row = (await connection.execute(select(JobRow.__table__).where(JobRow.id == header.id))).one()
        job = await JobQueries(database).get(header.id)
        assert job
        opened = {name: getattr(job, name) for name in ("payload", "result", "error")}
        rows.append(row._asdict() | {"id": "", "depends_on": None} | opened)

    assert rows[0] == rows[1]


async def test_an_event_told_twice_is_kept_once(history: HistoryWriter, queries: JobQueries) -> None:
    changes = hard_life(HEADER)

    for _ in range(2):
        await history.apply(changes)

    events, following = await queries.events(HEADER.id, None, 50)
    assert [stored.event for stored in events] == [change.events[0] for change in changes]
    assert following is None


async def test_the_last_event_of_a_change_carries_the_status(history: HistoryWriter, queries: JobQueries) -> None:
    first = JobEvent(
        key="a", at=at(1), kind="step_failed", message="no", attempt=2, step="photos.read", details={"n": 1}
    )
    last = JobEvent(key="b", at=at(1), kind="dead", message="gave up", actor="w1")

    await history.apply(
        [tell(HEADER, 1, header=HEADER, status=JobStatus.DEAD, error=OUT_OF_TIME, events=(first, last))]
    )

    events = await queries.events_after(0, 10)
    assert [(stored.event, stored.status) for stored in events] == [(first, None), (last, JobStatus.DEAD)]
    assert {(stored.job_id, stored.tenant_id, stored.job_type) for stored in events} == {
        (HEADER.id, "acme", "photo_processing")
    }


async def test_a_status_told_too_late_is_not_announced(history: HistoryWriter, queries: JobQueries) -> None:
    await history.apply([tell(HEADER, 9, header=HEADER, status=JobStatus.COMPLETED)])

    await history.apply([tell(HEADER, 3, status=JobStatus.PROCESSING)])

    assert [stored.status for stored in await queries.events_after(0, 10)] == [JobStatus.COMPLETED, None]


async def test_without_a_header_there_is_no_row_but_the_events_are_kept(
    history: HistoryWriter, queries: JobQueries
) -> None:
    await history.apply([tell(HEADER, 3, status=JobStatus.PROCESSING)])

    assert await queries.get(HEADER.id) is None
    assert len(await queries.events_after(0, 10)) == 1


async def test_a_payload_told_later_fills_the_gap_and_changes_nothing_else(
    history: HistoryWriter, queries: JobQueries
) -> None:
    await history.apply([tell(HEADER, 1, header=HEADER)])

    for payload in ({"a": 1}, {"a": 2}):
        await history.apply([tell(HEADER, 1, payload=payload)])

    job = await queries.get(HEADER.id)
    assert job == Job.accepted(HEADER, {"a": 1})


async def test_text_that_databases_refuse_is_written_all_the_same(history: HistoryWriter, queries: JobQueries) -> None:
    odd = "nul \0 and half a \ud83d character"
    event = JobEvent(key="odd\0", at=at(1), kind="failed", message=odd, details={"text": odd, "number": float("nan")})

    await history.apply(
        [tell(HEADER, 1, header=HEADER, payload={"text": odd}, result=float("inf"), worker=odd, events=(event,))]
    )

    job = await queries.get(HEADER.id)
    stored = (await queries.events_after(0, 1))[0].event
    assert job is not None
    assert (job.payload, job.worker) == ({"text": odd}, "nul \ufffd and half a \ufffd character")
    assert (stored.message, stored.details) == (job.worker, {"text": odd, "number": None})


async def test_two_tellers_of_a_new_job_make_one_row(history: HistoryWriter, queries: JobQueries) -> None:
    await asyncio.gather(*(history.apply([change, change]) for change in hard_life(HEADER)))
    await history.apply(hard_life(HEADER))

    job = await queries.get(HEADER.id)
    assert job is not None
    assert (job.status, job.attempts, job.processed_at) == (JobStatus.COMPLETED, 3, at(2))


async def test_a_tail_reader_misses_no_event_of_concurrent_writers(
    database: Database, history: HistoryWriter, intake: Intake, queries: JobQueries
) -> None:
    headers = [make_header(str(number)) for number in range(6)]
    seen: list[int] = []
    done = asyncio.Event()

    async def write(number: int) -> None:
        header = headers[number]
        await intake.accept(header, {}, accepted(header), None)
        for step in range(1, 13):
            other = headers[(number + step) % len(headers)]
            await history.apply([tell(header, step), tell(other, step + 100 + number / 10)])

    async def read() -> None:
        while not done.is_set() or (seen and seen[-1] < await queries.last_event_id()):
            seen.extend([stored.id for stored in await queries.events_after(seen[-1] if seen else 0, 7)])
            await asyncio.sleep(0)

    reader = asyncio.create_task(read())
    await asyncio.gather(*(write(number) for number in range(len(headers))))
    done.set()
    await reader

    assert seen == [stored.id for stored in await queries.events_after(0, 1000)]
    assert len(seen) == len(headers) * 25


@pytest.mark.postgres
async def test_no_later_event_is_seen_before_an_earlier_one(full_postgres_url: str) -> None:
    database = Database(full_postgres_url)
    queries = JobQueries(database)
    first, second = make_header("first"), make_header("second")

    async with database.write() as connection:
        await append_events(connection, [(tell(first, 1), None)], Sealer(None))
        later = asyncio.create_task(HistoryWriter(database).apply([tell(second, 2)]))
        await _until_somebody_waits(database)
        assert await queries.events_after(0, 9) == []
    await later

    assert [stored.job_id for stored in await queries.events_after(0, 9)] == [first.id, second.id]
    await database.close()


async def _until_somebody_waits(database: Database) -> None:
    waiting = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
    async with asyncio.timeout(2), database.read() as connection:
        while not await connection.scalar(waiting):
            pass


async def test_what_steps_told_before_there_was_a_row_is_in_the_row_made_later(
    history: HistoryWriter, queries: JobQueries
) -> None:
    header = make_header("late")
    names = {"job_id": header.id, "tenant_id": header.tenant_id, "job_type": header.job_type}
    began = JobEvent(
        key="run:step:1:2:step_started", at=at(3), kind="step_started", message="", attempt=2, details={"worker": "w-1"}
    )
    await history.apply([JobChange(**names, at=at(3), status=JobStatus.RETRYING, attempts=2, events=(began,))])

    await history.apply([JobChange(**names, at=at(9), header=header, status=JobStatus.COMPLETED, completed_at=at(9))])
    job = await queries.get(header.id)

    assert job is not None
    assert (job.status, job.attempts, job.processed_at, job.worker) == (JobStatus.COMPLETED, 2, at(3), "w-1")
