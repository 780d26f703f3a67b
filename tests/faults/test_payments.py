"""Payments whose worker is killed between any two lines, and whose connection to the provider is cut in every way."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from temporalio.client import Client

from adapters.payments.stripe_provider import StripeProvider
from benchmarks.toxiproxy import FAULTS, REFUSED, Line, toxic_line, toxiproxy_program
from contracts.errors import Unavailable
from contracts.ledger import Effect, Receipt
from dev.emulator import SECRET_KEY
from tests.endpoints.test_jobs import ended
from tests.faults.deadly_till import MOMENTS
from tests.fixtures_queue import Api
from tests.fixtures_stripe import Emulator, RunPayments
from tests.jobs.test_payments import charge, posted, submitted

ROOT = Path(__file__).parents[2]


async def test_a_worker_killed_between_any_two_lines_takes_the_money_once(
    api: Api, client: Client, emulator: Emulator, tmp_path: Path
) -> None:
    server = client.service_client.config.target_host
    where = (server, client.namespace, f"sqlite:///{tmp_path / 'spaces.db'}", emulator.url, str(tmp_path))
    orders = {moment: charge() for moment in MOMENTS}
    jobs = {}
    for moment, body in orders.items():
        answer = await api.http.post("/v1/jobs", json=body, headers={"Idempotency-Key": moment})
        jobs[moment] = answer.json()["id"]

    restarting = asyncio.create_task(_keep_working(where))
    done = {moment: await ended(api, job_id, seconds=150) for moment, job_id in jobs.items()}
    restarting.cancel()
    deaths = await asyncio.gather(restarting, return_exceptions=True)

    effects = {moment: len(await emulator.effects(body["payload"]["orderId"])) for moment, body in orders.items()}
    postings = [await posted(api, job["result"]["idempotencyKey"]) for job in done.values()]
    assert deaths
    assert {moment: job["status"] for moment, job in done.items()} == dict.fromkeys(MOMENTS, "completed")
    assert {moment: job["attempts"] for moment, job in done.items()} == dict.fromkeys(MOMENTS, 2)
    assert effects == dict.fromkeys(MOMENTS, 1)
    assert postings == [{"provider": 1299, "customers": -1299}] * len(MOMENTS)


async def _keep_working(where: tuple[str, ...]) -> None:
    """Run the deadly worker, again each time it has died."""
    while True:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.faults.deadly_till", *where, cwd=ROOT
        )
        try:
            await process.wait()
        except asyncio.CancelledError:
            process.kill()
            await process.wait()
            raise


@pytest.fixture
async def line(emulator: Emulator) -> AsyncIterator[Line]:
    """A connection to the emulator that can be made bad."""
    try:
        program = await toxiproxy_program()
    except Unavailable as reason:
        pytest.skip(f"the faults of a connection are not tested: {reason}")
    async with toxic_line(program, urlsplit(emulator.url).netloc) as bad:
        yield bad


@pytest.mark.parametrize("fault", [*FAULTS, REFUSED])
async def test_whatever_becomes_of_the_connection_the_money_is_taken_once(
    api: Api, emulator: Emulator, line: Line, run_payments: RunPayments, fault: str
) -> None:
    provider = Hurt(StripeProvider(SECRET_KEY, line.url, timeout=httpx.Timeout(1.0)), line, fault)
    body = charge()

    async with run_payments(api, provider):
        job = await submitted(api, body)
        async with asyncio.timeout(60):
            while "unwell" not in provider.seen:
                await asyncio.sleep(0.05)
        await line.well()
        done = await ended(api, job["id"])
    await provider.close()

    assert (done["status"], done["attempts"] > 1) == ("completed", True)
    assert len(await emulator.effects(body["payload"]["orderId"])) == 1
    assert await posted(api, done["result"]["idempotencyKey"]) == {"provider": 1299, "customers": -1299}


class Hurt:
    """The real adapter, whose line turns bad in the moment the money is to move."""

    name = "stripe"

    def __init__(self, provider: StripeProvider, line: Line, fault: str) -> None:
        self._provider, self._line, self._fault = provider, line, fault
        self.seen: list[str] = []

    def __getattr__(self, called: str) -> Any:
        return getattr(self._provider, called)

    async def execute(self, effect: Effect) -> Receipt:
        if not self.seen:
            await self._line.worse(self._fault)
            self.seen.append("begun")
        try:
            return await self._provider.execute(effect)
        finally:
            self.seen.append("unwell")
