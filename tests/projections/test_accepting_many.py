"""Many jobs accepted in one transaction: each by itself."""

import asyncio
from datetime import timedelta

from contracts.errors import InvalidInput
from contracts.jobs import JobHeader, Priority
from readmodel.columns import utc_now
from readmodel.intake import MANY, RELAY_LEASE, START_GRACE, AcceptedJob, Answer, Intake, Submission
from readmodel.jobs import JobQueries
from tests.projections.samples import accepted, at, full_header, make_header


def submission(header: JobHeader, key: str | None = None) -> Submission:
    return Submission(header, {"of": header.id}, accepted(header), key)


def some(number: int, key: str | None = "k") -> list[Submission]:
    headers = [make_header(f"{n:04}", tags=("bulk", f"t{n % 3}")) for n in range(number)]
    return [submission(header, key and f"{key}:{n}") for n, header in enumerate(headers)]


def replayed(answers: list[Answer]) -> list[bool]:
    return [isinstance(answer, AcceptedJob) and answer.replayed for answer in answers]


async def test_many_jobs_are_rows_events_and_outbox_entries(intake: Intake, queries: JobQueries) -> None:
    submissions = [*some(MANY - 1), submission(full_header(), "full")]

    answers = await intake.accept_many(submissions)

    assert answers == [AcceptedJob(each.header, each.payload) for each in submissions]
    assert await intake.outbox_size() == MANY
    assert [event.job_id for event in await queries.events_after(0, 200)] == [each.header.id for each in submissions]
    job = await queries.get(full_header().id)
    assert job is not None
    assert (job.tags, job.depends_on, job.payload) == (
        ("winter", "shoes"),
        ("acme:migration:1",),
        {"of": full_header().id},
    )


async def test_the_same_jobs_again_are_the_first_ones(intake: Intake, queries: JobQueries) -> None:
    await intake.accept_many(some(9))
    await intake.started(*(each.header.id for each in some(9)))

    again = await intake.accept_many(some(12))

    assert replayed(again) == [True] * 9 + [False] * 3
    assert await intake.outbox_size() == 3
    assert len(await queries.events_after(0, 99)) == 12


async def test_one_refused_job_holds_back_no_other_and_leaves_no_key(intake: Intake, queries: JobQueries) -> None:
    taken = make_header("0001", request_hash="another request")
    await intake.accept(taken, {}, accepted(taken), None)

    first, refused, last = await intake.accept_many(some(3))

    assert isinstance(refused, InvalidInput)
    assert "'k:1' was used for another request" in str(refused)
    assert replayed([first, last]) == [False, False]
    assert len(await queries.events_after(0, 99)) == 3
    assert await intake.remember("acme", "k:1", "hash", "thing") is None


async def test_a_key_that_was_used_for_something_else_refuses_its_job_only(intake: Intake) -> None:
    await intake.remember("acme", "k:2", "the hash of an upload", "upload-1")

    answers = await intake.accept_many(some(4))

    assert [isinstance(answer, InvalidInput) for answer in answers] == [False, False, True, False]
    assert await intake.outbox_size() == 3


async def test_equal_requests_at_once_make_each_job_once(intake: Intake, queries: JobQueries) -> None:
    answers = await asyncio.gather(*(intake.accept_many(some(50)) for _ in range(6)))

    made = [sum(not again for again in column) for column in zip(*map(replayed, answers), strict=True)]
    assert made == [1] * 50
    assert await intake.outbox_size() == 50
    assert len(await queries.events_after(0, 200)) == 50


async def test_jobs_of_several_tenants_keep_their_keys_apart(intake: Intake) -> None:
    both = [submission(make_header("1", tenant_id=tenant), "k") for tenant in ("acme", "other")]

    assert replayed(await intake.accept_many(both)) == [False, False]
    assert replayed(await intake.accept_many(both)) == [True, True]


async def test_what_a_key_made_before_is_known_without_writing(intake: Intake) -> None:
    await intake.accept_many(some(2))
    other = submission(make_header("0001", request_hash="other"), "k:1")

    known = await intake.repeated(
        [some(1)[0], other, submission(make_header("new"), "new"), submission(make_header("x"))]
    )

    assert replayed(known[:1]) == [True]  # type: ignore[arg-type]  # the first is known
    assert isinstance(known[1], InvalidInput)
    assert known[2:] == [None, None]


async def test_nothing_accepts_nothing(intake: Intake) -> None:
    assert await intake.accept_many([]) == []
    assert await intake.repeated([]) == []


async def test_jobs_of_a_bulk_request_are_due_at_once_and_those_of_a_request_are_left_to_it(intake: Intake) -> None:
    now = utc_now()
    single = make_header("single", created_at=now)
    await intake.accept(single, {}, accepted(single), None)
    await intake.accept_many([submission(make_header("many", created_at=now))])

    assert [entry.header.id for entry in await intake.take_due(9, now)] == ["acme:photo_processing:many"]
    assert [entry.header.id for entry in await intake.take_due(9, now + START_GRACE)] == [single.id]


async def test_critical_jobs_are_started_first_then_the_longest_accepted(intake: Intake) -> None:
    wanted = {
        "old": make_header("old", created_at=at(0)),
        "low": make_header("low", created_at=at(0), priority=Priority.LOW),
        "new": make_header("new", created_at=at(5)),
        "critical": make_header("critical", created_at=at(9), priority=Priority.CRITICAL),
        "high": make_header("high", created_at=at(9), priority=Priority.HIGH),
    }
    await intake.accept_many([submission(header) for header in wanted.values()])

    entries = await intake.take_due(9, at(60))

    order = [entry.header.id.rpartition(":")[2] for entry in entries]
    assert order == ["critical", "high", "old", "new", "low"]


async def test_two_relays_get_different_jobs_until_the_lease_is_over(intake: Intake) -> None:
    await intake.accept_many(some(20))
    now = at(60)

    first, second = await asyncio.gather(intake.take_due(10, now), intake.take_due(10, now))

    taken = [entry.header.id for entry in (*first, *second)]
    assert len(taken) == len(set(taken))
    assert await intake.take_due(20, now + RELAY_LEASE - timedelta(seconds=1)) == []
    assert len(await intake.take_due(20, now + RELAY_LEASE)) == 20
