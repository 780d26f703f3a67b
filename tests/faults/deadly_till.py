"""A worker of the payments' queue that dies once per order, at the moment the order's id names. Run by a test."""

import asyncio
import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from temporalio.client import Client

from adapters.objects.store import ObjectStore
from adapters.payments.stripe_provider import StripeProvider
from dev.emulator import SECRET_KEY
from readmodel.database import Database
from readmodel.history import HistoryWriter
from readmodel.payments import PaymentBook
from temporal.buffer import BufferedHistory
from temporal.interceptors.chain import StepObserver
from temporal.interceptors.tally import Tally
from temporal.plugin import queue_plugin
from temporal.workers import build_worker
from tests.fakes import ClosedCircuit, MemoryKeys

MOMENTS = (
    "before-intend",
    "after-intend",
    "after-prepare",
    "after-sent",
    "after-execute",
    "before-settle",
    "after-settle",
)
"""Every gap between two lines of a payment's step."""


class Deadly:
    """Passes calls on, and takes its process with it before or after the one that an order is named for."""

    def __init__(self, real: Any, folder: Path) -> None:
        self._real = real
        self._folder = folder
        self.name = "stripe"

    def __getattr__(self, called: str) -> Any:
        real = getattr(self._real, called)

        async def call(subject: Any, *arguments: Any, **named: Any) -> Any:
            self._maybe_die(f"before-{called}", subject)
            answer = await real(subject, *arguments, **named)
            self._maybe_die(f"after-{called}", subject)
            return answer

        return call

    def _maybe_die(self, moment: str, subject: Any) -> None:
        key = subject if isinstance(subject, str) else subject.job_id
        died = self._folder / f"died-{moment}"
        if moment in key and not died.exists():
            died.touch()
            os._exit(9)


async def work(address: str, namespace: str, database: str, stripe: str, folder: str) -> None:
    history = BufferedHistory(HistoryWriter(Database(database)))
    plugin = queue_plugin(ObjectStore("memory://"), StepObserver("deadly", history.put, Tally()), MemoryKeys())
    client = await Client.connect(address, namespace=namespace, plugins=[plugin])
    given: dict[str, object] = {
        "effects": Deadly(PaymentBook(Database(database)), Path(folder)),
        "money": Deadly(StripeProvider(SECRET_KEY, stripe), Path(folder)),
        "circuit": ClosedCircuit(),
        "history": history,
    }
    async with history.running(), build_worker(client, "payment_processing", given, 1, timedelta(seconds=1)):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(work(*sys.argv[1:]))
