"""Forgetting a person: it goes on until every job was looked at, however long a server is away."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.persons import PersonActivities
    from contracts.persons import PersonInput, PersonRemoved
    from contracts.policies import ERASE


@workflow.defn(name="system.erase_person")
class ErasePersonWorkflow:
    """Forget a person in one tenant's jobs."""

    @workflow.run
    async def run(self, step: PersonInput) -> PersonRemoved:
        """Return what was removed."""
        return await workflow.execute_activity_method(PersonActivities.erase_person, step, **ERASE)
