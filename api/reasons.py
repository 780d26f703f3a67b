"""The reasons why a job stands where it stands, in plain words. Pure: same facts, same words."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from contracts.approvals import Subject
from contracts.bulk import PAYMENTS
from contracts.explanations import Code, Reason
from contracts.failures import OUTCOME_UNKNOWN
from contracts.jobs import Job, JobStatus
from contracts.pauses import CIRCUIT_ACTOR, Pause, QueueState
from contracts.values import ALL_TENANTS
from temporal.engine import LiveJob, LiveStep


@dataclass(frozen=True)
class Facts:
    """What is known of a job at one moment. `may_read`: whether error texts may be shown.

    quiet: whether quiet hours, and not a limit per minute, put its turn where it is
    waits_for: the dependencies that have not ended, each with its status; None for one that has no row yet
    """

    now: datetime
    job: Job
    live: LiveJob
    pauses: tuple[Pause, ...]
    queue: QueueState
    waits_for: dict[str, JobStatus | None]
    may_read: bool
    quiet: bool = False

    @property
    def queued(self) -> list[LiveStep]:
        """The steps that wait for a worker."""
        return [step for step in self.live.steps if not step.running and step.next_attempt_at is None]

    @property
    def due(self) -> bool:
        """Whether nothing in time holds the job back."""
        return all(instant is None or instant <= self.now for instant in (self.job.run_at, self.job.slot_at))


def over(job: Job, *, may_read: bool) -> Reason:
    """Return how a job ended, or why it is dead."""
    said = f": {job.error.message}" if job.error and job.error.message and may_read else ""
    if job.status.ended:
        took = f" after {job.processing_time / 1000:.1f} s" if job.processing_time is not None else ""
        return Reason(code=Code.DONE, message=f"The job is {job.status.value}{took}{said}.")
    step = f"the step {job.error.step}" if job.error and job.error.step else "a step"
    if job.error and job.error.type == OUTCOME_UNKNOWN:
        finding = (
            "the queue asks the provider again and again, and the job goes on by itself as soon as that is known."
            if job.job_type == PAYMENTS
            else "the job waits until somebody has found out, and can then be discarded."
        )
        message = (
            f"Nobody knows whether {step} took effect{said}. It is not done again, so that nothing happens twice; "
            + finding
        )
        return Reason(code=Code.OUTCOME_UNKNOWN, message=message)
    message = f"The job is dead: {step} can go no further by itself{said}. An operator may retry, edit or discard it."
    return Reason(code=Code.DEAD, message=message)


def reasons(facts: Facts) -> Iterator[Reason]:
    """Yield what holds the job and what it does, the strongest hold first; always at least one."""
    holds = [*_in_time(facts), *_dependencies(facts), *_approval(facts)]
    yield from holds
    doing = [*_running(facts), *_failed(facts)]
    if not holds and (facts.queued or not doing):
        yield from _in_the_queue(facts)
    yield from doing


def _in_time(facts: Facts) -> Iterator[Reason]:
    job = facts.job
    if job.run_at and job.run_at > facts.now:
        yield Reason(code=Code.SCHEDULED, message=f"The job is to run at {_at(job.run_at)}.", until=job.run_at)
    if job.slot_at and job.slot_at > facts.now:
        why = "keep quiet hours" if facts.quiet else "are limited per minute"
        message = f"The shop's {job.job_type} jobs {why}; this one has its turn at {_at(job.slot_at)}."
        yield Reason(code=Code.RATE_LIMITED, message=message, until=job.slot_at)


def _dependencies(facts: Facts) -> Iterator[Reason]:
    if facts.due and facts.waits_for:
        named = [
            f"{job_id} ({status.value if status else 'not recorded yet'})" for job_id, status in facts.waits_for.items()
        ]
        more = f" and {len(named) - 3} more" if len(named) > 3 else ""
        message = f"The job waits for {len(named)} other to end: {', '.join(named[:3])}{more}."
        yield Reason(code=Code.WAITING_FOR_DEPENDENCY, message=message)


def _approval(facts: Facts) -> Iterator[Reason]:
    asked = facts.job.approval
    if asked and asked.pending:
        what = f"what it made in round {asked.round}" if asked.subject is Subject.RESULT else asked.message
        message = f"The job waits since {_at(asked.created_at)} for somebody to approve {what}"
        message = f"{message}, until {_at(asked.expires_at)}."
        yield Reason(code=Code.WAITING_FOR_APPROVAL, message=message, until=asked.expires_at)


def _running(facts: Facts) -> Iterator[Reason]:
    running = [step for step in facts.live.steps if step.running]
    if not running:
        return
    first, progress = running[0], facts.job.progress
    again = f", attempt {first.attempt} of {first.max_attempts}" if first.attempt > 1 else ""
    where = f" on worker {first.worker}" if first.worker else ""
    done = f"; {progress.done} of {progress.total} {progress.unit}s are done" if progress and progress.total else ""
    steps = "1 step runs" if len(running) == 1 else f"{len(running)} steps run"
    yield Reason(code=Code.RUNNING, message=f"{steps} now: {first.name}{where}{again}{done}.")


def _failed(facts: Facts) -> Iterator[Reason]:
    for step in sorted(facts.live.steps, key=lambda step: step.next_attempt_at or facts.now):
        if step.next_attempt_at is None:
            continue
        if step.error_type == "Unconfirmed":
            yield _unconfirmed(step, step.next_attempt_at)
            continue
        limit = step.error_type == "RateLimited"
        said = f" ({step.error_type}: {step.error})" if facts.may_read else f" ({step.error_type})"
        why = "was told by the other side to come later" if limit else "failed"
        when = f"attempt {step.attempt} of {step.max_attempts} is at {_at(step.next_attempt_at)}"
        code = Code.PROVIDER_LIMIT if limit else Code.BACKING_OFF
        message = f"The step {step.name} {why}{said}; {when}."
        yield Reason(code=code, message=message, until=step.next_attempt_at)


def _unconfirmed(step: LiveStep, at: datetime) -> Reason:
    message = (
        f"The step {step.name} was sent to the provider and no answer came, so nobody knows yet whether it took "
        f"effect. It is not sent again before the provider was asked, at {_at(at)}."
    )
    return Reason(code=Code.OUTCOME_UNKNOWN, message=message, until=at)


def _in_the_queue(facts: Facts) -> Iterator[Reason]:
    for pause in sorted(facts.pauses, key=lambda pause: pause.tenant_id != ALL_TENANTS):
        every = pause.tenant_id == ALL_TENANTS
        if pause.actor == CIRCUIT_ACTOR:
            yield _circuit_open(pause)
            continue
        whom = f"All {pause.job_type} jobs are" if every else f"The {pause.job_type} jobs of {pause.tenant_id} are"
        end = f", until {_at(pause.until)}" if pause.until else ", until somebody resumes them"
        message = f"{whom} paused by {pause.actor} since {_at(pause.since)}{end}: {pause.reason}."
        yield Reason(code=Code.QUEUE_PAUSED if every else Code.TENANT_PAUSED, message=message, until=pause.until)
    if facts.pauses:
        return
    if not facts.queue.pollers:
        message = f"No worker serves {facts.job.job_type} jobs at the moment; the job begins when one is started."
        yield Reason(code=Code.NO_WORKER, message=message)
    else:
        yield Reason(code=Code.WAITING_FOR_WORKER, message=_behind(facts))


def _circuit_open(pause: Pause) -> Reason:
    message = (
        f"All {pause.job_type} jobs wait since {_at(pause.since)}, because the provider would refuse each of them: "
        f"{pause.reason}. No attempt is spent; the provider is asked every few seconds, and they go on by themselves."
    )
    return Reason(code=Code.CIRCUIT_OPEN, message=message)


def _behind(facts: Facts) -> str:
    """Say how many steps are served before this job's, or with it."""
    key = facts.job.priority.key
    ahead = sum(count for level, count in facts.queue.backlog.items() if level < key)
    same = facts.queue.backlog.get(key, 0)
    workers = f"{len(facts.queue.pollers)} worker{'s' if len(facts.queue.pollers) > 1 else ''}"
    if not ahead and same <= 1:
        return f"The job is next: {workers} will take it as soon as one is free."
    return (
        f"All workers ({len(facts.queue.pollers)}) are busy. Steps before it by priority: {ahead}; "
        f"of the same priority, shops taking turns: {same}."
    )


def eta(facts: Facts) -> datetime | None:
    """Return about when the job will be done, by its own pace, or begin, by that of its queue; None if nobody knows."""
    job, progress = facts.job, facts.job.progress
    later = [instant for instant in (job.run_at, job.slot_at) if instant and instant > facts.now]
    if later:
        return max(later)
    if facts.pauses or facts.waits_for or (job.approval and job.approval.pending):
        return None
    if job.processed_at and progress and 0 < progress.done < progress.total:
        return facts.now + (facts.now - job.processed_at) * ((progress.total - progress.done) / progress.done)
    before = sum(count for level, count in facts.queue.backlog.items() if level <= job.priority.key)
    if facts.queued and facts.queue.steps_per_second > 0:
        return facts.now + timedelta(seconds=before / facts.queue.steps_per_second)
    return None


def _at(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%d %H:%M:%S UTC")
