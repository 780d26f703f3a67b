from datetime import datetime, timedelta
from typing import Any

from contracts.history import WorkerBeat
from readmodel.database import Database
from readmodel.workers import WorkerRegistry
from tests.projections.samples import NOON, at


def _beat(worker_id: str, last_heartbeat: datetime, **fields: Any) -> WorkerBeat:
    """Any: any of its fields."""
    defaults: dict[str, Any] = {
        "id": worker_id,
        "status": "busy",
        "started_at": NOON,
        "last_heartbeat": last_heartbeat,
        "jobs_processed": 3,
        "average_processing_time": 12.5,
        "current_job": "acme:migration:1",
        "capabilities": ("migration", "system"),
        "max_concurrency": 4,
        "cpu_percent": 1.5,
        "memory_bytes": 5_000_000_000,
        "host": "h",
        "pid": 7,
        "version": "0.1.0",
    }
    return WorkerBeat(**{**defaults, **fields})


async def test_the_last_heartbeat_of_each_process_is_kept(database: Database) -> None:
    workers = WorkerRegistry(database, clock=lambda: at(4))
    newest = _beat("w1", at(4), status="idle", jobs_processed=4, current_job=None)

    for beat in (_beat("w1", at(0)), newest, _beat("w1", at(2)), _beat("w2", at(2))):
        await workers.beat(beat)

    assert await workers.list() == [newest, _beat("w2", at(2))]


async def test_a_silent_worker_is_offline_after_three_intervals(database: Database) -> None:
    now = [at(6)]
    workers = WorkerRegistry(database, interval=timedelta(seconds=2), clock=lambda: now[0])
    await workers.beat(_beat("w1", at(0)))

    assert [beat.status for beat in await workers.list()] == ["busy"]
    now[0] = at(6.1)
    assert [beat.status for beat in await workers.list()] == ["offline"]


async def test_a_worker_gone_for_over_a_day_is_dropped(database: Database) -> None:
    now = [at(0)]
    workers = WorkerRegistry(database, clock=lambda: now[0])
    await workers.beat(_beat("w1", at(0)))

    now[0] = at(86_401)
    assert await workers.list() == []
    await workers.beat(_beat("w2", now[0]))
    now[0] = at(0)
    assert [beat.id for beat in await workers.list()] == ["w2"]
