"""Generation job: the text, its picture, and where it is wanted somebody's approval, round after round."""

from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.generations import GenerationActivities
    from contracts.approvals import ApprovalDecision, ApprovalStatus, ApprovalWish, Subject
    from contracts.failures import NOT_APPROVED
    from contracts.generations import (
        Draft,
        Drawing,
        DrawInput,
        GenerationInput,
        GenerationResult,
        Revision,
        WriteInput,
        picture_prompt,
        result_of,
    )
    from contracts.jobs import JobInput
    from contracts.policies import MODEL_CALL
    from workflows.approvals import ApprovalGate
    from workflows.job import JobWorkflow


@workflow.defn(name="ai_generation")
class GenerationWorkflow(JobWorkflow):
    """Have a model write what a shop needs."""

    def __init__(self) -> None:
        super().__init__()
        self._gate = ApprovalGate()

    @workflow.run
    async def run(self, job: JobInput[GenerationInput]) -> GenerationResult:
        """Return what was made, and what it cost."""
        return await self.carry_out(job, self._story)

    @workflow.update
    def decide(self, decision: ApprovalDecision) -> None:
        """Take somebody's decision on what the job asks to have approved."""
        self._gate.decide(decision)

    @decide.validator
    def _may_decide(self, decision: ApprovalDecision) -> None:
        self._gate.must_be_open(decision)

    async def _story(self, order: GenerationInput) -> GenerationResult:
        revisions: tuple[Revision, ...] = ()
        while True:
            draft = await self._written(order, revisions)
            drawing = await self._drawn(order, draft) if order.draws else None
            result = result_of(order, draft, drawing, revisions)
            if order.approval is None:
                return result
            decided = await self._decided(order.approval, result, len(revisions) + 1)
            if decided.decision is ApprovalStatus.APPROVED:
                self.advance(f"approved by {decided.actor}")
                return result.model_copy(update={"approval_status": decided.decision})
            revisions += (Revision(text=draft.text, notes=decided.notes or ""),)
            self.begin_anew(order)

    async def _written(self, order: GenerationInput, revisions: tuple[Revision, ...]) -> Draft:
        names = {"job_id": self._header.id, "tenant_id": self._header.tenant_id}
        overdraw = False
        while True:
            step = WriteInput(**names, order=order, revisions=revisions, overdraw=overdraw)
            written = await self.step(GenerationActivities.write, step, MODEL_CALL)
            if written.draft:
                self.advance(f"the text is written, by {written.draft.model}")
                return written.draft
            overdraw = await self._may_overdraw(written.spent or "", written.renewed_at or workflow.now())

    async def _may_overdraw(self, spent: str, renewed_at: datetime) -> bool:
        """Return True when somebody approves it, and False when there is a new budget, or a larger one.

        Raises:
            ApplicationError: Somebody rejected it.
        """
        self.note("approval_requested", f"today's budget is spent ({spent}): waits for approval, or for tomorrow")
        words = f"that it goes on although today's budget is spent ({spent}); tomorrow it goes on by itself"
        decided = await self._gate.decision(self._header, Subject.BUDGET, renewed_at, timedelta(days=1), message=words)
        if decided.decision is ApprovalStatus.REJECTED:
            raise ApplicationError(f"not approved: rejected by {decided.actor}", type=NOT_APPROVED, non_retryable=True)
        return decided.decision is ApprovalStatus.APPROVED

    async def _drawn(self, order: GenerationInput, draft: Draft) -> Drawing:
        names = {"job_id": self._header.id, "tenant_id": self._header.tenant_id}
        step = DrawInput(**names, order=order, prompt=picture_prompt(order, draft))
        drawing = await self.step(GenerationActivities.draw, step, MODEL_CALL)
        self.advance("the picture is drawn" if drawing.asset else drawing.note or "")
        return drawing

    async def _decided(self, wish: ApprovalWish, result: GenerationResult, round: int) -> ApprovalDecision:
        """Return an approval, or a wish for a revision.

        Raises:
            ApplicationError: It was rejected, or nobody decided in time.
        """
        self.note("approval_requested", f"round {round} waits for somebody's approval")
        until = workflow.now() + wish.expires_after
        shown = result.to_wire()
        decided = await self._gate.decision(
            self._header, Subject.RESULT, until, wish.remind_after, round=round, draft=shown
        )
        kind = decided.decision.value
        if decided.decision in {ApprovalStatus.APPROVED, ApprovalStatus.REVISION}:
            self.note(f"approval_{kind}", f"round {round}: {kind}", actor=decided.actor)
            return decided
        words = f": {decided.notes}" if decided.notes else ""
        said = (
            f"rejected by {decided.actor}{words}" if decided.decision is ApprovalStatus.REJECTED else "nobody decided"
        )
        raise ApplicationError(f"not approved: {said}", type=NOT_APPROVED, non_retryable=True)
