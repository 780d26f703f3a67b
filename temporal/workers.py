"""Builds the Temporal workers of one process: one per task queue, and every job type has its own."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from temporalio.client import Client
from temporalio.worker import Worker

from activities.approvals import ApprovalActivities
from activities.bulk import BulkActivities
from activities.dependencies import DependencyActivities
from activities.erasure import ErasureActivities
from activities.history import HistoryActivities
from activities.inline import InlineActivities
from activities.payments import PaymentChecks
from activities.persons import PersonActivities
from activities.reconciliation import ReconciliationActivities
from activities.release import ReleaseActivities
from activities.repair import RepairActivities
from activities.scheduled_starts import ScheduledStartActivities
from activities.upkeep import UpkeepActivities
from contracts.repair import SYSTEM_QUEUE
from temporal.registry import JOB_TYPES
from workflows.bulk import BulkWorkflow
from workflows.erasure import EraseWorkflow
from workflows.persons import ErasePersonWorkflow
from workflows.reconciliation import ReconciliationWorkflow
from workflows.release import ReleaseWorkflow
from workflows.repair import RepairWorkflow
from workflows.upkeep import UpkeepWorkflow

QUEUES = (*JOB_TYPES, SYSTEM_QUEUE)
"""All task queues there are."""

SYSTEM_WORKFLOWS: tuple[type[Any], ...] = (
    RepairWorkflow,
    ReleaseWorkflow,
    UpkeepWorkflow,
    BulkWorkflow,
    ReconciliationWorkflow,
    EraseWorkflow,
    ErasePersonWorkflow,
)
SYSTEM_ACTIVITIES: tuple[type[Any], ...] = (
    RepairActivities,
    ApprovalActivities,
    DependencyActivities,
    ScheduledStartActivities,
    InlineActivities,
    ReleaseActivities,
    UpkeepActivities,
    BulkActivities,
    ErasureActivities,
    PersonActivities,
    PaymentChecks,
    ReconciliationActivities,
)
"""What the service does for itself, on its own queue."""
SYSTEM_SLOTS = 8
"""Least room on the system queue: upkeep and long releases each take a place for minutes."""

RESULT_WAITS = timedelta(seconds=1)
"""How long a dead worker's sticky queue holds back a job's next task (10 s by default)."""
HEARTBEAT_THROTTLE = timedelta(seconds=1)


def build_worker(client: Client, queue: str, providers: Mapping[str, object], slots: int, drain: timedelta) -> Worker:
    """Return the worker of one task queue with room for `slots` steps at once.

    The backlog forms in the activity queue, where priority, fairness, pause and rate act; eager activities would pass
    them by and stay off. Workflow tasks are short and get plenty of room.
    """
    workflows, steps = _served(queue, providers)
    return Worker(
        client,
        task_queue=queue,
        workflows=workflows,
        activities=steps,
        max_concurrent_activities=max(slots, SYSTEM_SLOTS) if queue == SYSTEM_QUEUE else slots,
        max_concurrent_workflow_tasks=100,
        max_concurrent_local_activities=50,
        disable_eager_activity_execution=True,
        sticky_queue_schedule_to_start_timeout=RESULT_WAITS,
        max_heartbeat_throttle_interval=HEARTBEAT_THROTTLE,
        default_heartbeat_throttle_interval=HEARTBEAT_THROTTLE,
        graceful_shutdown_timeout=drain,
    )


def _served(queue: str, providers: Mapping[str, object]) -> tuple[list[type[Any]], list[Callable[..., Any]]]:
    if queue == SYSTEM_QUEUE:
        return list(SYSTEM_WORKFLOWS), [step for kind in SYSTEM_ACTIVITIES for step in _steps(made(kind, providers))]
    job_type = JOB_TYPES[queue]
    steps = [step for kind in (job_type.activities, HistoryActivities) for step in _steps(made(kind, providers))]
    return [job_type.workflow], steps


def made(kind: type[Any], providers: Mapping[str, object]) -> object:
    """Make a class of steps, each provider handed in by the name of its parameter."""
    return kind(**{name: providers[name] for name in inspect.signature(kind).parameters})


def _steps(instance: object) -> list[Callable[..., Any]]:
    """Return the bound steps of an instance: its methods that are Temporal activities."""
    steps = [getattr(instance, name) for name in vars(type(instance)) if not name.startswith("_")]
    return [step for step in steps if hasattr(step, "__temporal_activity_definition")]


def served_in_order(queues: Sequence[str]) -> list[str]:
    """Return the queues once each.

    Raises:
        ValueError: There is no such queue.
    """
    for queue in queues:
        if queue not in QUEUES:
            msg = f"no queue '{queue}'; there are: {', '.join(QUEUES)}"
            raise ValueError(msg)
    return list(dict.fromkeys(queues))
