import asyncio
import time
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from activities.repair import RepairActivities
from contracts.history import JobChange
from contracts.jobs import JobHeader, JobStatus
from contracts.repair import RepairInput
from readmodel.cleaning import Cleaning, EndedJobs
from readmodel.database import Database
from readmodel.history import HistoryWriter
from readmodel.intake import Intake
from readmodel.jobs import JobQueries
from readmodel.rollups import Grain
from readmodel.tables import (
    Base,
    JobCountRow,
    JobDependencyRow,
    JobEventRow,
    JobRow,
    JobTagRow,
    OutboxRow,
    RemovedJobRow,
)
from tests.projections.samples import accepted, at, full_header, hard_life, make_header, tell
from tests.projections.statements import selects

COMPLETED = EndedJobs(JobStatus.COMPLETED, before=at(1000))


BATCH = 20


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove a few jobs in one transaction, so that a test needs few of them."""
    monkeypatch.setattr("readmodel.cleaning.BATCH", BATCH)


@pytest.fixture
def cleaning(database: Database) -> Cleaning:
    return Cleaning(database, clock=lambda: at(2000))


async def end(history: HistoryWriter, *headers: JobHeader, **fields: Any) -> None:
    """Write jobs that ended; Any: any fields of the last change."""
    change = {"status": JobStatus.COMPLETED, "completed_at": at(500), **fields}
    await history.apply([tell(header, 500, header=header, **change) for header in headers])


async def left(database: Database, table: type[Base] = JobRow) -> int:
    async with database.read() as connection:
        return await connection.scalar(select(func.count()).select_from(table)) or 0


async def test_a_removed_job_leaves_no_row_of_its_own(
    database: Database, history: HistoryWriter, intake: Intake, cleaning: Cleaning
) -> None:
    header = full_header()
    await intake.accept(header, {}, accepted(header), None)
    await end(history, header)

    assert await cleaning.clean(COMPLETED, 10) == (1, False)

    for table in (JobRow, JobTagRow, JobDependencyRow, JobEventRow, OutboxRow):
        assert await left(database, table) == 0, table


async def test_only_the_jobs_that_agree_with_everything_are_removed(
    history: HistoryWriter, queries: JobQueries, cleaning: Cleaning
) -> None:
    ours, theirs, other = make_header("1"), make_header("1", tenant_id="other"), make_header("1", job_type="migration")
    late, failed, open_one = make_header("late"), make_header("failed"), make_header("open")
    await end(history, ours, theirs, other)
    await end(history, late, completed_at=at(1000))
    await end(history, failed, status=JobStatus.FAILED)
    await history.apply([tell(open_one, 1, header=open_one)])
    which = EndedJobs(JobStatus.COMPLETED, at(1000), job_type="photo_processing", tenant_id="acme")

    counted = await cleaning.count(which)
    removed, _ = await cleaning.clean(which, 10)

    every = [header.id for header in (ours, theirs, other, late, failed, open_one)]
    assert (counted, removed) == (1, 1)
    assert set(await queries.standings(every)) == set(every) - {ours.id}


async def test_a_job_that_an_open_one_waits_for_stays(
    history: HistoryWriter, queries: JobQueries, cleaning: Cleaning
) -> None:
    needed, done_with = make_header("needed"), make_header("done-with")
    waiting = make_header("waiting", depends_on=(needed.id, done_with.id))
    waited = make_header("waited", depends_on=(done_with.id,))
    await end(history, needed, done_with, waited)
    await history.apply([tell(waiting, 1, header=waiting)])

    assert await cleaning.count(COMPLETED) == 1
    assert await cleaning.clean(COMPLETED, 10) == (1, False)
    assert set(await queries.standings([needed.id, done_with.id])) == {needed.id, done_with.id}

    await end(history, waiting)

    assert await cleaning.clean(COMPLETED, 10) == (3, False)


async def test_what_was_counted_stays_counted(database: Database, history: HistoryWriter, cleaning: Cleaning) -> None:
    await end(history, make_header())
    await cleaning.clean(COMPLETED, 10)

    await end(history, make_header())

    query = select(JobCountRow.count).where(JobCountRow.grain == Grain.TOTAL)
    async with database.read() as connection:
        assert (await connection.scalars(query)).all() == [1]


async def test_nothing_told_late_brings_a_removed_job_back(
    database: Database, history: HistoryWriter, cleaning: Cleaning
) -> None:
    header = make_header()
    life = hard_life(header)
    await history.apply(life)
    await cleaning.clean(COMPLETED, 10)

    for change in life:
        await history.apply([change])
        await history.apply([change.model_copy(update={"header": header})])
    await history.apply(life)

    assert (await left(database), await left(database, JobEventRow)) == (0, 0)


async def test_other_jobs_are_written_beside_a_removed_one(
    history: HistoryWriter, queries: JobQueries, cleaning: Cleaning
) -> None:
    gone, there = make_header("gone"), make_header("there")
    await end(history, gone)
    await cleaning.clean(COMPLETED, 10)

    await end(history, gone, there)

    assert await queries.standings([gone.id, there.id]) == {there.id: JobStatus.COMPLETED}
    assert [stored.job_id for stored in await queries.events_after(0, 10)] == [there.id]


class Ledger:
    """A `JobLedger` that knows one ended job."""

    def __init__(self, change: JobChange) -> None:
        self._change = change

    async def executions(self, since: Any) -> Any:
        """Any: an asynchronous generator's types."""
        from contracts.ports import Execution

        yield Execution(self._change.job_id, ended=True)

    async def reconstruct(self, job_id: str) -> JobChange:
        return self._change


