"""The outbox relay outlives a job that cannot be started."""

import asyncio
from typing import Any

import pytest
from temporalio.client import Client

from api.relay import AT_ONCE, OutboxRelay
from contracts.errors import Unavailable
from contracts.jobs import JobHeader
from readmodel.columns import utc_now
from readmodel.intake import MANY, Submission
from temporal.engine import TemporalEngine
from tests.endpoints.test_jobs import batch
from tests.fixtures_queue import Api
from tests.projections.samples import accepted, make_header


class Refusing(TemporalEngine):
    """Temporal, but one job cannot be started for a reason that nobody foresaw."""

    poison = ""

    async def start(self, header: JobHeader, payload: Any) -> bool:
        if header.id == self.poison:
            msg = "nobody foresaw this"
            raise ValueError(msg)
        return await super().start(header, payload)


async def test_one_job_that_cannot_be_started_does_not_hold_back_the_others(
    api: Api, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> bool:
        msg = "Temporal does not answer"
        raise Unavailable(msg)

    monkeypatch.setattr(api.services.engine, "start", away)  # the API's own relay gets nowhere
    ids = [(await api.http.post("/v1/jobs", json=await batch(api, "one"))).json()["id"] for _ in range(3)]
    engine = Refusing(client)
    engine.poison = ids[0]

    async with OutboxRelay(api.services.intake, engine).running(), asyncio.timeout(30):
        while await api.services.intake.outbox_size() > 1:
            await asyncio.sleep(0.1)

    assert await api.services.intake.waiting(ids[0]) is not None
    assert [await engine.live(job_id) is not None for job_id in ids] == [False, True, True]


class Counting(TemporalEngine):
    """Temporal, and how many starts were under way at once."""

    under_way = most = 0

    async def start(self, header: JobHeader, payload: Any) -> bool:
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            return await super().start(header, payload)
        finally:
            self.under_way -= 1


class Away(TemporalEngine):
    """A Temporal that this process does not reach."""

    async def ping(self) -> None:
        msg = "Temporal does not answer"
        raise Unavailable(msg)


@pytest.fixture
async def waiting(api: Api) -> list[str]:
    """Jobs of a bulk request that no relay has started yet."""
    submissions = []
    for number in range(350):
        header = make_header(f"{number:03}", created_at=utc_now())
        submissions.append(Submission(header, {"photos": [{"url": "https://a.example/1.jpg"}]}, accepted(header)))
    for first in range(0, len(submissions), MANY):
        await api.services.intake.accept_many(submissions[first : first + MANY])
    return [submission.header.id for submission in submissions]


async def test_many_jobs_are_started_a_few_at_once_without_a_pause(
    api: Api, client: Client, waiting: list[str]
) -> None:
    engine, clock = Counting(client), asyncio.get_running_loop()

    began = clock.time()
    async with OutboxRelay(api.services.intake, engine).running(), asyncio.timeout(60):
        while await api.services.intake.outbox_size():
            await asyncio.sleep(0.05)

    assert 2 <= engine.most <= AT_ONCE
    assert await engine.live(waiting[0]) is not None
    assert await engine.live(waiting[-1]) is not None
    assert clock.time() - began < 30


async def test_a_relay_that_does_not_reach_temporal_leaves_the_jobs_to_one_that_does(
    api: Api, client: Client, waiting: list[str]
) -> None:
    intake = api.services.intake

    async with OutboxRelay(intake, Away(client)).running(), asyncio.timeout(60):
        while await intake.outbox_size():
            await asyncio.sleep(0.05)

    assert await api.services.engine.live(waiting[-1]) is not None
