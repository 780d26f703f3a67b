"""Which jobs wait long enough to rise in priority."""

from datetime import timedelta
from typing import Any

import pytest

from contracts.ageing import WaitingJob, aged
from contracts.jobs import JobHeader, JobStatus, Priority
from contracts.pauses import Pause
from contracts.values import ALL_TENANTS
from readmodel.database import Database
from readmodel.history import HistoryWriter
from readmodel.waiting import Waiting
from tests.projections.samples import at, make_header, tell

TEN = timedelta(minutes=10)


@pytest.mark.parametrize(
    ("priority", "minutes", "effective"),
    [
        ("low", 9.99, "low"),
        ("low", 10, "normal"),
        ("low", 19.99, "normal"),
        ("low", 20, "high"),
        ("low", 10_000, "high"),
        ("normal", 10, "high"),
        ("normal", 30, "high"),
        ("high", 10_000, "high"),
        ("critical", 10_000, "critical"),
        ("low", -5, "low"),
    ],
)
def test_a_job_rises_one_step_for_each_full_wait_and_never_to_critical(
    priority: str, minutes: float, effective: str
) -> None:
    assert aged(Priority(priority), timedelta(minutes=minutes), TEN) is Priority(effective)


def test_without_ageing_nothing_rises() -> None:
    assert aged(Priority.LOW, timedelta(days=9), timedelta(0)) is Priority.LOW
    assert aged(Priority.LOW, timedelta(days=9), timedelta(seconds=-1)) is Priority.LOW


@pytest.fixture
def waiting(database: Database) -> Waiting:
    return Waiting(database)


async def put(history: HistoryWriter, *headers: JobHeader) -> None:
    await history.apply([tell(header, 0, status=JobStatus.PENDING, header=header) for header in headers])


async def ids(waiting: Waiting, seconds: float, *skip: Pause) -> list[str]:
    return [job.id for job in await waiting.waiting(at(seconds), skip, None, 100)]


def low(key: str, seconds: float = 0, tenant_id: str = "acme", **fields: Any) -> JobHeader:
    """Any: any of its fields."""
    return make_header(key, tenant_id, created_at=at(seconds), **{"priority": Priority.LOW, **fields})


async def test_jobs_that_may_rise_are_given_oldest_first_with_their_own_priority(
    waiting: Waiting, history: HistoryWriter
) -> None:
    kinds = [(3, Priority.LOW), (1, Priority.NORMAL), (2, Priority.HIGH), (0, Priority.CRITICAL), (5, Priority.LOW)]
    await put(history, *(low(str(second), second, priority=priority) for second, priority in kinds))

    found = await waiting.waiting(at(5), (), None, 100)

    assert found == [
        WaitingJob(id="acme:photo_processing:1", priority=Priority.NORMAL, created_at=at(1), due_at=at(1)),
        WaitingJob(id="acme:photo_processing:3", priority=Priority.LOW, created_at=at(3), due_at=at(3)),
    ]


async def test_a_job_of_which_a_step_has_begun_or_that_has_ended_does_not_wait(
    waiting: Waiting, history: HistoryWriter
) -> None:
    begun, ended, waits = low("begun"), low("ended"), low("waits")
    await put(history, begun, ended, waits)
    await history.apply([tell(begun, 1, status=JobStatus.PROCESSING, attempts=1, processed_at=at(1))])
    await history.apply([tell(ended, 1, status=JobStatus.CANCELLED, completed_at=at(1))])

    assert await ids(waiting, 100) == [waits.id]


async def test_the_wait_begins_when_the_job_is_due(waiting: Waiting, history: HistoryWriter) -> None:
    later, turn = low("later", run_at=at(50)), low("turn", run_at=at(10), slot_at=at(60))
    await put(history, later, turn)

    found = await waiting.waiting(at(100), (), None, 100)

    assert await ids(waiting, 50) == []
    assert await ids(waiting, 60) == [later.id]
    assert [(job.id, job.due_at) for job in found] == [(later.id, at(50)), (turn.id, at(60))]


async def test_a_job_waits_for_its_turn_only_when_all_it_depends_on_has_ended(
    waiting: Waiting, history: HistoryWriter
) -> None:
    first, second = make_header("first"), make_header("second")
    job = low("job", depends_on=(first.id, second.id, "acme:photo_processing:cleaned-away"))
    await put(history, first, second, job)

    await history.apply([tell(first, 20, status=JobStatus.COMPLETED, completed_at=at(20))])
    assert job.id not in await ids(waiting, 500)
    await history.apply([tell(second, 40, status=JobStatus.FAILED, completed_at=at(40))])
    found = await waiting.waiting(at(500), (), None, 100)

    assert await ids(waiting, 40) == []
    assert [(each.id, each.due_at) for each in found] == [(job.id, at(40))]


async def test_jobs_under_a_pause_are_left_out(waiting: Waiting, history: HistoryWriter) -> None:
    mine, other, elsewhere = low("1"), low("1", tenant_id="bolt"), low("1", job_type="migration")
    await put(history, mine, other, elsewhere)
    pause = Pause(job_type="photo_processing", tenant_id="acme", reason="r", actor="a", since=at(0))
    whole = pause.model_copy(update={"tenant_id": ALL_TENANTS})

    assert await ids(waiting, 100, pause) == [elsewhere.id, other.id]
    assert await ids(waiting, 100, pause, whole) == [elsewhere.id]


async def test_batches_follow_one_another_without_gap_or_repeat(waiting: Waiting, history: HistoryWriter) -> None:
    await put(history, *(low(f"{number:02}", number // 3) for number in range(10)))

    found: list[WaitingJob] = []
    while batch := await waiting.waiting(at(100), (), found[-1] if found else None, 4):
        found += batch

    assert [job.id for job in found] == [f"acme:photo_processing:{number:02}" for number in range(10)]
