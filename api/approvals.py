"""Approvals for callers: what waits for a decision, and the decision."""

from collections.abc import Sequence

from api.audit import AuditTrail
from api.identity import Caller, Right, no_such_job
from contracts.approvals import Approval, ApprovalBody, ApprovalDecision, ApprovalStatus, Subject
from contracts.audit import AuditAction
from contracts.errors import Conflict, Forbidden, NotFound
from contracts.values import PLATFORM
from readmodel.approvals import Approvals
from temporal.engine import TemporalEngine


class ApprovalDesk:
    """Shows approvals and decides on them, in the scope of the caller.

    Every method raises `Forbidden` without its right, and `Unavailable` when the database did not answer.
    """

    def __init__(self, approvals: Approvals, engine: TemporalEngine, trail: AuditTrail) -> None:
        self._approvals = approvals
        self._engine = engine
        self._trail = trail

    async def list(
        self,
        caller: Caller,
        status: ApprovalStatus | None,
        limit: int,
        cursor: str | None,
        tenant_id: str | None = None,
    ) -> tuple[Sequence[Approval], str | None]:
        """Return a page of approvals, the last asked first, without what they are about.

        Raises:
            InvalidInput: The cursor is not one of this list.
        """
        caller.must(Right.JOBS_READ)
        if caller.sees is not None and tenant_id not in {None, caller.sees}:
            return [], None
        return await self._approvals.list(caller.sees or tenant_id, status, limit, cursor)

    async def get(self, caller: Caller, job_id: str) -> Approval:
        """Return the latest approval that a job asked for, with what it is about for who may read payloads.

        Raises:
            NotFound: There is no such job in the caller's scope, or it asked for none.
        """
        caller.must(Right.JOBS_READ)
        caller.must_see(job_id)
        found = await self._approvals.of(job_id)
        if found is None:
            raise NotFound(no_such_job(job_id))
        return found if caller.may(Right.PAYLOADS_READ) else found.redacted()

    async def decide(self, caller: Caller, job_id: str, body: ApprovalBody) -> Approval:
        """Decide, and return the approval as it is then. The same decision again changes nothing.

        Raises:
            NotFound: As above.
            Forbidden: It is about a budget, and the key is a tenant's.
            Conflict: It was decided otherwise, or another round is asked for now, or the job waits no longer.
        """
        caller.must(Right.JOBS_DECIDE)
        found = await self.get(caller, job_id)
        if found.subject is Subject.BUDGET and caller.tenant_id != PLATFORM:
            msg = "only a key of the platform decides what tenants may spend"
            raise Forbidden(msg)
        if body.round not in {None, found.round}:
            msg = f"the job asks for the approval of round {found.round} now"
            raise Conflict(msg)
        if not found.pending:
            if found.status is body.decision:
                return found
            msg = f"it is {found.status.value} already"
            raise Conflict(msg)
        decision = ApprovalDecision(number=found.number, decision=body.decision, notes=body.notes, actor=caller.actor)
        await self._engine.decide_approval(job_id, decision)
        after = {"decision": body.decision.value, "subject": found.subject.value, "round": found.round}
        await self._trail.note(caller, AuditAction.APPROVAL_DECIDE, job_id, found.tenant_id, job_id=job_id, after=after)
        return found.model_copy(update={"status": body.decision, "decided_by": caller.actor, "notes": body.notes})
