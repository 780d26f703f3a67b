"""Policies: how long a step may take and how it is tried again. One table; no number stands in a workflow.

No schedule_to_start and no schedule_to_close on steps: they would run on while a queue is paused.
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from temporalio.common import Priority as TemporalPriority
from temporalio.common import RetryPolicy

from contracts.repair import SYSTEM_QUEUE

DEFAULT_MAX_ATTEMPTS = 5
PAYMENT_MAX_ATTEMPTS = 8
"""Two minutes of asking before a payment stands still; then it is asked on, ever more slowly."""
MAX_MAX_ATTEMPTS = 100


@dataclass(frozen=True)
class StepPolicy:
    """How a step is run. A step that is alive says so every 0.5 s by itself (temporal/interceptors/heartbeat.py)."""

    start_to_close: timedelta
    heartbeat: timedelta
    initial_interval: timedelta
    maximum_interval: timedelta
    backoff: float = 2.0

    def options(self, max_attempts: int) -> dict[str, Any]:
        """Return the keyword arguments for `workflow.execute_activity`."""
        retry = RetryPolicy(
            initial_interval=self.initial_interval,
            backoff_coefficient=self.backoff,
            maximum_interval=self.maximum_interval,
            maximum_attempts=max_attempts,
        )
        return {
            "start_to_close_timeout": self.start_to_close,
            "heartbeat_timeout": self.heartbeat,
            "retry_policy": retry,
        }


LOCAL_WORK = StepPolicy(
    start_to_close=timedelta(minutes=2),
    heartbeat=timedelta(seconds=3),
    initial_interval=timedelta(milliseconds=200),
    maximum_interval=timedelta(seconds=10),
)
"""Work on this machine's processor: a retry mostly means that a process died."""

MONEY_MOVE = replace(
    LOCAL_WORK,
    start_to_close=timedelta(minutes=3),
    initial_interval=timedelta(seconds=1),
    maximum_interval=timedelta(seconds=60),
)
"""Moving money: longer than all its calls to the provider and the ledger can take together."""

REMOTE_READ = replace(LOCAL_WORK, initial_interval=timedelta(seconds=1), maximum_interval=timedelta(seconds=60))
"""Reading from somebody else's server: give it time between attempts."""

REMOTE_POST = replace(REMOTE_READ, start_to_close=timedelta(minutes=5))
"""Posting with up to four pictures: longer than all its calls to a platform can take together."""

MODEL_CALL = replace(REMOTE_READ, start_to_close=timedelta(minutes=30), maximum_interval=timedelta(minutes=2))
"""Asking models: longer than several providers, each asked and asked again, may take together."""

RECORD: dict[str, Any] = {
    "start_to_close_timeout": timedelta(seconds=3),
    "retry_policy": RetryPolicy(initial_interval=timedelta(milliseconds=100), maximum_attempts=2),
}
"""Telling the read model. It gives up soon: a job does not wait for the record, the repair completes it.

Attempts are counted because the SDK does not hold local activities to their schedule_to_close while they retry.
"""

CONTROL: dict[str, Any] = {
    "task_queue": SYSTEM_QUEUE,
    "start_to_close_timeout": timedelta(seconds=30),
    "retry_policy": RetryPolicy(initial_interval=timedelta(milliseconds=500), maximum_interval=timedelta(seconds=5)),
    "priority": TemporalPriority(priority_key=1),
}
"""The queue's own small steps: without them a job stands still, so they are tried until they succeed."""

REPAIR: dict[str, Any] = {
    "start_to_close_timeout": timedelta(minutes=10),
    "heartbeat_timeout": timedelta(seconds=5),
    "retry_policy": RetryPolicy(maximum_attempts=2),
}
"""The schedule comes again soon: a repair that fails twice leaves its work to the next one."""

RECONCILIATION: dict[str, Any] = {
    "start_to_close_timeout": timedelta(hours=2),
    "heartbeat_timeout": timedelta(seconds=5),
    "retry_policy": RetryPolicy(initial_interval=timedelta(seconds=5), maximum_interval=timedelta(minutes=10)),
}
"""A day must be compared: tried until it succeeds, however long the provider is away."""

RELEASE: dict[str, Any] = {
    "start_to_close_timeout": timedelta(minutes=10),
    "heartbeat_timeout": timedelta(seconds=5),
    "retry_policy": RetryPolicy(initial_interval=timedelta(milliseconds=500), maximum_interval=timedelta(seconds=10)),
}
"""A pause that ends by the clock must end: tried until it succeeds."""

UPKEEP: dict[str, Any] = {**RELEASE, "start_to_close_timeout": timedelta(minutes=20)}
"""A stretch of upkeep is ten minutes long; one that lost its worker goes on in another within seconds."""

ERASE: dict[str, Any] = {**RELEASE, "start_to_close_timeout": timedelta(hours=1)}
"""A tenant is forgotten to the end, however long that takes."""

BULK: dict[str, Any] = {
    "start_to_close_timeout": timedelta(minutes=1),
    "heartbeat_timeout": timedelta(seconds=5),
    "retry_policy": RetryPolicy(
        initial_interval=timedelta(milliseconds=500), maximum_interval=timedelta(seconds=10), maximum_attempts=360
    ),
}
"""A page of a bulk action takes two seconds. One that does not succeed within an hour ends the action as failed."""
