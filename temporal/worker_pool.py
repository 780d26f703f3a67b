"""Runs the Temporal workers of one process together, and says every few seconds that the process lives."""

import asyncio
import logging
import os
import platform
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime

import psutil
from temporalio.worker import Worker

from contracts.errors import Unavailable
from contracts.history import WorkerBeat
from contracts.tasks import beside
from temporal.interceptors.tally import Tally

log = logging.getLogger("spaces.worker")

BEAT_SECONDS = 2.0


class WorkerPool:
    """The workers of this process and their line in the registry."""

    def __init__(
        self, name: str, queues: Sequence[str], slots: int, tally: Tally, beat: Callable[[WorkerBeat], Awaitable[None]]
    ) -> None:
        self._name = name
        self._queues = tuple(queues)
        self._slots = slots
        self._tally = tally
        self._beat = beat
        self._started_at = datetime.now(UTC)
        self._process = psutil.Process()
        self._process.cpu_percent()
        self._children: dict[int, psutil.Process] = {}

    async def run(self, workers: Sequence[Worker], stop: asyncio.Event) -> None:
        """Work until told to stop, then let running steps finish as long as each worker's drain allows."""
        running = [asyncio.create_task(worker.run()) for worker in workers]
        stopping = asyncio.create_task(stop.wait())
        try:
            async with beside(self._keep_beating(stop)):
                await asyncio.wait([*running, stopping], return_when=asyncio.FIRST_COMPLETED)
                await asyncio.gather(*(worker.shutdown() for worker in workers))
                await asyncio.gather(*running)
        finally:
            stopping.cancel()
            await self._say("stopped")

    async def _keep_beating(self, stop: asyncio.Event) -> None:
        while True:
            await self._say("draining" if stop.is_set() else "busy" if self._tally.running else "idle")
            await asyncio.sleep(BEAT_SECONDS)

    async def _say(self, status: str) -> None:
        try:
            await self._beat(self._line(status))
        except Unavailable as error:
            log.warning("this worker is not in the registry for now: %s", error)
        except Exception:  # a worker works on, whatever is wrong with its line in the registry
            log.exception("this worker's line in the registry could not be written")

    def _line(self, status: str) -> WorkerBeat:
        found = {child.pid: child for child in self._process.children(recursive=True)}
        self._children = {pid: self._children.get(pid, child) for pid, child in found.items()}
        children = list(self._children.values())
        return WorkerBeat(
            id=self._name,
            status=status,
            started_at=self._started_at,
            last_heartbeat=datetime.now(UTC),
            jobs_processed=self._tally.finished,
            average_processing_time=self._tally.average_ms,
            current_job=self._tally.current_job,
            capabilities=self._queues,
            max_concurrency=self._slots,
            cpu_percent=self._process.cpu_percent() + sum(map(_cpu, children)),
            memory_bytes=sum(map(_memory, [self._process, *children])),
            host=socket.gethostname(),
            pid=os.getpid(),
            version=platform.python_version(),
        )


def _cpu(process: psutil.Process) -> float:
    with suppress(psutil.Error):
        return float(process.cpu_percent())
    return 0.0


def _memory(process: psutil.Process) -> int:
    with suppress(psutil.Error):
        return int(process.memory_info().rss)
    return 0
