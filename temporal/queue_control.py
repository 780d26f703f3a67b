"""Stops and starts a job type's queue of steps by Temporal's own rate limit: at once, and durably.

Workflow queues cannot be limited and need not be: a new job starts, is seen, can be cancelled, and waits.
A request's unknown fields are dropped by the server without a word, so what was set is read back.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import RateLimitConfig, TaskQueue
from temporalio.api.workflowservice.v1 import (
    DescribeTaskQueueRequest,
    DescribeTaskQueueResponse,
    UpdateTaskQueueConfigRequest,
)
from temporalio.client import Client

from contracts.errors import Unavailable
from contracts.pauses import Pause, QueueState
from temporal.calls import answer

LONGEST_NOTE = 1000
"""Bytes of a reason that the server keeps; it refuses longer ones."""
TRIES = 5
FOLLOWER = "system:pauses"
"""Named as the one who let a queue go on when nobody asked for it: its pause is over."""


class QueueControl:
    """The queues of steps, one for each job type and under its name."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def stop(self, job_type: str, reason: str, actor: str) -> None:
        """Give out no more steps of the type; running ones finish. Stopping again replaces reason and actor.

        Raises:
            Unavailable: Temporal did not answer in time.
        """
        await self.limit(job_type, 0, reason, actor)

    async def go(self, job_type: str, reason: str, actor: str) -> None:
        """Give out steps of the type again, as fast as workers take them.

        Raises:
            Unavailable: Temporal did not answer in time.
        """
        await self.limit(job_type, None, reason, actor)

    async def limit(self, job_type: str, per_second: float | None, reason: str, actor: str) -> None:
        """Give out so many steps of the type per second at most; None takes the limit away.

        Raises:
            Unavailable: Temporal did not answer in time.
        """
        request = self._change(job_type, reason, actor)
        if per_second is not None:
            request.update_queue_rate_limit.rate_limit.requests_per_second = per_second
        await answer(self._client.workflow_service.update_task_queue_config(request))

    async def state(self, job_type: str) -> QueueState:
        """Return what Temporal says of the type's queue now; counts may be half a second old.

        Raises:
            Unavailable: Temporal did not answer in time.
        """
        return _state(await self._describe(job_type, report_stats=True, report_pollers=True))

    async def follow(self, job_type: str, decided: Callable[[], Awaitable[Pause | None]]) -> bool:
        """Make the queue stand or go as decided; tell whether anything had to be changed. Safe to run twice.

        Several may do this at once, each on a decision that the next one overtakes. So the queue is looked at first
        and the decision asked for after it: who changed the queue by an old decision looks again and mends it.

        Raises:
            Unavailable: Temporal did not answer, or did not do it.
        """
        for tries in range(TRIES):
            now = _state(await self._describe(job_type))
            pause = await decided()
            if _agree(now, pause):
                return tries > 0
            if pause:
                await self.stop(job_type, pause.reason, pause.actor)
            else:
                await self.go(job_type, "no pause is in force", FOLLOWER)
        msg = f"Temporal does not take the rate of the queue '{job_type}'"
        raise Unavailable(msg)

    async def _describe(
        self, job_type: str, *, report_stats: bool = False, report_pollers: bool = False
    ) -> DescribeTaskQueueResponse:
        request = DescribeTaskQueueRequest(
            namespace=self._client.namespace,
            task_queue=TaskQueue(name=job_type),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
            report_config=True,
            report_stats=report_stats,
            report_pollers=report_pollers,
        )
        return await answer(self._client.workflow_service.describe_task_queue(request))

    def _change(self, job_type: str, reason: str, actor: str) -> UpdateTaskQueueConfigRequest:
        """Return the request that unsets the rate: one with a reason and without a limit."""
        request = UpdateTaskQueueConfigRequest(
            namespace=self._client.namespace,
            identity=_clipped(actor),
            task_queue=job_type,
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
        )
        request.update_queue_rate_limit.reason = _clipped(reason)
        return request


def _agree(now: QueueState, pause: Pause | None) -> bool:
    """Tell whether the queue stands as decided, and says why. A limit above zero is somebody else's and stays."""
    if pause is None:
        return not now.paused
    return now.paused and (now.reason, now.actor) == (_clipped(pause.reason), _clipped(pause.actor))


def _state(described: DescribeTaskQueueResponse) -> QueueState:
    limit = described.config.queue_rate_limit
    return QueueState(
        paused=_is_zero(limit),
        limit_per_second=described.effective_rate_limit.requests_per_second,
        reason=limit.metadata.reason or None,
        actor=limit.metadata.update_identity or None,
        changed_at=_instant(limit.metadata.update_time) if limit.metadata.HasField("update_time") else None,
        backlog={key: stats.approximate_backlog_count for key, stats in described.stats_by_priority_key.items()},
        oldest_seconds=described.stats.approximate_backlog_age.ToTimedelta().total_seconds(),
        steps_per_second=described.stats.tasks_dispatch_rate,
        pollers=tuple(sorted({poller.identity for poller in described.pollers})),
    )


def _is_zero(limit: RateLimitConfig) -> bool:
    return limit.HasField("rate_limit") and limit.rate_limit.requests_per_second == 0


def _instant(stamp: Timestamp) -> datetime:
    return stamp.ToDatetime(tzinfo=UTC)


def _clipped(text: str) -> str:
    return text.encode()[:LONGEST_NOTE].decode(errors="ignore")