class NoOthers:
    """An `OtherJobs` for a repair that finds nobody to tell."""


@pytest.mark.parametrize("deep", [False, True])
async def test_the_repair_does_not_bring_a_removed_job_back(
    database: Database, history: HistoryWriter, queries: JobQueries, cleaning: Cleaning, *, deep: bool
) -> None:
    header = make_header()
    await end(history, header)
    await cleaning.clean(COMPLETED, 10)
    known = tell(header, 3000, header=header, status=JobStatus.COMPLETED, completed_at=at(500))
    repair = RepairActivities(Ledger(known), history, queries, NoOthers())  # type: ignore[arg-type]  # asked nothing

    await repair.repair(RepairInput(deep=deep))

    assert (await left(database), await left(database, JobEventRow)) == (0, 0)


async def test_a_new_job_under_the_id_of_a_removed_one_is_a_job(
    history: HistoryWriter, queries: JobQueries, cleaning: Cleaning
) -> None:
    await end(history, make_header())
    await cleaning.clean(COMPLETED, 10)
    again = make_header(created_at=at(2001))

    await history.apply([tell(again, 2002, header=again, status=JobStatus.PROCESSING)])

    assert await queries.standings([again.id]) == {again.id: JobStatus.PROCESSING}


async def test_cleaning_goes_on_until_nothing_is_left_to_remove(
    database: Database, history: HistoryWriter, cleaning: Cleaning
) -> None:
    headers = [make_header(f"{n:04}", created_at=at(n / 10)) for n in range(2 * BATCH + 10)]
    await end(history, *headers)

    first = await cleaning.clean(COMPLETED, BATCH + 5)
    second = await cleaning.clean(COMPLETED, 10_000)

    assert (first, second) == ((BATCH + 5, True), (BATCH + 5, False))
    assert await left(database) == 0


async def test_the_oldest_are_removed_first(history: HistoryWriter, queries: JobQueries, cleaning: Cleaning) -> None:
    headers = [make_header(key, created_at=at(second)) for key, second in (("b", 1), ("c", 2), ("a", 3))]
    for second, header in enumerate(headers):
        await end(history, header, completed_at=at(second + 10))

    for tenant_id in (None, "acme"):
        await cleaning.clean(EndedJobs(JobStatus.COMPLETED, at(1000), tenant_id=tenant_id), 1)

    assert set(await queries.standings([header.id for header in headers])) == {headers[-1].id}


async def test_cleaning_stops_in_time(database: Database, history: HistoryWriter, cleaning: Cleaning) -> None:
    await end(history, make_header())

    assert await cleaning.clean(COMPLETED, 10, until=time.monotonic()) == (0, True)
    assert await left(database) == 1


async def test_many_at_once_remove_each_job_once_and_writers_go_on(database: Database, history: HistoryWriter) -> None:
    headers = [make_header(f"{chr(65 + n % 2 * 32)}{n}") for n in range(5 * BATCH)]
    await end(history, *headers)
    late = [tell(header, 600, processed_at=at(600)) for header in headers]

    async def write() -> int:
        for begin in range(0, len(late), BATCH):
            await history.apply(late[begin : begin + BATCH])
        return 0

    async def clean() -> int:
        return (await Cleaning(database, lambda: at(2000)).clean(COMPLETED, 1000))[0]

    removed = await asyncio.gather(clean(), write(), clean(), write())

    assert sum(removed) == len(headers)
    assert (await left(database), await left(database, JobEventRow)) == (0, 0)


async def test_cleaning_that_is_cut_off_leaves_no_half_of_a_job(database: Database, history: HistoryWriter) -> None:
    headers = [make_header(f"{n:03}", tags=("a",), created_at=at(n / 10)) for n in range(3 * BATCH)]
    await end(history, *headers)

    cleaner = asyncio.create_task(Cleaning(database, lambda: at(2000)).clean(COMPLETED, 10_000))
    async with asyncio.timeout(20):
        while await left(database) == len(headers):
            await asyncio.sleep(0)
    cleaner.cancel()
    await asyncio.wait({cleaner})

    async with database.read() as connection:
        rows, tagged, told, buried = [
            set((await connection.scalars(select(column))).all())
            for column in (JobRow.id, JobTagRow.job_id, JobEventRow.job_id, RemovedJobRow.job_id)
        ]
    assert rows == tagged == told == {header.id for header in headers} - buried
    assert len(buried) >= BATCH


@pytest.mark.postgres
async def test_rows_are_locked_in_the_order_of_every_writer(full_postgres_url: str) -> None:
    database = Database(full_postgres_url)
    await end(HistoryWriter(database), make_header())

    with selects(database) as seen:
        await Cleaning(database, lambda: at(2000)).clean(COMPLETED, 10)

    locking = [statement for statement, _ in seen if "FOR UPDATE" in statement]
    assert [statement.partition("ORDER BY ")[2] for statement in locking] == [
        'jobs.id COLLATE "C" FOR UPDATE OF jobs'  # as Python sorts, whatever the database's own order is
    ]
    await database.close()


def test_the_time_before_which_jobs_ended_bounds_when_they_were_accepted() -> None:
    conditions = " and ".join(str(each) for each in EndedJobs(JobStatus.FAILED, at(0) - timedelta(days=1)).conditions())

    assert "jobs.created_at <" in conditions
