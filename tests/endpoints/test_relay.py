"""The outbox relay outlives a job that cannot be started."""

import asyncio
from typing import Any

import pytest
from temporalio.client import Client

from api.relay import OutboxRelay
from contracts.errors import Unavailable
from contracts.jobs import JobHeader
from temporal.engine import TemporalEngine
from tests.endpoints.test_jobs import batch
from tests.fixtures_queue import Api


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
