"""Why a step is tried again can be told however long its error is: a server keeps little of it."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from temporalio.api.failure.v1 import Failure
from temporalio.client import Client
from temporalio.converter import PayloadConverter
from temporalio.exceptions import ApplicationError

from contracts.errors import Unavailable
from contracts.jobs import JobHeader
from contracts.photos import PhotoInput, PhotoRef
from contracts.values import job_id
from temporal.engine import TemporalEngine
from temporal.failures import BoundedFailures, SealedBoundedFailures
from temporal.interceptors.errors import translate
from tests.fakes import MemoryHistory
from tests.fixtures_queue import Providers, RunWorker

KEPT_BYTES = 4096
"""What Temporal keeps of the failure of a step in flight, by its dynamic configuration's default."""
ENCRYPTED_TOO = 3 * 150
"""What nonce, tag and the names of keys add to an error and its causes."""


def deep(levels: int, words: str) -> None:
    if levels:
        deep(levels - 1, words)
    try:
        raise OSError(words)
    except OSError as error:
        try:
            raise ValueError(words) from error
        except ValueError as second:
            raise Unavailable(words) from second


def raised(levels: int, words: str) -> Exception:
    try:
        deep(levels, words)
    except Unavailable as error:
        try:
            raise translate(error) from error
        except ApplicationError as told:
            return told
    raise AssertionError


@pytest.mark.parametrize("converter", [BoundedFailures(), SealedBoundedFailures()])
@pytest.mark.parametrize("words", ["short", "x" * 20_000, "\N{SNOWMAN}" * 20_000])
def test_an_error_fits_into_what_a_server_keeps(converter: BoundedFailures, words: str) -> None:
    failure = Failure()

    converter.to_failure(raised(60, words), PayloadConverter.default, failure)

    assert failure.ByteSize() < KEPT_BYTES - ENCRYPTED_TOO
    assert failure.application_failure_info.type == "Unavailable"
    assert failure.cause.application_failure_info.type == "Unavailable"
    assert failure.cause.cause.application_failure_info.type == "ValueError"


def test_the_words_and_the_innermost_lines_are_told() -> None:
    failure = Failure()

    BoundedFailures().to_failure(raised(60, "the shelf is on fire"), PayloadConverter.default, failure)

    assert failure.message == "the shelf is on fire"
    assert "raise Unavailable(words)" in failure.cause.stack_trace
    assert "raise ValueError(words)" in failure.cause.cause.stack_trace
    assert failure.cause.stack_trace.count("File ") == 3


async def test_a_long_error_is_seen_while_its_step_is_tried_again(
    client: Client, providers: Providers, run_worker: RunWorker
) -> None:
    providers.fetcher.answers["https://a.example/1.jpg"] = [Unavailable("x" * 20_000)]
    header = JobHeader(
        id=job_id("acme", "photo_processing", uuid4().hex),
        tenant_id="acme",
        job_type="photo_processing",
        max_attempts=50,
        created_at=datetime.now(UTC),
    )

    async with run_worker(MemoryHistory()):
        photos = (PhotoRef(url="https://a.example/1.jpg"),)
        await TemporalEngine(client).start(header, PhotoInput(photos=photos).to_wire())
        handle = client.get_workflow_handle(header.id)
        async with asyncio.timeout(timedelta(seconds=60).total_seconds()):
            while not (pending := (await handle.describe()).raw_description.pending_activities) or not pending[
                0
            ].HasField("last_failure"):
                await asyncio.sleep(0.05)
        await handle.terminate()

    assert pending[0].last_failure.application_failure_info.type == "Unavailable"
