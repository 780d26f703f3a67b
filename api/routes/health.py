"""Is this process alive, and is it ready."""

from fastapi import APIRouter, Response

from api.context import Here
from api.readiness import Check
from contracts.values import WireModel

router = APIRouter(tags=["health"])


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
    checks = await here.dependencies.check()
    accepting = (checks["temporal"].ok or checks["database"].ok) and checks["objectStore"].ok
    status = "ready" if all(check.ok for check in checks.values()) else "degraded" if accepting else "unavailable"
    response.status_code = 200 if accepting else 503
    return Readiness(status=status, checks=checks)
