"""Bulk actions: asked for, looked at, aborted; and the decisions on their jobs, each with its author's rights."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from uuid_utils import uuid7

from api.audit import AuditTrail
from api.identity import Caller, Right, no_such_job
from api.requests import DiscardBody, RetryBody
from api.service import QueueService
from contracts.audit import AuditAction
from contracts.bulk import (
    BulkAction,
    BulkAuthor,
    BulkKind,
    BulkOrder,
    BulkOutcome,
    BulkPreview,
    BulkProgress,
    BulkRequest,
    BulkStatus,
    BulkTarget,
)
from contracts.errors import Conflict, NotFound, Rejected, Unavailable
from contracts.failures import DISCARDED
from contracts.jobs import JobStatus, RetryRequest
from contracts.values import ALL_TENANTS, job_id, job_type_of, request_hash, tenant_of
from readmodel.bulk import BulkActions
from readmodel.claims import used_otherwise
from readmodel.intake import Intake
from temporal.bulk import BulkRuns
from temporal.engine import TemporalEngine
from temporal.registry import find_job_type


@dataclass(frozen=True)
class Ordered:
    """An action as asked for; `replayed` when the same request asked for it before."""

    action: BulkAction
    replayed: bool = False


class BulkOrders:
    """Operations on bulk actions, each in the scope of its caller. All need the database."""

    def __init__(self, actions: BulkActions, runs: BulkRuns, intake: Intake, trail: AuditTrail) -> None:
        self._actions = actions
        self._runs = runs
        self._intake = intake
        self._trail = trail

    async def preview(self, caller: Caller, request: BulkRequest) -> BulkPreview:
        """Return what the action would be done to now; nothing is done.

        Raises:
            Forbidden: The key may not do that, or not to this job type or tenant.
        """
        return await self._actions.preview(_order(caller, request, None))

    async def start(self, caller: Caller, request: BulkRequest, key: str | None = None) -> Ordered:
        """Have the action carried out; it is durable when this returns. The same key and request name the same action.

        Killed between its steps, the workflow itself makes the record, and the same request again finds what there is.

        Raises:
            Forbidden: The key may not do that, or not to this job type or tenant.
            InvalidInput: The key was used for another request.
            Unavailable: The database or Temporal did not answer; without a key it may have been started.
        """
        order = _order(caller, request, key)
        if key is not None:
            owner, said = order.tenant_id or ALL_TENANTS, order.model_dump(mode="json", include=_ASKED)
            await self._intake.remember(owner, key, request_hash(owner, said), order.id)
            if known := await self._actions.get(order.id):
                return _again(known, order, key)
        found = await self._actions.preview(order)
        counted = {"matched": found.matched, "excluded_payments": found.excluded_payments}
        order = order.model_copy(update=counted)
        new = await self._runs.start(order)
        with suppress(Unavailable):  # it is durable, and its first page makes the record
            await self._actions.keep(order, BulkProgress(), BulkStatus.PENDING)
        if new:
            await self._trail.note(caller, AuditAction.BULK_START, order.id, _whose(order), after=_told(order))
        return Ordered(BulkAction.of(order), replayed=not new)

    async def get(self, caller: Caller, action_id: str) -> BulkAction:
        """Return an action and how far it is.

        Raises:
            NotFound: There is none in the caller's scope.
        """
        caller.must(Right.JOBS_READ)
        action = await self._actions.get(action_id)
        if action is None or caller.sees not in {None, action.tenant_id}:
            msg = f"no bulk action '{action_id[:300]}'"
            raise NotFound(msg)
        return action

    async def list(self, caller: Caller, limit: int, cursor: str | None) -> tuple[list[BulkAction], str | None]:
        """Return a page of actions, newest first, and the cursor of the next.

        Raises:
            InvalidInput: The cursor is not one of this list.
        """
        caller.must(Right.JOBS_READ)
        found, following = await self._actions.list(caller.sees, limit, cursor)
        return list(found), following

    async def abort(self, caller: Caller, action_id: str) -> BulkAction:
        """Have an action stop, within two seconds; what it has done stays done.

        Raises:
            NotFound: There is none in the caller's scope.
            Conflict: It has ended.
        """
        action = await self.get(caller, action_id)
        caller.must(_right(action.action))
        if not action.status.ended:
            try:
                await self._runs.abort(action_id, caller.actor)
            except NotFound:
                await self._actions.close(action_id, "its workflow is gone from Temporal")
            else:
                done = {"done": action.done, "matched": action.matched}
                await self._trail.note(caller, AuditAction.BULK_ABORT, action_id, action.tenant_id, after=done)
                return action
        msg = f"the bulk action '{action_id}' has ended"
        raise Conflict(msg)


class BulkDecisions:
    """A `JobDecisions` over the core that callers use themselves."""

    def __init__(self, queue: QueueService, engine: TemporalEngine, trail: AuditTrail) -> None:
        self._queue = queue
        self._engine = engine
        self._trail = trail

    async def decide(self, order: BulkOrder, target: BulkTarget) -> BulkOutcome:
        """Do to the job what the order says, with the rights of its author; for one order no job is retried twice.

        A job that has what is wanted already counts as done: it may have got it from this very order.
        """
        caller = _caller(order)
        try:
            _must_reach(caller, order, target.job_id)
            if order.action is BulkKind.CANCEL:
                return await self._cancel(caller, target.job_id)
            if order.action is BulkKind.DISCARD:
                return await self._discard(caller, order, target.job_id)
            return await self._retry(caller, order, target)
        except (Conflict, NotFound):
            return BulkOutcome(what="skipped")
        except Rejected as error:
            return BulkOutcome(what="failed", why=f"{target.job_id}: {error}")

    async def _cancel(self, caller: Caller, a_job_id: str) -> BulkOutcome:
        try:
            await self._queue.cancel_job(caller, a_job_id)
        except Conflict:
            ended = await self._queue.get_job(caller, a_job_id)
            return BulkOutcome(what="done" if ended.status is JobStatus.CANCELLED else "skipped")
        return BulkOutcome(what="done")

    async def _discard(self, caller: Caller, order: BulkOrder, a_job_id: str) -> BulkOutcome:
        try:
            await self._queue.discard_job(caller, a_job_id, DiscardBody(reason=order.reason))
        except Conflict:
            job = await self._queue.get_job(caller, a_job_id)
            return BulkOutcome(what="done" if job.error and job.error.type == DISCARDED else "skipped")
        return BulkOutcome(what="done")

    async def _retry(self, caller: Caller, order: BulkOrder, target: BulkTarget) -> BulkOutcome:
        """Retry a job. A second retry by one order is found by its id: in the job's workflow, or as the child's key."""
        if target.status is JobStatus.DEAD:
            caller.must(Right.JOBS_DECIDE)
            request = RetryRequest(
                actor=caller.actor, request_id=order.id, priority=order.priority, from_start=order.from_start
            )
            await self._engine.retry(target.job_id, request)
            one, whose = target.job_id, tenant_of(target.job_id)
            before, after = {"status": target.status}, {"from": "start" if order.from_start else "failed_step"}
            await self._trail.note(caller, AuditAction.JOB_RETRY, one, whose, job_id=one, before=before, after=after)
            return BulkOutcome(what="done", job_id=target.job_id)
        body, key = RetryBody(priority=order.priority), f"bulk:{order.id}:{target.job_id}"
        child = await self._queue.retry_job(caller, target.job_id, body, key)
        return BulkOutcome(what="done", job_id=child.job.id)


def _order(caller: Caller, request: BulkRequest, key: str | None) -> BulkOrder:
    """Return what is to be done, with the caller's rights checked and in its scope."""
    caller.must(_right(request.action))
    wanted = request.filter
    tenant_id = caller.tenant_for(wanted.tenant_id) if caller.sees or wanted.tenant_id else None
    if wanted.job_type:
        names = tuple(kind.name if (kind := find_job_type(name)) else name for name in wanted.job_type)
        for name in names:
            caller.must_use(name)
        wanted = wanted.model_copy(update={"job_type": names})
    author = BulkAuthor(
        key_id=caller.key_id,
        role=caller.role,
        tenant_id=caller.tenant_id,
        scope=caller.scope,
        job_types=tuple(sorted(caller.job_types)),
    )
    return BulkOrder(
        id=job_id(tenant_id or ALL_TENANTS, "bulk", key or str(uuid7())),
        action=request.action,
        filter=wanted,
        reason=request.reason or "",
        author=author,
        tenant_id=tenant_id,
        asked_at=datetime.now(UTC),
        per_second=request.per_second,
        canary=request.canary,
        from_start=request.from_ == "start",
        priority=request.priority,
    )


