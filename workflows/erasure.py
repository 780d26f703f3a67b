"""Forgetting a tenant: it goes on until everything is gone, however long a server is away."""

from collections.abc import Awaitable, Callable
from typing import Any

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.erasure import ErasureActivities
    from contracts.erasure import EraseInput, Removed
    from contracts.policies import ERASE


@workflow.defn(name="system.erase")
class EraseWorkflow:
    """Forget a tenant."""

    def __init__(self) -> None:
        self._removed = Removed()

    @workflow.run
    async def run(self, step: EraseInput) -> Removed:
        """Return what was removed. Rows go twice: first so that nothing new begins, then what was told meanwhile."""
        for part in (
            ErasureActivities.erase_rows,
            ErasureActivities.erase_runs,
            ErasureActivities.erase_rows,
            ErasureActivities.erase_objects,
            ErasureActivities.destroy_keys,
        ):
            await self._do(part, step)
        await workflow.execute_activity_method(ErasureActivities.certify, args=[step, self._removed], **ERASE)
        return self._removed

    async def _do(self, part: Callable[[Any, EraseInput], Awaitable[Removed]], step: EraseInput) -> None:
        more = await workflow.execute_activity_method(part, step, **ERASE)
        before = self._removed.model_dump()
        self._removed = Removed(**{name: before[name] + count for name, count in more.model_dump().items()})

    @workflow.query
    def removed(self) -> Removed:
        """Return what is removed so far."""
        return self._removed
