"""Flows in both databases: all of their jobs or nothing, once, and how they are shown."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from contracts.audit import SYSTEM
from contracts.errors import InvalidInput
from contracts.flows import FlowAccepted, FlowEdge, FlowStatus
from contracts.history import JobChange, accepted_event
from contracts.jobs import JobFailure, JobHeader, JobStatus, Progress
from readmodel.claims import key_values
from readmodel.cleaning import Cleaning, EndedJobs
from readmodel.database import Database
from readmodel.flows import Flows, NewFlow, Successor
from readmodel.history import HistoryWriter
from readmodel.intake import Intake, Submission
from readmodel.jobs import JobQueries
from readmodel.tables import FlowRow, IdempotencyKeyRow, JobEventRow, JobRow, OutboxRow
from tests.projections.samples import NOON, at, make_header, tell

TABLES = (FlowRow, JobRow, JobEventRow, OutboxRow, IdempotencyKeyRow)


@pytest.fixture
def flows(database: Database) -> Flows:
    return Flows(database)


def a_job(header: JobHeader) -> Submission:
    accepted = (accepted_event(header, "key:k1"),)
    names = {"job_id": header.id, "tenant_id": header.tenant_id, "job_type": header.job_type}
    change = JobChange(**names, at=header.created_at, status=JobStatus.PENDING, events=accepted)
    return Submission(header, {"photos": [1]}, change)


def a_flow(
    key: str = "f", tenant_id: str = "acme", seconds: float = 0, **more: Any
) -> tuple[NewFlow, list[Submission]]:
    """Return a flow of two jobs, `cut` and `print`, of which the second waits for the first."""
    flow_id, created_at = f"{tenant_id}:flow:{key}", at(seconds)
    cut = make_header(f"{key}.cut", tenant_id, flow_id=flow_id, created_at=created_at)
    last = make_header(f"{key}.print", tenant_id, flow_id=flow_id, created_at=created_at, depends_on=(cut.id,))
    refs = {"print": last.id, "cut": cut.id} if more.pop("turned", False) else {"cut": cut.id, "print": last.id}
    said = {"name": "cards", "request_hash": f"hash-{key}", "key": None} | more
    flow = NewFlow(id=flow_id, tenant_id=tenant_id, actor="key:k1", created_at=created_at, refs=refs, **said)
    return flow, [a_job(cut), a_job(last)]


async def rows(database: Database) -> list[int]:
    async with database.read() as connection:
        return [await connection.scalar(select(func.count()).select_from(table)) or 0 for table in TABLES]


async def test_a_flow_is_written_with_its_jobs_due_at_once(
    flows: Flows, intake: Intake, database: Database, queries: JobQueries
) -> None:
    flow, jobs = a_flow(key="k", name="cards", request_hash="h")

    accepted = await flows.accept(flow, jobs)
    due = await intake.take_due(10, NOON)
    stored = await queries.get(flow.refs["print"])

    assert accepted == (
        FlowAccepted(id=flow.id, name="cards", tenant_id="acme", created_at=NOON, jobs=flow.refs),
        True,
    )
    assert {entry.header.id for entry in due} == set(flow.refs.values())
    assert await rows(database) == [1, 2, 2, 2, 0]
    assert stored is not None
    assert (stored.flow_id, stored.depends_on) == (flow.id, (flow.refs["cut"],))


async def test_a_job_id_that_is_taken_leaves_nothing_of_the_flow(
    flows: Flows, intake: Intake, database: Database
) -> None:
    other = make_header("f.print", request_hash="another")
    await intake.accept_many([a_job(other)])
    flow, jobs = a_flow(key="f", tenant_id="acme")

    with pytest.raises(InvalidInput, match=r"f\.print"):
        await flows.accept(NewFlow(**{**vars(flow), "key": "f"}), jobs)

    assert await rows(database) == [0, 1, 1, 1, 0]


async def test_a_job_that_was_submitted_by_itself_does_not_become_part_of_a_flow(
    flows: Flows, intake: Intake, database: Database
) -> None:
    flow, jobs = a_flow()
    await intake.accept_many(jobs[:1])

    with pytest.raises(InvalidInput, match=r"a job 'acme:photo_processing:f\.cut' already"):
        await flows.accept(flow, jobs)

    assert await rows(database) == [0, 1, 1, 1, 0]


async def test_ten_equal_requests_at_once_make_one_flow(flows: Flows, database: Database) -> None:
    flow, jobs = a_flow()
    keyed = NewFlow(**{**vars(flow), "key": "once"})

    answers = await asyncio.gather(*(flows.accept(keyed, jobs) for _ in range(10)))

    assert len({accepted.model_dump_json() for accepted, _ in answers}) == 1
    assert sum(new for _, new in answers) == 1
    assert await rows(database) == [1, 2, 2, 2, 1]
    assert await flows.repeated(keyed) == answers[0][0]


async def test_a_key_used_for_another_request_is_refused(flows: Flows, intake: Intake, database: Database) -> None:
    flow, jobs = a_flow()
    keyed = NewFlow(**{**vars(flow), "key": "k"})
    await flows.accept(keyed, jobs)
    await intake.remember("acme", "job", "some-hash", "acme:photo_processing:job")

    for other in (
        NewFlow(**{**vars(keyed), "request_hash": "another"}),
        NewFlow(**{**vars(keyed), "key": "job"}),
    ):
        with pytest.raises(InvalidInput, match="was used for another request"):
            await flows.repeated(other)
        with pytest.raises(InvalidInput, match="was used for another request"):
            await flows.accept(other, jobs)
    assert await rows(database) == [1, 2, 2, 2, 2]


async def test_a_key_that_was_forgotten_still_finds_its_flow_and_no_other(
    flows: Flows, intake: Intake, database: Database
) -> None:
    flow, jobs = a_flow()
    keyed = NewFlow(**{**vars(flow), "key": "k"})
    first, _ = await flows.accept(keyed, jobs)
    await intake.forget_keys(NOON + timedelta(days=10_000))

    again = await flows.accept(keyed, jobs)
    await intake.forget_keys(NOON + timedelta(days=10_000))
    changed = a_job(jobs[0].header.model_copy(update={"request_hash": "another"}))

    assert again == (first, False)
    with pytest.raises(InvalidInput, match="was used for another request"):
        await flows.accept(keyed, [changed, jobs[1]])
    with pytest.raises(InvalidInput, match="was used for another request"):
        await flows.accept(NewFlow(**{**vars(keyed), "name": "other"}), jobs)
    assert await rows(database) == [1, 2, 2, 2, 0]


async def test_a_flow_shows_its_jobs_by_ref_in_their_order(flows: Flows, history: HistoryWriter) -> None:
    flow, jobs = a_flow(turned=True)
    await flows.accept(flow, jobs)
    broken = JobFailure(type="Unavailable", message="no answer", retryable=True)
    cut, last = jobs[0].header, jobs[1].header
    await history.apply(
        [
            tell(cut, 1, "step_started", status=JobStatus.PROCESSING, attempts=1, processed_at=at(1)),
            tell(cut, 2, "progress", progress=Progress(done=1, total=2, unit="photo")),
            tell(cut, 3, "failed", status=JobStatus.FAILED, completed_at=at(3), error=broken),
            tell(last, 4, "cancelled", status=JobStatus.CANCELLED, completed_at=at(4)),
        ]
    )

    shown = await flows.get(flow.id)

    assert shown is not None
    assert [job.ref for job in shown.jobs] == ["print", "cut"]
    assert shown.edges == (FlowEdge(from_="cut", to="print"),)
    assert (shown.status, shown.ended_at, shown.actor) == (FlowStatus.FAILED, at(4), "key:k1")
    assert shown.progress == Progress(done=2, total=2, unit="job")
    assert shown.counts == {JobStatus.FAILED: 1, JobStatus.CANCELLED: 1}
    assert (shown.jobs[1].error, shown.jobs[1].attempts, shown.jobs[1].processed_at) == (broken, 1, at(1))
    assert shown.jobs[1].redact().error == broken.model_copy(update={"message": None})
    assert await flows.get("acme:flow:none") is None


async def test_of_two_that_take_one_place_in_a_flow_one_does(flows: Flows, intake: Intake) -> None:
    flow, jobs = a_flow(key="k")
    await flows.accept(flow, jobs)
    heirs = [a_job(make_header(f"heir-{number}", flow_id=flow.id)) for number in range(2)]
    steps = [[Successor("cut", jobs[0].header.id, heir)] for heir in heirs]
    mine = [key_values(("acme", "again"), "hash", heir.header.id) for heir in heirs]

    answers = await asyncio.gather(*(flows.go_on(flow.id, step, SYSTEM) for step in steps), return_exceptions=True)
    shown = await flows.get(flow.id)
    assert shown is not None
    won = shown.jobs[0].id
    (next_one,) = (heir for heir in heirs if heir.header.id != won)
    again = [Successor("cut", won, next_one)]
    first, second = [await flows.go_on(flow.id, again, SYSTEM, claimed) for claimed in mine]
    later = await flows.get(flow.id)
    replayed, new = await flows.accept(flow, jobs)

    assert sorted(type(answer).__name__ for answer in answers) == ["Conflict", "NoneType"]
    assert (first, second) == (None, mine[0]["resource_id"])
    assert later is not None
    assert (later.jobs[0].id, later.jobs[0].earlier) == (next_one.header.id, (jobs[0].header.id, won))
    assert later.jobs[1].depends_on == ("cut",)
    assert (replayed.jobs, new) == (flow.refs, False)


async def test_flows_are_listed_newest_first_with_where_they_stand(flows: Flows, history: HistoryWriter) -> None:
    for place in range(5):
        flow, jobs = a_flow(str(place), "acme" if place % 2 else "other", seconds=place)
        await flows.accept(flow, jobs)
        if place == 3:
            ends = [tell(job.header, 9, "completed", status=JobStatus.COMPLETED, completed_at=at(9)) for job in jobs]
            await history.apply(ends)

    first, cursor = await flows.list(None, 3)
    second, end = await flows.list(None, 3, cursor)
    own, _ = await flows.list("acme", 3)

    assert [flow.id.split(":")[2] for flow in (*first, *second)] == ["4", "3", "2", "1", "0"]
    assert [flow.id.split(":")[2] for flow in own] == ["3", "1"]
    assert [(flow.status, flow.progress.done, flow.ended_at) for flow in own] == [
        (FlowStatus.COMPLETED, 2, at(9)),
        (FlowStatus.PENDING, 0, None),
    ]
    assert end is None
    with pytest.raises(InvalidInput):
        await flows.list(None, 3, "nonsense")


async def test_a_flow_outlives_jobs_that_were_cleaned_away(
    flows: Flows, history: HistoryWriter, database: Database
) -> None:
    flow, jobs = a_flow()
    await flows.accept(flow, jobs)
    ends = [tell(job.header, 9, "completed", status=JobStatus.COMPLETED, completed_at=at(9)) for job in jobs]
    await history.apply(ends)
    await Cleaning(database).clean(EndedJobs(JobStatus.COMPLETED, before=at(100)), limit=1)

    shown = await flows.get(flow.id)
    (listed,), _ = await flows.list("acme", 10)

    assert shown is not None
    assert sorted(job.status or "" for job in shown.jobs) == ["", "completed"]
    assert (shown.status, shown.progress.done, shown.counts) == (FlowStatus.COMPLETED, 2, {JobStatus.COMPLETED: 1})
    assert (listed.status, listed.progress) == (shown.status, shown.progress)
