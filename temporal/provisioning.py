"""Makes a Temporal namespace ready for us: the search attributes. Safe to run at every start, by every process."""

from datetime import timedelta

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from contracts.search_attributes import ALL

CALL_TIMEOUT = timedelta(seconds=10)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


async def retention_notice(client: Client, ours: timedelta) -> str | None:
    """Return what is wrong when Temporal keeps ended jobs for longer than we do; None when it does not.

    Raises:
        RPCError: Temporal did not answer.
    """
    request = DescribeNamespaceRequest(namespace=client.namespace)
    described = await client.workflow_service.describe_namespace(request, timeout=CALL_TIMEOUT)
    theirs = described.config.workflow_execution_retention_ttl.ToTimedelta()
    if theirs <= ours:
        return None
    return (
        f"Temporal keeps ended jobs for {theirs / DAY:g} days, and this service for {ours / DAY:g}: what is gone here "
        f"can be read there; 'temporal operator namespace update --retention {ours / HOUR:g}h' sets it right"
    )


async def provision(client: Client) -> None:
    """Add the search attributes that are missing; those that are there stay as they are."""
    request = ListSearchAttributesRequest(namespace=client.namespace)
    known = await client.operator_service.list_search_attributes(request, timeout=CALL_TIMEOUT)
    missing = {
        key.name: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD for key in ALL if key.name not in known.custom_attributes
    }
    if not missing:
        return
    try:
        add = AddSearchAttributesRequest(namespace=client.namespace, search_attributes=missing)
        await client.operator_service.add_search_attributes(add, timeout=CALL_TIMEOUT)
    except RPCError as error:
        if error.status is not RPCStatusCode.ALREADY_EXISTS:  # another process was quicker
            raise
