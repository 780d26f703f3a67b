from typing import Any

import pytest

from contracts.audit import SYSTEM
from contracts.error_marks import ErrorMark, ErrorStanding, MarkedError
from contracts.errors import InvalidInput
from contracts.fingerprints import fingerprint
from contracts.history import JobChange
from contracts.jobs import JobFailure, JobStatus
from readmodel.database import Database
from readmodel.dead_letters import TENANTS_NAMED, DeadFilter, DeadLetters, ErrorGroup
from readmodel.error_marks import ErrorMarks
from readmodel.filters import JobFilter
from readmodel.history import HistoryWriter
from readmodel.jobs import JobQueries
from tests.projections.samples import at, make_header, tell

ALL = DeadFilter(tenant_id=None)


def failure(message: str, kind: str = "Unavailable") -> JobFailure:
    return JobFailure(type=kind, message=message, retryable=True, step="photos.read", attempt=5)


def died(
    key: str, seconds: float, error: JobFailure | None, status: JobStatus = JobStatus.DEAD, **fields: Any
) -> JobChange:
    """Return what is told of a job that died then; Any: any fields of its header."""
    header = make_header(key, **fields)
    return tell(header, seconds, header=header, status=status, error=error)


@pytest.fixture
def letters(database: Database) -> DeadLetters:
    return DeadLetters(database)


async def test_dead_jobs_are_grouped_by_the_kind_of_their_failure(history: HistoryWriter, letters: DeadLetters) -> None:
    first, last = failure("no answer after 3 s"), failure("no answer after 17 s")
    await history.apply(
        [
            died("1", 10, first),
            died("2", 30, last, tenant_id="other"),
            died("3", 20, first),
            died("4", 40, failure("cut short")),
            died("failed", 50, first, JobStatus.FAILED),
        ]
    )

    groups, following = await letters.groups(ALL, 10)

    assert groups == [
        ErrorGroup(
            fingerprint=fingerprint("photo_processing", failure("cut short")),
            job_type="photo_processing",
            failure=failure("cut short"),
            count=1,
            tenants=("acme",),
            tenant_count=1,
            first_seen_at=at(40),
            last_seen_at=at(40),
            sample_job_id="acme:photo_processing:4",
        ),
        ErrorGroup(
            fingerprint=fingerprint("photo_processing", first),
            job_type="photo_processing",
            failure=last,
            count=3,
            tenants=("acme", "other"),
            tenant_count=2,
            first_seen_at=at(10),
            last_seen_at=at(30),
            sample_job_id="other:photo_processing:2",
        ),
    ]
    assert following is None


