"""Generation job: the text first, then its picture, each a step of its own."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.generations import GenerationActivities
    from contracts.generations import (
        Draft,
        Drawing,
        DrawInput,
        GenerationInput,
        GenerationResult,
        WriteInput,
        picture_prompt,
        result_of,
    )
    from contracts.jobs import JobInput
    from contracts.policies import MODEL_CALL
    from workflows.job import JobWorkflow


@workflow.defn(name="ai_generation")
class GenerationWorkflow(JobWorkflow):
    """Have a model write what a shop needs."""

    @workflow.run
    async def run(self, job: JobInput[GenerationInput]) -> GenerationResult:
        """Return what was made, and what it cost."""
        return await self.carry_out(job, self._story)

    async def _story(self, order: GenerationInput) -> GenerationResult:
        draft = await self._written(order)
        drawing = await self._drawn(order, draft) if order.draws else None
        return result_of(order, draft, drawing)

    async def _written(self, order: GenerationInput) -> Draft:
        step = WriteInput(job_id=self._header.id, tenant_id=self._header.tenant_id, order=order)
        draft = await self.step(GenerationActivities.write, step, MODEL_CALL)
        self.advance(f"the text is written, by {draft.model}")
        return draft

    async def _drawn(self, order: GenerationInput, draft: Draft) -> Drawing:
        names = {"job_id": self._header.id, "tenant_id": self._header.tenant_id}
        step = DrawInput(**names, order=order, prompt=picture_prompt(order, draft))
        drawing = await self.step(GenerationActivities.draw, step, MODEL_CALL)
        self.advance("the picture is drawn" if drawing.asset else drawing.note or "")
        return drawing
