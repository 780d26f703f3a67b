"""Rehearsal job: its steps one after the other."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from benchmarks.rehearsal.activities import RehearsalActivities
    from benchmarks.rehearsal.contracts import Fate, PlayInput, RehearsalInput, RehearsalResult
    from contracts.jobs import JobInput
    from contracts.policies import LOCAL_WORK
    from workflows.job import JobWorkflow


@workflow.defn(name="rehearsal")
class RehearsalWorkflow(JobWorkflow):
    """Do as told."""

    @workflow.run
    async def run(self, job: JobInput[RehearsalInput]) -> RehearsalResult:
        """Return which steps were done, in their order."""
        return await self.carry_out(job, self._story)

    async def _story(self, given: RehearsalInput) -> RehearsalResult:
        done = []
        for place in range(given.steps):
            last = place == given.steps - 1
            fate = given.fate if last or given.fate is Fate.FLAKY else Fate.WELL
            step = PlayInput(place=place, work_ms=given.work_ms, fate=fate)
            done.append(await self.step(RehearsalActivities.play, step, LOCAL_WORK))
            self.advance(f"step {place + 1} done")
        return RehearsalResult(done=tuple(done))