async def test_pages_show_every_group_once_last_death_first(history: HistoryWriter, letters: DeadLetters) -> None:
    kinds = ["ab", "cd", "ef", "gh", "ij"]
    await history.apply([died(kind, number // 2, failure(kind)) for number, kind in enumerate(kinds)])

    pages: list[list[str]] = []
    cursor: str | None = None
    while not pages or cursor:
        groups, cursor = await letters.groups(ALL, 2, cursor)
        pages.append([group.failure.message or "" for group in groups if group.failure])

    assert [len(page) for page in pages] == [2, 2, 1]
    assert sorted(message for page in pages for message in page) == kinds
    assert pages[0][0] == "ij"


async def test_a_filter_shows_its_own_jobs_only(history: HistoryWriter, letters: DeadLetters) -> None:
    same = failure("no answer")
    await history.apply(
        [
            died("1", 10, same),
            died("2", 30, same, tenant_id="other"),
            died("3", 20, same, job_type="migration"),
        ]
    )

    async def counted(wanted: DeadFilter) -> list[tuple[str, int, tuple[str, ...], str]]:
        groups, _ = await letters.groups(wanted, 10)
        return [(group.job_type, group.count, group.tenants, group.sample_job_id) for group in groups]

    assert await counted(DeadFilter("acme", ("photo_processing",))) == [
        ("photo_processing", 1, ("acme",), "acme:photo_processing:1")
    ]
    assert await counted(DeadFilter(None, ("migration", "unknown"))) == [
        ("migration", 1, ("acme",), "acme:migration:3")
    ]
    assert await counted(DeadFilter("nobody")) == []
    assert await counted(DeadFilter(None, of_job="acme:photo_processing:1")) == [
        ("photo_processing", 2, ("acme", "other"), "other:photo_processing:2")
    ]
    assert await counted(DeadFilter("acme", of_job="acme:photo_processing:1")) == [
        ("photo_processing", 1, ("acme",), "acme:photo_processing:1")
    ]
    assert await counted(DeadFilter("acme", of_job="other:photo_processing:2")) == []


async def test_a_group_counts_all_tenants_and_names_those_with_most(
    history: HistoryWriter, letters: DeadLetters
) -> None:
    same = failure("no answer")
    await history.apply([died("1", n, same, tenant_id=f"t{n:02}") for n in range(TENANTS_NAMED + 5)])
    await history.apply([died(f"more-{n}", n, same, tenant_id="t24") for n in range(3)])

    (group,), _ = await letters.groups(ALL, 10)

    assert (group.count, group.tenant_count) == (TENANTS_NAMED + 8, TENANTS_NAMED + 5)
    assert group.tenants == ("t24", *(f"t{n:02}" for n in range(TENANTS_NAMED - 1)))


async def test_a_job_that_died_of_nothing_known_is_in_a_group_too(history: HistoryWriter, letters: DeadLetters) -> None:
    await history.apply([died("1", 10, None)])

    (group,), _ = await letters.groups(ALL, 10)

    assert (group.failure, group.count) == (None, 1)


async def test_the_fingerprint_goes_and_comes_with_the_failure(history: HistoryWriter, queries: JobQueries) -> None:
    header = make_header()
    first, second = failure("no answer"), failure("cut short")

    async def found() -> list[str]:
        return [
            error.message or ""
            for error in (first, second)
            if (
                await queries.list(
                    JobFilter(tenant_id=None, fingerprint=fingerprint("photo_processing", error)), limit=5
                )
            )[0]
        ]

    seen = []
    for change in (
        tell(header, 1, header=header, status=JobStatus.RETRYING),
        tell(header, 2, status=JobStatus.DEAD, error=first),
        tell(header, 3, status=JobStatus.PROCESSING),
        tell(header, 4, status=JobStatus.DEAD, error=second),
        tell(header, 5, status=JobStatus.FAILED, error=first),
        tell(header, 6, status=JobStatus.CANCELLED),
    ):
        await history.apply([change])
        seen.append(await found())

    assert seen == [[], ["no answer"], [], ["cut short"], ["no answer"], []]


async def test_groups_are_found_by_the_type_of_their_failure(history: HistoryWriter, letters: DeadLetters) -> None:
    await history.apply(
        [
            died(f"{n}", n, failure(f"kind {'abcdefgh'[n]}", "Timeout" if n % 3 == 0 else "Unavailable"))
            for n in range(8)
        ]
    )
    wanted = DeadFilter(None, error_types=("Timeout", "Unknown"))

    first, cursor = await letters.groups(wanted, 2)
    rest, following = await letters.groups(wanted, 2, cursor)

    assert [group.failure.message for group in [*first, *rest] if group.failure] == ["kind g", "kind d", "kind a"]
    assert following is None


@pytest.mark.parametrize("cursor", ["", "x", "WyIyMDI2LTExLTIyIiwgImEiXQ"])
async def test_an_unknown_cursor_is_refused(letters: DeadLetters, cursor: str) -> None:
    with pytest.raises(InvalidInput, match="cursor"):
        await letters.groups(ALL, 5, cursor)


async def test_a_resolved_group_comes_back_when_another_job_dies_and_an_ignored_one_does_not(
    history: HistoryWriter, letters: DeadLetters, database: Database
) -> None:
    fixed, noise = failure("no answer"), failure("cut short")
    marks = ErrorMarks(database)
    await history.apply([died("1", 10, fixed), died("2", 10, noise)])
    groups, _ = await letters.groups(ALL, 10)
    key = {group.failure.message: group.fingerprint for group in groups if group.failure}

    async def standings(tenant_id: str | None = None, *wanted: ErrorStanding) -> dict[str, str]:
        found, _ = await letters.groups(DeadFilter(tenant_id, standings=wanted), 10)
        return {str(group.failure and group.failure.message): group.standing.value for group in found}

    await marks.put(None, key["no answer"], MarkedError(mark=ErrorMark.RESOLVED, at=at(20), actor="key:1"), SYSTEM)
    await marks.put(None, key["cut short"], MarkedError(mark=ErrorMark.IGNORED, at=at(20), actor="key:1"), SYSTEM)
    marked = await standings(), await standings("acme"), await standings(None, ErrorStanding.OPEN)
    await history.apply([died("3", 30, fixed), died("4", 30, noise)])
    later = await standings(None, ErrorStanding.OPEN, ErrorStanding.CAME_BACK)
    await marks.put(None, key["no answer"], None, SYSTEM)
    after = await standings()

    assert marked == ({"no answer": "resolved", "cut short": "ignored"}, {"no answer": "open", "cut short": "open"}, {})
    assert later == {"no answer": "came_back"}
    assert after == {"no answer": "open", "cut short": "ignored"}
