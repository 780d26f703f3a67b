"""The release of held jobs: at once when a pause is lifted, or when the clock lifts it."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.release import ReleaseActivities
    from contracts.pauses import ReleaseInput, ReleaseReport
    from contracts.policies import RELEASE


@workflow.defn(name="system.release")
class ReleaseWorkflow:
    """Let the jobs of one job type and tenant go on; a pause to be lifted before is named in the input."""

    @workflow.run
    async def run(self, step: ReleaseInput) -> ReleaseReport:
        """Return what was released."""
        return await workflow.execute_activity_method(ReleaseActivities.release, step, **RELEASE)
