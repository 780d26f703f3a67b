import random

import pytest

from api.completion import CompletionDesk
from api.identity import Caller
from contracts.jobs import JobMetadata, JobStatus
from contracts.values import PLATFORM
from readmodel import completion, search
from readmodel.completion import Completion
from readmodel.database import Database
from readmodel.filters import JobFilter
from readmodel.history import HistoryWriter
from readmodel.jobs import JobQueries
from readmodel.sorting import JobSort
from tests.projections.samples import at, make_header, tell
from tests.projections.statements import selects

WORDS = ("red", "RED", "green", "Blue", "blue%", "x_y", "größe", "")


@pytest.fixture(params=[0, 5, 1000])
def newest(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Let a search look at so many jobs one by one, before it looks into indexes."""
    monkeypatch.setattr(search, "NEWEST", request.param)
    return int(request.param)


@pytest.mark.usefixtures("newest")
async def test_a_search_finds_the_same_jobs_however_far_back_they_are(
    history: HistoryWriter, queries: JobQueries
) -> None:
    chance = random.Random(5)
    headers = [
        make_header(
            f"{chance.choice(WORDS)}-{number}",
            tenant_id=chance.choice(("acme", "Redmond")),
            created_at=at(number // 3),
            tags=tuple(word for word in WORDS if word and chance.random() < 0.2),
            metadata=JobMetadata(correlation_id=chance.choice((None, *WORDS[:-1]))),
        )
        for number in range(60)
    ]
    status = {header.id: chance.choice((JobStatus.PENDING, JobStatus.FAILED)) for header in headers}
    await history.apply([tell(header, 0, header=header, status=status[header.id]) for header in headers])

    for word in ("red", "e", "blue%", "_", "größe", "acme:", "nowhere"):
        for fields in ({}, {"tenant_id": "acme"}, {"statuses": (JobStatus.FAILED,)}, {"tags": ("green",)}):
            expected = [
                header.id
                for header in sorted(headers, key=lambda header: (header.created_at, header.id), reverse=True)
                if any(
                    word.lower() in text.lower()
                    for text in (header.id, header.metadata.correlation_id or "", *header.tags)
                )
                and fields.get("tenant_id") in {None, header.tenant_id}
                and ("statuses" not in fields or status[header.id] is JobStatus.FAILED)
                and ("tags" not in fields or "green" in header.tags)
            ]
            wanted = JobFilter(**{"tenant_id": None, **fields, "q": word})  # type: ignore[arg-type]  # named above

            assert await _ids(queries, wanted) == expected, (word, fields)


@pytest.mark.parametrize("few", [2, 10_000])
async def test_a_search_by_status_looks_into_the_indexes_once_for_all_statuses(
    history: HistoryWriter, queries: JobQueries, database: Database, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(search, "NEWEST", 0)
    monkeypatch.setattr(search, "FEW", few)
    order = (JobStatus.PENDING, JobStatus.PROCESSING, JobStatus.DEAD, JobStatus.FAILED, JobStatus.COMPLETED)
    headers = [make_header(f"{word}-{place}") for place in range(len(order)) for word in ("red", "blue")]
    stands = [status for status in order for _ in range(2)]
    await history.apply(
        [tell(header, 0, header=header, status=status) for header, status in zip(headers, stands, strict=True)]
    )

    with selects(database) as sent:
        jobs, _ = await queries.list(JobFilter(tenant_id=None, q="red"), 50, sort=JobSort.STATUS)

    looks = [statement for statement, _ in sent if "UNION" in statement]
    assert [job.id for job in jobs] == [header.id for header in headers[::2]]
    assert len(looks) == 1 if few > 2 else len(looks) > 1


async def test_a_name_is_completed_from_what_its_reader_may_see_and_not_from_the_whole_history(
    history: HistoryWriter, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(completion, "NEWEST", 4)
    shops = {"ac-1": ("Red", "green"), "acme": ("red", "blue"), "Acme": ("red",), "zoo": ("reed", "red")}
    for number, (shop, tags) in enumerate([("old", ("rest",)), *shops.items()]):
        header = make_header(str(number), tenant_id=shop, created_at=at(number), tags=tags)
        await history.apply([tell(header, 0, header=header)])
    desk, platform, shop_key = (
        CompletionDesk(Completion(database)),
        Caller("1", "viewer", PLATFORM),
        Caller("2", "viewer", "acme"),
    )

    assert sorted(await desk.tenants(platform, "ac")) == ["ac-1", "acme"]
    assert await desk.tenants(platform, "x") == []
    assert await desk.tenants(shop_key, "") == ["acme"]
    assert await desk.tenants(shop_key, "z") == []
    assert (await desk.tags(platform, "re"))[0] == "red"
    assert sorted(await desk.tags(platform, "RE")) == ["Red", "red", "reed"]
    assert sorted(await desk.tags(shop_key, "")) == ["blue", "red"]


async def _ids(queries: JobQueries, wanted: JobFilter) -> list[str]:
    """Return all ids, in pages of seven."""
    found: list[str] = []
    cursor: str | None = None
    while True:
        jobs, cursor = await queries.list(wanted, 7, cursor)
        found += [job.id for job in jobs]
        if cursor is None:
            return found
