"""Is this process alive, and is it ready."""

import asyncio
from collections.abc import Awaitable

from fastapi import APIRouter, Response

from api.context import Here
from contracts.errors import JobError
from contracts.values import WireModel

router = APIRouter(tags=["health"])

PATIENCE_SECONDS = 4.0


class Check(WireModel):
    """One dependency."""

    ok: bool
    message: str | None = None


class Readiness(WireModel):
    """`ready`: all is well; `degraded`: jobs are accepted, something waits; `unavailable`: nothing can be accepted."""

    status: str
    checks: dict[str, Check]


@router.get("/healthz", summary="Alive")
async def healthz() -> dict[str, str]:
    """Answer while the process lives."""
    return {"status": "ok"}


@router.get("/readyz", summary="Ready, dependency by dependency", responses={503: {"model": Readiness}})
async def readyz(here: Here, response: Response) -> Readiness:
    """Ask every dependency. Without Temporal, the database or Redis jobs are still accepted: degraded, not down."""
    asked = {"temporal": here.engine.ping(), "database": here.database.ping(), "objectStore": here.blobs.ping()}
    if here.admission.rates.shared:
        asked["limits"] = here.admission.rates.ping()
    answers = await asyncio.gather(*(_check(call) for call in asked.values()))
    checks = dict(zip(asked, answers, strict=True))
    accepting = (checks["temporal"].ok or checks["database"].ok) and checks["objectStore"].ok
    status = "ready" if all(check.ok for check in answers) else "degraded" if accepting else "unavailable"
    response.status_code = 200 if accepting else 503
    return Readiness(status=status, checks=checks)


async def _check(call: Awaitable[None]) -> Check:
    try:
        await asyncio.wait_for(call, PATIENCE_SECONDS)
    except JobError as error:
        return Check(ok=False, message=str(error))
    except TimeoutError:
        return Check(ok=False, message=f"no answer within {PATIENCE_SECONDS:g} s")
    return Check(ok=True)
