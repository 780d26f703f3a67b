"""Files that no job names any more are removed, and no others, whichever database holds the record."""

import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from activities.files import OURS, TURN, FileUpkeep
from adapters.objects.store import ObjectStore
from contracts.files import NAMED_WITHIN
from contracts.jobs import JobStatus
from contracts.values import picture_key, thumbnail_key, upload_key
from readmodel.database import Database
from readmodel.history import HistoryWriter
from readmodel.retention import Retention
from tests.projections.samples import NOON, make_header, tell

KEPT = timedelta(days=90)
KEYS = (upload_key, thumbnail_key, picture_key)


class Living:
    """A `LivingJobs` of one job."""

    def __init__(self, began: datetime | None = None) -> None:
        self.began = began

    async def may_need_files(self, tenant_id: str, before: datetime) -> bool:
        return self.began is not None and self.began < before


class Files:
    """A store in a folder, whose files can be made old."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.store = ObjectStore(folder.as_uri())

    async def put(self, days: float, tenant_id: str = "acme") -> list[str]:
        """Put a file of each kind as if so many days ago, and return their keys."""
        keys = [key(tenant_id, f"{days:064.0f}") for key in KEYS]
        for key in keys:
            await self.store.put(key, b"cat")
            at = (NOON - timedelta(days=days)).timestamp()
            os.utime(self._folder / key, (at, at))
        return keys

    async def there(self, keys: list[str]) -> list[bool]:
        return [await self.store.exists(key) for key in keys]


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path / "objects")


async def record(history: HistoryWriter, days: float, status: JobStatus = JobStatus.DEAD) -> None:
    at = NOON - timedelta(days=days)
    header = make_header(f"job-{days}", tenant_id="acme", created_at=at)
    ended: dict[str, Any] = {"completed_at": at} if status.ended else {}
    await history.apply([tell(header, 0, header=header, status=status, at=at, **ended)])


async def test_old_files_of_a_tenant_without_jobs_are_removed_and_young_ones_and_others_stay(
    database: Database, files: Files
) -> None:
    old, young, others = await files.put(91), await files.put(89), await files.put(400, "globex")
    upkeep = FileUpkeep(files.store, Retention(database), Living(), KEPT)

    removed = [await upkeep.sweep("acme", NOON) for _ in range(2)]

    assert removed == [len(KEYS), 0]
    assert [await files.there(keys) for keys in (old, young, others)] == [
        [False] * len(KEYS),
        [True] * len(KEYS),
        [True] * len(KEYS),
    ]


@pytest.mark.parametrize("status", [JobStatus.DEAD, JobStatus.COMPLETED])
async def test_what_the_oldest_job_in_the_record_may_name_stays(
    database: Database, history: HistoryWriter, files: Files, status: JobStatus
) -> None:
    await record(history, 200, status)
    await record(history, 1, status)
    named, older = await files.put(200 + NAMED_WITHIN.days - 1), await files.put(200 + NAMED_WITHIN.days + 1)

    await FileUpkeep(files.store, Retention(database), Living(), KEPT).sweep("acme", NOON)

    assert await files.there(named) == [True] * len(KEYS)
    assert await files.there(older) == [False] * len(KEYS)


async def test_a_job_that_lives_in_temporal_alone_keeps_its_files_after_the_record_was_lost(
    database: Database, files: Files
) -> None:
    named, living = await files.put(130), Living(began=NOON - timedelta(days=100))
    upkeep = FileUpkeep(files.store, Retention(database), living, KEPT)

    first = await upkeep.sweep("acme", NOON)
    living.began = None
    second = await upkeep.sweep("acme", NOON)

    assert (first, second) == (0, len(named))


async def test_each_tenant_has_its_turn_once_a_day_and_the_queues_own_folder_none(
    database: Database, files: Files
) -> None:
    for name in ("acme", "globex", OURS):
        await files.put(100, name)
    upkeep = FileUpkeep(files.store, Retention(database), Living(), KEPT)

    removed = [await upkeep.turn(NOON + turn * TURN) for turn in range(timedelta(days=1) // TURN)]

    assert sorted(removed)[-2:] == [len(KEYS), len(KEYS)]
    assert sum(removed) == 2 * len(KEYS)
    assert await files.there([upload_key(OURS, f"{100:064.0f}")]) == [True]
