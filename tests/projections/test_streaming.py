"""What streams of all jobs ask the read model."""

import asyncio
import itertools
from collections.abc import Sequence

from api.stream import Tail
from contracts.jobs import JobFailure, JobStatus
from dashboard.live import Live
from readmodel.events import StoredEvent
from readmodel.filters import JobFilter
from readmodel.history import HistoryWriter
from readmodel.jobs import JobQueries
from tests.projections.samples import OUT_OF_TIME, accepted, full_header, hard_life, make_header, tell


async def test_fitting_tells_of_each_job_with_a_row_what_a_list_would_show(
    history: HistoryWriter, queries: JobQueries
) -> None:
    full, plain = full_header(), make_header("plain")
    await history.apply([tell(full, 0, header=full), tell(plain, 0, header=plain)])
    jobs = [full.id, plain.id, "acme:photo_processing:no-row"]
    filters = [
        JobFilter(tenant_id=None),
        JobFilter(tenant_id="acme", tags=("shoes",)),
        JobFilter(tenant_id=None, priorities=(full.priority,)),
        JobFilter(tenant_id=None, schedule_id="nightly"),
        JobFilter(tenant_id=None, flow_id="flow-1"),
        JobFilter(tenant_id=None, correlation_id="c-1"),
        JobFilter(tenant_id=None, parent_job_id="acme:migration:0"),
        JobFilter(tenant_id=None, q="WINT"),
        JobFilter(tenant_id="other"),
    ]

    for wanted in filters:
        listed = {job.id for job in (await queries.list(wanted, 50))[0]}
        assert await queries.fitting(wanted, jobs) == {full.id: full.id in listed, plain.id: plain.id in listed}, wanted
    assert await queries.fitting(JobFilter(tenant_id=None), []) == {}


async def test_errors_are_those_of_the_jobs_that_have_one(history: HistoryWriter, queries: JobQueries) -> None:
    failed, fine = make_header("failed"), make_header("fine")
    declined = JobFailure(type="Declined", message="card declined", retryable=False)
    await history.apply([*hard_life(fine), tell(failed, 1, header=failed, status=JobStatus.FAILED, error=declined)])

    assert await queries.errors([failed.id, fine.id, "none"]) == {failed.id: declined}
    assert OUT_OF_TIME not in (await queries.errors([fine.id])).values()


async def test_the_event_that_makes_a_row_tells_the_status_of_its_acceptance(
    history: HistoryWriter, queries: JobQueries
) -> None:
    new, late = make_header("new"), make_header("late")
    await history.apply([tell(late, 5, "completed", header=late, status=JobStatus.COMPLETED)])

    await history.apply([accepted(new).model_copy(update={"header": new})])
    await history.apply([accepted(late).model_copy(update={"header": late})])

    told = [(event.job_id, event.status) for event in await queries.events_after(0, 10)]
    assert told == [(late.id, JobStatus.COMPLETED), (new.id, JobStatus.PENDING), (late.id, None)]


async def test_a_tab_that_cannot_be_told_takes_no_news_from_the_others(
    history: HistoryWriter, queries: JobQueries
) -> None:
    tail = Tail(queries)
    live = Live(tail, queries)
    heard: asyncio.Queue[str] = asyncio.Queue()
    numbers = itertools.count()

    async def something_happens() -> str:
        header = make_header(str(next(numbers)))
        await history.apply([tell(header, 0, header=header)])
        return header.id

    def fails(_: Sequence[StoredEvent]) -> None:
        raise AttributeError("half built")

    def hears(entries: Sequence[StoredEvent]) -> None:
        for entry in entries:
            heard.put_nowait(entry.job_id)

    async with tail.running(), live.running(), asyncio.timeout(60):
        with live.listening(fails), live.listening(hears):
            while heard.empty():  # nobody is told what happened before the log is followed
                await something_happens()
                await asyncio.sleep(0.05)
            last = await something_happens()

            while await heard.get() != last:
                pass
