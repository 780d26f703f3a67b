"""The one Temporal plugin that client, worker, tests and replayer share."""

import dataclasses

from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import DataConverter, ExternalStorage
from temporalio.plugin import SimplePlugin
from temporalio.worker import WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from contracts.ports import BlobStore
from temporal.interceptors.chain import StepChain, StepObserver
from temporal.large_payloads import THRESHOLD_BYTES, BlobPayloadDriver

OWN_PACKAGES = (
    *("contracts", "activities", "workflows", "examples", "benchmarks"),
    *("pydantic", "pydantic_core", "annotated_types"),
)


def queue_plugin(blobs: BlobStore, observer: StepObserver | None = None) -> SimplePlugin:
    """Return the plugin: pydantic values, large payloads in the object store, our packages past the sandbox.

    Loading our packages anew for every workflow would cost 230 ms each; passed through it is 6 ms.
    """
    return SimplePlugin(
        "spaces-queue",
        data_converter=data_converter(blobs),
        interceptors=[StepChain(observer)],
        workflow_runner=_past_the_sandbox,
    )


def data_converter(blobs: BlobStore) -> DataConverter:
    """Return how values become Temporal payloads."""
    storage = ExternalStorage(drivers=[BlobPayloadDriver(blobs)], payload_size_threshold=THRESHOLD_BYTES)
    return dataclasses.replace(pydantic_data_converter, external_storage=storage)


def _past_the_sandbox(runner: WorkflowRunner | None) -> WorkflowRunner:
    if isinstance(runner, SandboxedWorkflowRunner):
        return dataclasses.replace(runner, restrictions=runner.restrictions.with_passthrough_modules(*OWN_PACKAGES))
    return runner or SandboxedWorkflowRunner(
        restrictions=SandboxRestrictions.default.with_passthrough_modules(*OWN_PACKAGES)
    )
