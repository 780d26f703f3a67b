from typing import Any

import pytest

from contracts.errors import InvalidInput
from contracts.jobs import JobHeader, JobMetadata, JobStatus, Priority
from readmodel.filters import JobFilter
from readmodel.history import HistoryWriter
from readmodel.intake import Intake
from readmodel.jobs import LARGEST_LISTED_RESULT, JobQueries
from tests.projections.samples import accepted, at, full_header, make_header, tell

ALL = JobFilter(tenant_id=None)


async def _make(history: HistoryWriter, *headers: JobHeader) -> list[str]:
    await history.apply([tell(header, 0, header=header) for header in headers])
    return [header.id for header in headers]


async def _ids(queries: JobQueries, **fields: Any) -> list[str]:
    """Any: any fields of a filter."""
    items, _ = await queries.list(JobFilter(**{"tenant_id": None, **fields}), 50)
    return [job.id for job in items]


async def test_pages_show_every_job_once_newest_first(history: HistoryWriter, queries: JobQueries) -> None:
    headers = [make_header(str(number), created_at=at(number // 3)) for number in range(10)]
    ids = await _make(history, *headers)

    pages: list[list[str]] = []
    cursor: str | None = None
    while not pages or cursor:
        items, cursor = await queries.list(ALL, 4, cursor)
        pages.append([job.id for job in items])
        await _make(history, make_header(f"new{len(pages)}", created_at=at(100)))

    assert pages == [[*reversed(ids[6:])], [*reversed(ids[2:6])], [*reversed(ids[:2])]]


@pytest.mark.parametrize(
    "cursor", ["", "x", "ää", "bm9uc2Vuc2U", "WzEsMl0", "W10", "WyIyMDI2LTExLTIyIiwgImEiXQ", "=" * 9]
)
async def test_an_unknown_cursor_is_refused(queries: JobQueries, cursor: str) -> None:
    with pytest.raises(InvalidInput, match="cursor"):
        await queries.list(ALL, 5, cursor)


async def test_a_filter_shows_what_agrees_with_all_of_it(history: HistoryWriter, queries: JobQueries) -> None:
    full = full_header()
    plain, theirs = make_header("plain", created_at=at(5)), make_header("theirs", tenant_id="other", created_at=at(6))
    await _make(history, full, plain, theirs)
    await history.apply([tell(plain, 9, status=JobStatus.COMPLETED)])

    for fields, ids in (
        ({}, [theirs.id, plain.id, full.id]),
        ({"tenant_id": "acme"}, [plain.id, full.id]),
        ({"statuses": (JobStatus.PENDING,)}, [theirs.id, full.id]),
        ({"statuses": (JobStatus.PENDING, JobStatus.COMPLETED), "tenant_id": "acme"}, [plain.id, full.id]),
        ({"priorities": (Priority.HIGH, Priority.CRITICAL)}, [full.id]),
        ({"job_types": ("photo_processing", "migration")}, [theirs.id, plain.id, full.id]),
        ({"job_types": ("migration",)}, []),
        ({"tags": ("shoes",)}, [full.id]),
        ({"tags": ("sho",)}, []),
        ({"correlation_id": "c-1"}, [full.id]),
        ({"parent_job_id": "acme:migration:0"}, [full.id]),
        ({"flow_id": "flow-1"}, [full.id]),
        ({"depends_on": "acme:migration:1"}, [full.id]),
        ({"depends_on": "acme:migration:2"}, []),
        ({"schedule_id": "nightly"}, [full.id]),
        ({"created_after": at(5)}, [theirs.id, plain.id]),
        ({"created_before": at(5)}, [full.id]),
        ({"tags": ("shoes",), "tenant_id": "other"}, []),
    ):
        assert await _ids(queries, **fields) == ids, fields


async def test_free_text_is_taken_literally(history: HistoryWriter, queries: JobQueries) -> None:
    percent = make_header("a", tags=("100%", "Größe"))
    under = make_header("b_c", metadata=JobMetadata(correlation_id="Order/7"))
    await _make(history, percent, under)

    for q, ids in (
        ("%", [percent.id]),
        ("_c", [under.id]),
        ("0%", [percent.id]),
        ("/7", [under.id]),
        ("oRDer", [under.id]),
        ("größe", [percent.id]),
        ("ACME:", [under.id, percent.id]),
        ("a%c", []),
        ("\\", []),
        ("\0", []),
    ):
        assert await _ids(queries, q=q) == ids, q


async def test_a_large_result_is_left_out_of_lists_only(history: HistoryWriter, queries: JobQueries) -> None:
    small, large = "x" * (LARGEST_LISTED_RESULT - 2), "x" * (LARGEST_LISTED_RESULT - 1)
    for key, result in (("1", small), ("2", large)):
        header = make_header(key, created_at=at(int(key)))
        await history.apply([tell(header, 3, header=header, status=JobStatus.COMPLETED, result=result)])

    items, _ = await queries.list(ALL, 5)
    whole = await queries.get(items[0].id)

    assert [(job.result, job.result_omitted) for job in items] == [(None, True), (small, False)]
    assert whole is not None
    assert (whole.result, whole.result_omitted) == (large, False)


async def test_times_are_never_negative(history: HistoryWriter, queries: JobQueries) -> None:
    header = make_header(run_at=at(10))
    early = tell(header, 4, header=header, status=JobStatus.COMPLETED, processed_at=at(5), completed_at=at(4))

    await history.apply([early])

    job = await queries.get(header.id)
    assert job is not None
    assert (job.wait_time, job.processing_time) == (0, 0)


async def test_the_events_of_a_job_come_in_pages(history: HistoryWriter, queries: JobQueries) -> None:
    header, other = make_header(), make_header("other")
    for number in range(5):
        await history.apply([tell(header, number), tell(other, number)])

    first, cursor = await queries.events(header.id, None, 3)
    second, end = await queries.events(header.id, cursor, 3)

    assert [stored.event.at for stored in (*first, *second)] == [at(number) for number in range(5)]
    assert (len(first), end) == (3, None)


@pytest.mark.parametrize("cursor", ["", "-1", "x", "1.5", "9" * 19, "9" * 5000, "²"])
async def test_an_unknown_event_cursor_is_refused(queries: JobQueries, cursor: str) -> None:
    with pytest.raises(InvalidInput, match="cursor"):
        await queries.events("acme:x:1", cursor, 5)


async def test_the_tail_goes_on_from_the_last_event(history: HistoryWriter, queries: JobQueries) -> None:
    header = make_header()
    assert await queries.last_event_id() == 0

    await history.apply([tell(header, 1)])
    last = await queries.last_event_id()
    await history.apply([tell(header, 2)])

    assert [stored.event.at for stored in await queries.events_after(last, 9)] == [at(2)]


async def test_open_jobs_are_those_that_somebody_has_to_look_after(
    history: HistoryWriter, intake: Intake, queries: JobQueries
) -> None:
    waiting, dead, ended, young, unstarted = (make_header(str(number)) for number in range(5))
    young = young.model_copy(update={"created_at": at(60)})
    await _make(history, waiting, dead, ended, young)
    await history.apply([tell(dead, 1, status=JobStatus.DEAD), tell(ended, 1, status=JobStatus.CANCELLED)])
    await intake.accept(unstarted, {}, accepted(unstarted), None)

    assert await queries.open_jobs(at(60), "", 9) == [waiting.id, dead.id]
    assert await queries.open_jobs(at(60), "", 1) == [waiting.id]
    assert await queries.open_jobs(at(60), waiting.id, 9) == [dead.id]
    assert await queries.standings([waiting.id, ended.id, "acme:x:none"]) == {
        waiting.id: JobStatus.PENDING,
        ended.id: JobStatus.CANCELLED,
    }
