"""Workers: which processes do the work."""

from fastapi import APIRouter

from api.context import Here, Who
from api.identity import Right
from api.pages import Page
from contracts.history import WorkerBeat

router = APIRouter(prefix="/v1/workers", tags=["workers"])


class WorkerView(WorkerBeat):
    """A worker process as it last described itself."""

    worker_id: str


@router.get("", summary="List worker processes")
async def list_workers(here: Here, who: Who) -> Page[WorkerView]:
    """Return the worker processes heard of within a day; `offline` when silent for three beats."""
    who.must(Right.WORKERS_READ)
    beats = await here.workers.list()
    if who.sees is not None:
        beats = [beat.model_copy(update={"current_job": _own(beat.current_job, who.sees)}) for beat in beats]
    return Page[WorkerView](items=[WorkerView(**beat.model_dump(), worker_id=beat.id) for beat in beats])


def _own(job_id: str | None, tenant_id: str) -> str | None:
    """Another tenant's job is not named."""
    return job_id if job_id and job_id.startswith(f"{tenant_id}:") else None
