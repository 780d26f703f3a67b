"""One stretch of upkeep. The schedule lets the next one begin when this one ends, so there is never a second one."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.upkeep import UpkeepActivities
    from contracts.policies import UPKEEP
    from contracts.upkeep import UpkeepInput, UpkeepReport


@workflow.defn(name="system.upkeep")
class UpkeepWorkflow:
    """Keep the queue in order for a stretch of time."""

    @workflow.run
    async def run(self, step: UpkeepInput) -> UpkeepReport:
        """Return what the stretch did, by part."""
        return await workflow.execute_activity_method(UpkeepActivities.keep_up, step, **UPKEEP)
