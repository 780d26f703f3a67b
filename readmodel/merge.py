"""Merge: what one told change makes of a job's state. Pure.

The same changes give the same state, told twice, late or in any order: every rule here takes the greater or the
lesser of two, by an order that does not depend on who told first.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from contracts.history import JobChange
from contracts.jobs import JobFailure, JobHeader, JobStatus, Priority, Progress
from readmodel.documents import Stored

_OPEN_ORDER = {JobStatus.PENDING: 0, JobStatus.PROCESSING: 1, JobStatus.RETRYING: 2, JobStatus.DEAD: 3}


@dataclass(frozen=True)
class JobState:
    """What may change about a job after it was accepted. Each `*_at` beside a value is when that value was true.

    result, error: `Stored` when they are the row's own
    """

    status: JobStatus
    status_at: datetime
    priority: Priority = Priority.NORMAL
    priority_at: datetime | None = None
    attempts: int = 0
    processed_at: datetime | None = None
    completed_at: datetime | None = None
    run_id: str | None = None
    run_id_at: datetime | None = None
    worker: str | None = None
    worker_at: datetime | None = None
    progress: Progress | None = None
    progress_at: datetime | None = None
    result: Any = None
    error: JobFailure | Stored | None = None


def accepted_state(header: JobHeader) -> JobState:
    """Return the state of a job of which nothing is known but that it was accepted."""
    return JobState(status=JobStatus.PENDING, status_at=header.created_at, priority=header.priority)


def merge(state: JobState, change: JobChange) -> JobState:
    """Return the state after a change.

    - An end is final, but for another end told later: when a cancel comes in the moment of the end, Temporal may run
      the end again and cancel. The same end told again fills in what the first telling left out.
    - Any end outdoes any open status; among open ones the later counts, and every one outdoes `pending`
      (its clock is the API's, the others' are the workers').
    - `attempts` is the highest told, `processed_at` the earliest, also when told after the end.
    - `result`, `error` and `completed_at` belong to the status they came with; only a dead or ended job has them.
    """
    state = _with_facts(state, change)
    if change.status is None:
        return state
    if state.status.ended and change.status is state.status:
        return _with_same_end(state, change)
    at = _LONG_AGO if _first_attempt(change) else change.at
    if _standing(change.status, at) < _standing(state.status, state.status_at):
        return state
    return _with_status(state, change, change.status, at)


_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def _first_attempt(change: JobChange) -> bool:
    """Whether a step begins for the first time: that makes a pending job a processing one and says no more.

    Another step of the job may be waiting for its second attempt at the same moment.
    """
    return change.status is JobStatus.PROCESSING and change.attempts == 1


def _standing(status: JobStatus, at: datetime) -> tuple[int, datetime, int]:
    """Return what open and ended statuses are compared by. The last part settles two told for the same instant."""
    if status.ended:
        return (2, at, 0)
    return (int(status is not JobStatus.PENDING), at, _OPEN_ORDER[status])


def _with_status(state: JobState, change: JobChange, status: JobStatus, at: datetime) -> JobState:
    outcome = status.ended or status is JobStatus.DEAD
    completed_at = change.completed_at or change.at
    return replace(
        state,
        status=status,
        status_at=at,
        completed_at=completed_at if status.ended else None,
        result=change.result if outcome else None,
        error=change.error if outcome else None,
    )


def _with_same_end(state: JobState, change: JobChange) -> JobState:
    return replace(
        state,
        status_at=min(state.status_at, change.at),
        completed_at=_earliest(state.completed_at, change.completed_at or change.at),
        result=change.result if state.result is None else state.result,
        error=state.error or change.error,
    )


def _with_facts(state: JobState, change: JobChange) -> JobState:
    """Return the state with what needs no status: counts, first times, and values of which the latest counts."""
    facts: dict[str, Any] = {
        "attempts": max(state.attempts, change.attempts or 0),
        "processed_at": _earliest(state.processed_at, change.processed_at),
    }
    for name in ("run_id", "worker", "progress", "priority"):
        told, told_at = getattr(change, name), getattr(state, f"{name}_at")
        newer = told_at is None or (change.at, str(told)) >= (told_at, str(getattr(state, name)))
        if told is not None and newer:
            facts |= {name: told, f"{name}_at": change.at}
    return replace(state, **facts)


def _earliest(*instants: datetime | None) -> datetime | None:
    return min((instant for instant in instants if instant is not None), default=None)
