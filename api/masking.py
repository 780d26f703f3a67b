"""Masking: what lists and streams leave out of jobs about persons; one job, asked for by itself, shows it."""

from functools import lru_cache
from typing import Any, get_type_hints

from pydantic import BaseModel

from contracts.jobs import Job
from contracts.personal import Marks, marks_of, masked
from temporal.registry import JobType, find_job_type


def without_persons(job: Job) -> Job:
    """Return a job whose payload and result have their personal fields masked; `masked` says that some were."""
    kind = find_job_type(job.job_type)
    if kind is None or (job.payload is None and job.result is None):
        return job
    of_payload, of_result = personal_marks(kind)
    said = {"payload": masked(job.payload, of_payload), "result": masked(job.result, of_result)}
    if (said["payload"], said["result"]) == (job.payload, job.result):
        return job
    return job.model_copy(update=said | {"masked": True})


@lru_cache
def personal_marks(kind: JobType) -> tuple[Marks, Marks]:
    """Return what is personal in the payloads and in the results of a job type."""
    result: Any = get_type_hints(kind.workflow.run).get("return")  # Any: whatever the story returns
    model = isinstance(result, type) and issubclass(result, BaseModel)
    return marks_of(kind.payload), marks_of(result) if model else {}