def _right(kind: BulkKind) -> Right:
    return Right.JOBS_CANCEL if kind is BulkKind.CANCEL else Right.JOBS_DECIDE


def _caller(order: BulkOrder) -> Caller:
    """Return who ordered it; to the audit log the order is the request that what it does comes from."""
    author, types = order.author, frozenset(order.author.job_types)
    return Caller(author.key_id, author.role, author.tenant_id, author.scope, types, request_id=order.id)


def _whose(order: BulkOrder) -> str:
    return order.tenant_id or ALL_TENANTS


def _told(order: BulkOrder) -> dict[str, Any]:
    """Return what the audit log is told of an order."""
    return order.model_dump(mode="json", by_alias=True, include=_ASKED | {"matched"})


def _must_reach(caller: Caller, order: BulkOrder, a_job_id: str) -> None:
    """Pass only when the job is in the order's scope, and its type one that the author's key is for.

    Raises:
        NotFound: It is another tenant's.
        Forbidden: The key is for other job types.
    """
    caller.must_see(a_job_id)
    if order.tenant_id not in {None, tenant_of(a_job_id)}:
        raise NotFound(no_such_job(a_job_id))
    caller.must_use(job_type_of(a_job_id))


_ASKED = {"action", "filter", "reason", "tenant_id", "per_second", "canary", "from_start", "priority"}


def _again(known: BulkAction, order: BulkOrder, key: str) -> Ordered:
    """Return what the key made before.

    Raises:
        InvalidInput: It made that for another request, longer ago than keys are kept.
    """
    same = ("action", "filter", "reason", "per_second", "canary", "priority", "from_")
    asked = BulkAction.of(order)
    if any(getattr(known, name) != getattr(asked, name) for name in same):
        raise used_otherwise(key)
    return Ordered(known, replayed=True)
