"""The daily comparison of the payments' ledger with the provider's own list."""

from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.reconciliation import ReconciliationActivities
    from contracts.ledger import ReconcileInput, ReconciliationReport
    from contracts.policies import RECONCILIATION


@workflow.defn(name="system.payments")
class ReconciliationWorkflow:
    """Compare one day: the one that is named, or the one before this."""

    @workflow.run
    async def run(self, step: ReconcileInput) -> ReconciliationReport:
        """Return the day's report, as it was kept."""
        day = step.day or (workflow.now() - timedelta(days=1)).date()
        method = ReconciliationActivities.reconcile
        return await workflow.execute_activity_method(method, ReconcileInput(day=day), **RECONCILIATION)
