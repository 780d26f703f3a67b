"""The repair that a schedule runs: each run takes up where the last successful one began."""

from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.repair import RepairActivities
    from contracts.policies import REPAIR
    from contracts.repair import RepairInput, RepairReport

OVERLAP = timedelta(minutes=1)
"""Executions are listed a moment after they change, so each run looks back a little."""


@workflow.defn(name="system.repair")
class RepairWorkflow:
    """Repair what changed since the last successful repair."""

    @workflow.run
    async def run(self) -> RepairReport:
        """Return what was compared and repaired; a run that fails leaves its stretch of time to the next."""
        last = workflow.get_last_completion_result(RepairReport)
        step = RepairInput(since=last.began_at - OVERLAP if last else None)
        return await workflow.execute_activity_method(RepairActivities.repair, step, **REPAIR)
