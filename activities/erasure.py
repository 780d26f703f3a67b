"""The steps of forgetting a tenant. Each removes what is there, so each bears a repeat and being cut off."""

from temporalio import activity

from contracts.erasure import EraseInput, Removed, TenantRows, TenantRuns
from contracts.keys import KeyDestroyer
from contracts.ports import BlobStore


class ErasureActivities:
    """Removes a tenant from Temporal, the database and the object store, and destroys its keys."""

    def __init__(self, runs: TenantRuns, rows: TenantRows, blobs: BlobStore, shredder: KeyDestroyer) -> None:
        self._runs = runs
        self._rows = rows
        self._blobs = blobs
        self._shredder = shredder

    @activity.defn(name="system.erase_runs")
    async def erase_runs(self, step: EraseInput) -> Removed:
        """End and remove the tenant's schedules and job executions in Temporal, with their histories.

        Raises:
            Unavailable: Temporal did not answer; what was removed before stays removed.
        """
        schedules = await self._runs.remove_schedules(step.tenant_id)
        return Removed(schedules=schedules, executions=await self._runs.remove_executions(step.tenant_id))

    @activity.defn(name="system.erase_rows")
    async def erase_rows(self, step: EraseInput) -> Removed:
        """Remove the tenant's rows, its API keys among them, a few hundred at a time.

        Raises:
            Unavailable: The database did not answer; what was removed before stays removed.
        """
        return Removed(rows=await self._rows.erase(step.tenant_id))

    @activity.defn(name="system.erase_objects")
    async def erase_objects(self, step: EraseInput) -> Removed:
        """Remove the tenant's uploads, thumbnails and large payloads.

        Raises:
            Unavailable: The object store did not answer; what was removed before stays removed.
        """
        return Removed(objects=await self._blobs.delete_under(step.tenant_id))

    @activity.defn(name="system.destroy_keys")
    async def destroy_keys(self, step: EraseInput) -> Removed:
        """Destroy the tenant's keys: what backups still hold of its payloads cannot be read any more.

        Raises:
            Unavailable: The database did not answer.
        """
        return Removed(keys=await self._shredder.destroy(step.tenant_id))

    @activity.defn(name="system.certify_erasure")
    async def certify(self, step: EraseInput, removed: Removed) -> None:
        """Keep the certificate; telling twice changes nothing.

        Raises:
            Unavailable: The database did not answer.
        """
        await self._rows.certify(step, removed)
