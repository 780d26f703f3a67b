"""What somebody decides about a kind of failure."""

from datetime import UTC, datetime

from pydantic import Field

from api.identity import Caller, Right
from contracts.error_marks import ErrorMark, MarkedError
from contracts.errors import NotFound
from contracts.values import RequestBody, TenantId
from readmodel.dead_letters import DeadLetters
from readmodel.error_marks import ErrorMarks


class MarkBody(RequestBody):
    """A mark, and why."""

    mark: ErrorMark
    reason: str | None = Field(default=None, max_length=500)
    tenant_id: TenantId | None = Field(default=None, description="only platform keys name a tenant")


class DeadLetterDesk:
    """Marks groups of dead jobs, in the scope of whoever does it.

    Every method raises `Forbidden` when the key may not decide about jobs, `NotFound` when no job in its scope is dead
    of that, and `Unavailable` when the database did not answer.
    """

    def __init__(self, letters: DeadLetters, marks: ErrorMarks) -> None:
        self._letters = letters
        self._marks = marks

    async def mark(self, caller: Caller, fingerprint: str, body: MarkBody) -> None:
        """Mark a group; again is the same."""
        marked = MarkedError(mark=body.mark, at=datetime.now(UTC), actor=caller.actor, reason=body.reason)
        await self._put(caller, fingerprint, body.tenant_id, marked)

    async def unmark(self, caller: Caller, fingerprint: str, tenant_id: str | None = None) -> None:
        """Take a group's mark away; again is the same."""
        await self._put(caller, fingerprint, tenant_id, None)

    async def _put(self, caller: Caller, fingerprint: str, tenant_id: str | None, marked: MarkedError | None) -> None:
        caller.must(Right.JOBS_DECIDE)
        scope = caller.scope_for(tenant_id)
        if not await self._letters.has(scope, fingerprint):
            msg = f"no job is dead of '{fingerprint}'"
            raise NotFound(msg)
        await self._marks.put(scope, fingerprint, marked, caller.author)
