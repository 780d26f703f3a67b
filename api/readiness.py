"""Readiness: which of the things that the API cannot do without answer."""

import asyncio
from collections.abc import Awaitable

from api.rates import SubmissionRates
from contracts.errors import JobError
from contracts.ports import BlobStore
from contracts.values import WireModel
from readmodel.database import Database
from temporal.engine import TemporalEngine

PATIENCE_SECONDS = 4.0


class Check(WireModel):
    """One dependency."""

    ok: bool
    message: str | None = None


class Dependencies:
    """Asks every dependency, side by side."""

    def __init__(self, engine: TemporalEngine, database: Database, blobs: BlobStore, rates: SubmissionRates) -> None:
        self._engine = engine
        self._database = database
        self._blobs = blobs
        self._rates = rates

    async def check(self) -> dict[str, Check]:
        """Return how each stands, by its name, after four seconds at most."""
        asked = {"temporal": self._engine.ping(), "database": self._database.ping(), "objectStore": self._blobs.ping()}
        if self._rates.shared:
            asked["limits"] = self._rates.ping()
        answers = await asyncio.gather(*(_check(call) for call in asked.values()))
        return dict(zip(asked, answers, strict=True))


async def _check(call: Awaitable[None]) -> Check:
    try:
        await asyncio.wait_for(call, PATIENCE_SECONDS)
    except JobError as error:
        return Check(ok=False, message=str(error))
    except TimeoutError:
        return Check(ok=False, message=f"no answer within {PATIENCE_SECONDS:g} s")
    return Check(ok=True)
