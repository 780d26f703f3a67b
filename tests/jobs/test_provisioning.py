"""Temporal is looked at when a process starts: what it keeps for longer than we do is said."""

from datetime import timedelta

from temporalio.client import Client

from temporal.provisioning import retention_notice


async def test_temporal_that_keeps_jobs_for_longer_than_we_do_is_noticed(client: Client) -> None:
    as_long = await retention_notice(client, timedelta(days=1))
    longer = await retention_notice(client, timedelta(hours=12))

    assert as_long is None
    assert longer is not None
    assert longer.startswith("Temporal keeps ended jobs for 1 days, and this service for 0.5")
    assert "--retention 12h" in longer
