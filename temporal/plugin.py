"""The one Temporal plugin that client, worker, tests and replayer share."""

import dataclasses

from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import DataConverter, ExternalStorage
from temporalio.plugin import SimplePlugin
from temporalio.worker import WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from contracts.keys import TenantKeys
from contracts.ports import BlobStore
from temporal.codec import TenantCodec
from temporal.failures import BoundedFailures, SealedBoundedFailures
from temporal.interceptors.chain import StepChain, StepObserver
from temporal.large_payloads import THRESHOLD_BYTES, BlobPayloadDriver

OWN_PACKAGES = (
    *("contracts", "activities", "workflows", "examples", "benchmarks"),
    *("pydantic", "pydantic_core", "annotated_types"),
)


def queue_plugin(
    blobs: BlobStore, observer: StepObserver | None = None, keys: TenantKeys | None = None
) -> SimplePlugin:
    """Return the plugin: pydantic values, encrypted, large ones in the object store, our packages past the sandbox.

    keys: None to encrypt nothing, for what leaves no trace behind: tests and benchmarks

    Loading our packages anew for every workflow would cost 230 ms each; passed through it is 6 ms.
    """
    return SimplePlugin(
        "spaces-queue",
        data_converter=data_converter(blobs, keys),
        interceptors=[StepChain(observer)],
        workflow_runner=_past_the_sandbox,
    )


def data_converter(blobs: BlobStore, keys: TenantKeys | None = None) -> DataConverter:
    """Return how values become Temporal payloads. They are encrypted first: the object store gets ciphertext."""
    storage = ExternalStorage(drivers=[BlobPayloadDriver(blobs)], payload_size_threshold=THRESHOLD_BYTES)
    plain = dataclasses.replace(
        pydantic_data_converter, external_storage=storage, failure_converter_class=BoundedFailures
    )
    if keys is None:
        return plain
    return dataclasses.replace(plain, payload_codec=TenantCodec(keys), failure_converter_class=SealedBoundedFailures)


def _past_the_sandbox(runner: WorkflowRunner | None) -> WorkflowRunner:
    if isinstance(runner, SandboxedWorkflowRunner):
        return dataclasses.replace(runner, restrictions=runner.restrictions.with_passthrough_modules(*OWN_PACKAGES))
    return runner or SandboxedWorkflowRunner(
        restrictions=SandboxRestrictions.default.with_passthrough_modules(*OWN_PACKAGES)
    )
