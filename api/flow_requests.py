"""What callers send to make a flow, and the jobs it becomes."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints, ValidationError
from uuid_utils import uuid7

from api.drafts import Draft, drafted
from api.identity import Caller
from api.problems import field_problems
from api.requests import LONGEST_DELAY, JobRequest, Tag, job_type_named
from contracts.dependencies import renamed
from contracts.errors import InvalidInput
from contracts.flows import MOST_JOBS, FlowNode, dependencies_of
from contracts.jobs import Priority
from contracts.policies import MAX_MAX_ATTEMPTS
from contracts.values import Instant, RequestBody, TenantId, job_id, request_hash
from readmodel.flows import NewFlow
from temporal.registry import JOB_TYPES

Ref = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
OnFailure = Literal["cancel", "run"]


class FlowJobRequest(RequestBody):
    """A job of a flow. `{{ref.result.path}}` in its payload takes from another job's result, and waits for it."""

    ref: Ref = Field(description="its name within the flow")
    job_type: str = Field(description=f"one of: {', '.join(JOB_TYPES)}")
    payload: dict[str, Any]
    depends_on: tuple[Ref, ...] = Field(default=(), max_length=MOST_JOBS, description="refs of jobs that end first")
    on_dependency_failure: OnFailure | Literal["compensate"] | None = Field(
        default=None, description="default: the flow's; 'compensate' undoes what other jobs did when a later one fails"
    )
    priority: Priority | None = Field(default=None, description="default: the flow's")
    max_attempts: int | None = Field(default=None, ge=1, le=MAX_MAX_ATTEMPTS, strict=True)
    run_at: Instant | None = None
    delay_seconds: float | None = Field(default=None, ge=0, le=LONGEST_DELAY.total_seconds())
    tags: tuple[Tag, ...] = Field(default=(), max_length=20, description="beside the flow's")
    correlation_id: str | None = Field(default=None, max_length=200)


def _some(jobs: tuple[FlowJobRequest, ...]) -> tuple[FlowJobRequest, ...]:
    """Refuse a flow without jobs. A least length of the field would also be missed when the only job is wrong."""
    if not jobs:
        msg = "at least 1 is needed, 0 were given"
        raise ValueError(msg)
    return jobs


class FlowRequest(RequestBody):
    """Jobs that wait for each other. What is given here counts for all that say nothing else."""

    name: str = Field(min_length=1, max_length=200)
    tenant_id: TenantId | None = Field(default=None, description="only platform keys name a tenant")
    jobs: Annotated[tuple[FlowJobRequest, ...], AfterValidator(_some)] = Field(max_length=MOST_JOBS)
    on_dependency_failure: OnFailure = "cancel"
    priority: Priority | None = None
    tags: tuple[Tag, ...] = Field(default=(), max_length=20)

    def fingerprint(self, tenant_id: str) -> str:
        """Return the SHA-256 that tells this request from another under the same Idempotency-Key."""
        said = self.model_dump(mode="json", by_alias=True, exclude={"tenant_id"})
        return request_hash(tenant_id, said)

    def job(self, job: FlowJobRequest, ids: dict[str, str], depends_on: Sequence[str]) -> JobRequest:
        """Return the request of one of the jobs, with ids in place of refs.

        Raises:
            ValidationError: Together with what is given for all, it makes no sense.
        """
        same = ("job_type", "max_attempts", "run_at", "delay_seconds", "correlation_id")
        request = JobRequest(
            **{name: getattr(job, name) for name in same},
            payload=renamed(job.payload, ids),
            priority=job.priority or self.priority,
            tags=tuple(dict.fromkeys((*self.tags, *job.tags))),
            on_dependency_failure=job.on_dependency_failure or self.on_dependency_failure,
        )
        return request.model_copy(update={"depends_on": tuple(ids[ref] for ref in depends_on)})


def drafted_flow(
    caller: Caller, tenant_id: str, request: FlowRequest, key: str | None
) -> tuple[NewFlow, dict[str, Draft]]:
    """Return the flow that the caller asks for and its jobs by ref, each after those that it waits for.

    The same key makes the same ids.

    Raises:
        Forbidden: The key may not use one of the job types.
        InvalidInput: The jobs wait for each other in a circle, a ref is wrong, or jobs are; all of these are named.
    """
    needed = dependencies_of([FlowNode(job.ref, job.depends_on, job.payload) for job in request.jobs])
    flow_id = job_id(tenant_id, "flow", key or str(uuid7()))
    created_at = datetime.now(UTC)
    keys = {ref: _job_key(flow_id, ref) for ref in needed}
    places = {job.ref: place for place, job in enumerate(request.jobs)}
    ids: dict[str, str] = {}
    with FlowProblems() as problems:
        for ref, place in places.items():
            with problems.of(place):
                kind = job_type_named(request.jobs[place].job_type)
                ids[ref] = job_id(tenant_id, kind.name, keys[ref])
    drafts: dict[str, Draft] = {}
    with FlowProblems() as problems:
        for ref, depends_on in needed.items():
            with problems.of(places[ref]):
                job = request.job(request.jobs[places[ref]], ids, depends_on)
                drafts[ref] = of_flow(drafted(caller, tenant_id, job, keys[ref]), flow_id)
    refs = {ref: ids[ref] for ref in needed}
    fingerprint = request.fingerprint(tenant_id)
    undoing = [job.ref for job in request.jobs if job.on_dependency_failure == "compensate"]
    flow = NewFlow(flow_id, tenant_id, request.name, caller.actor, created_at, refs, fingerprint, undoing, key)
    return flow, drafts


class FlowProblems:
    """Collects what is wrong with the jobs of a flow, and says it all at the end of its block."""

    def __init__(self) -> None:
        self._fields: list[tuple[str, str]] = []

    @contextmanager
    def of(self, place: int) -> Iterator[None]:
        """Take up what the block says is wrong with the job at this place."""
        try:
            yield
        except InvalidInput as error:
            fields = error.fields or (("", str(error)),)
            self._fields += [(f"jobs.{place}.{path}".rstrip("."), message) for path, message in fields]
        except ValidationError as error:
            self._fields += [(problem.path, problem.message) for problem in field_problems(error, f"jobs.{place}")]

    def __enter__(self) -> "FlowProblems":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Pass only when nothing is wrong.

        Raises:
            InvalidInput: Something is.
        """
        if kind is None and self._fields:
            self._fields.sort(key=lambda field: int(field[0].split(".")[1]))
            words = "; ".join(f"{path}: {message}" for path, message in self._fields[:3])
            raise InvalidInput(words, tuple(self._fields[:100]))


def _job_key(flow_id: str, ref: str) -> str:
    """Return the last part of a job's id. In a reference, `.result` ends the id, so no id may have it inside."""
    key = f"{flow_id.split(':', 2)[2]}.{ref}"
    return hashlib.sha256(key.encode()).hexdigest() if ".result" in key else key


def of_flow(draft: Draft, flow_id: str) -> Draft:
    """Return the draft as one of a job of the flow; no key of its own stands for it."""
    header = draft.header.model_copy(update={"flow_id": flow_id})
    return Draft(replace(draft.submission, header=header, key=None), draft.payload)
