"""The photo job's story, on a real Temporal server, with the worker's own plugin."""

import asyncio
import hashlib
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from temporalio import activity
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle, WorkflowUpdateFailedError

from contracts.errors import RateLimited, Unavailable
from contracts.history import JobChange
from contracts.jobs import DiscardRequest, JobHeader, JobInput, JobStatus, RetryRequest
from contracts.photos import PhotoInput, PhotoRef, PhotoResult
from contracts.ports import Fetched
from contracts.seeing import VisionWish
from contracts.values import job_id, upload_key
from temporal.engine import TemporalEngine
from temporal.interceptors.lines import MOST_LINES
from tests.fakes import FakeFetcher, MemoryHistory, photo
from tests.fixtures_queue import Providers, RunWorker
from workflows.job import JobWorkflow
from workflows.photos import PhotoWorkflow

TENANT = "acme"


def header(max_attempts: int = 3) -> JobHeader:
    return JobHeader(
        id=job_id(TENANT, "photo_processing", uuid4().hex),
        tenant_id=TENANT,
        job_type="photo_processing",
        max_attempts=max_attempts,
        created_at=datetime.now(UTC),
    )


async def upload(providers: Providers, *tags: str) -> tuple[PhotoRef, ...]:
    refs = []
    for tag in tags:
        sha256 = hashlib.sha256(photo(tag)).hexdigest()
        await providers.blobs.put(upload_key(TENANT, sha256), photo(tag))
        refs.append(PhotoRef(upload_id=sha256))
    return tuple(refs)


async def start(
    client: Client, photos: tuple[PhotoRef, ...], max_attempts: int = 3, **asked: Any
) -> WorkflowHandle[Any, PhotoResult]:
    head = header(max_attempts)
    await TemporalEngine(client).start(head, PhotoInput(photos=photos, **asked).to_wire())
    return client.get_workflow_handle_for(PhotoWorkflow.run, head.id)


async def until(history: MemoryHistory, wanted: Callable[[JobChange], bool]) -> JobChange:
    """Return the first told change that is wanted, as soon as it is told."""
    async with asyncio.timeout(20):
        while True:
            for change in history.changes:
                if wanted(change):
                    return change
            await asyncio.sleep(0.02)


async def test_what_a_step_logs_stands_among_the_jobs_events(
    client: Client, providers: Providers, run_worker: RunWorker
) -> None:
    class Talkative(FakeFetcher):
        async def fetch(self, url: str) -> Fetched:
            self.fetch_count[url] += 1
            for number in range(MOST_LINES + 5):
                activity.logger.warning("line %d of attempt %d", number, self.fetch_count[url])
            if self.fetch_count[url] == 1:
                raise Unavailable("down")
            return Fetched(data=photo("shelf"))

    history, providers.fetcher = MemoryHistory(), Talkative()
    async with run_worker(history):
        job = await start(client, (PhotoRef(url="https://a.example/1.jpg"),))
        await job.result()
    activity.logger.warning("a line of no step")

    told = [event for change in history.changes for event in change.events if event.kind == "log"]
    lines = [(event.attempt, event.message) for event in told if event.details["level"] == "warning"]
    assert lines == [(n, f"line {i} of attempt {n}") for n in (1, 2) for i in range(MOST_LINES)]
    assert len({event.key for event in told}) == len(told)
    assert {event.step for event in told} == {"photos.fetch"}


async def test_a_batch_gives_one_reading_per_photo_in_order(
    client: Client, providers: Providers, run_worker: RunWorker
) -> None:
    history = MemoryHistory()
    photos = await upload(providers, "ean-4006381333931", "shelf", "damaged")

    async with run_worker(history):
        result = await (await start(client, photos)).result()

    assert [reading.index for reading in result.photos] == [0, 1, 2]
    assert [bool(reading.analysis) for reading in result.photos] == [True, True, False]
    assert result.counts.model_dump() == {
        "photos": 3, "read": 2, "unreadable": 1, "duplicates": 0, "blurred": 0,
        "with_codes": 1, "with_text": 2, "needs_review": 1,
    }  # fmt: skip
    assert [item.key for item in result.items] == ["ean:4006381333931"]
    assert await providers.blobs.get(str(result.photos[1].thumbnail)) == b"webp:shelf"


async def test_products_on_the_photos_are_found_and_counted(
    client: Client, providers: Providers, run_worker: RunWorker
) -> None:
    photos = await upload(providers, "ean-4006381333931", "Birch Olive Oil", "damaged")
    products = [
        {"id": "tea", "barcode": "4006381333931", "title": "Tea", "quantity": 2},
        {"id": "oil", "title": "Birch olive oil", "quantity": 1},
        {"id": "soap", "sku": "S-1"},
    ]

    async with run_worker(MemoryHistory()):
        asked: dict[str, Any] = {"sequence_type": "business_inventory", "products": products, "count_labels": True}
        result = await (await start(client, photos, **asked)).result()

    shelf = result.shelf
    assert shelf is not None
    assert [(item.product_id, item.matched_by.value) for item in shelf.items] == [("tea", "barcode"), ("oil", "title")]
    assert [conflict.code for conflict in shelf.conflicts] == ["large_difference", "not_counted"]
    assert shelf.missing == ("soap",)
    assert result.needs_human_review


async def test_the_place_of_a_photo_is_told_only_to_those_who_ask_for_it(
    client: Client, providers: Providers, run_worker: RunWorker
) -> None:
    photos = await upload(providers, "placed")

    async with run_worker(MemoryHistory()):
        results = [await (await start(client, photos, keep_gps=keep)).result() for keep in (False, True)]

    told = [reading.analysis for result in results for reading in result.photos]
    assert [(one.gps is None, one.gps_removed) for one in told if one] == [(True, True), (False, False)]
    assert await providers.blobs.get(str(results[0].photos[0].picture)) == b"jpeg:placed"


async def test_the_end_is_told_with_everything_the_row_needs(
    client: Client, providers: Providers, run_worker: RunWorker
) -> None:
    history = MemoryHistory()

    async with run_worker(history):
        handle = await start(client, await upload(providers, "one", "two"))
        await handle.result()

    end = history.changes[-1]
    assert end.job_id == handle.id
    assert end.status is JobStatus.COMPLETED
    assert end.header is not None
    assert end.result["counts"]["photos"] == 2
    assert end.progress is not None
    assert (end.progress.done, end.progress.total, end.progress.unit) == (2, 2, "photo")
    assert history.kinds().count("step_started") == 2
    assert history.kinds()[-1] == "completed"


async def test_a_photo_that_fails_once_is_tried_again_alone(
    client: Client, providers: Providers, run_worker: RunWorker
) -> None:
    history = MemoryHistory()
    providers.reader.errors["two"] = [Unavailable("the reader's process is gone")]

    async with run_worker(history):
        result = await (await start(client, await upload(providers, "one", "two", "three"))).result()

    assert result.counts.read == 3
    assert providers.reader.read_count == {"one": 1, "two": 1, "three": 1}
    assert max(change.attempts or 0 for change in history.changes) == 2
    assert JobStatus.RETRYING in [change.status for change in history.changes]


async def test_used_up_attempts_make_the_job_dead_and_a_retry_fetches_only_what_is_missing(
    client: Client, providers: Providers, run_worker: RunWorker
) -> None:
    history = MemoryHistory()
    good, bad = "https://shop.example/good.png", "https://shop.example/bad.png"
    gone = Unavailable("the server answered 500", timedelta(milliseconds=50))
    providers.fetcher.answers = {good: [photo("good")], bad: [gone]}
    refs = (PhotoRef(url=good), PhotoRef(url=bad))

    async with run_worker(history):
        handle = await start(client, refs, max_attempts=2)
        dead = await until(history, lambda change: change.status is JobStatus.DEAD)
        providers.fetcher.answers[bad] = [photo("at last")]
        await handle.execute_update(JobWorkflow.retry, RetryRequest(actor="key:op", request_id="1"))
        result = await handle.result()

    assert dead.error is not None
    assert (dead.error.type, dead.error.step, dead.error.retryable) == ("Unavailable", "photos.fetch", True)
    assert result.counts.read == 2
    assert providers.fetcher.fetch_count == {good: 1, bad: 3}
    assert [change.status for change in history.changes if change.status][-2:] == [
        JobStatus.PROCESSING,
        JobStatus.COMPLETED,
    ]


async def test_a_discarded_job_ends_as_failed_with_the_reason(
    client: Client, providers: Providers, run_worker: RunWorker
) -> None:
    history = MemoryHistory()
    providers.reader.errors["one"] = [Unavailable("no"), Unavailable("no")]

    async with run_worker(history):
        handle = await start(client, await upload(providers, "one"), max_attempts=1)
        await until(history, lambda change: change.status is JobStatus.DEAD)
        await handle.execute_update(JobWorkflow.discard, DiscardRequest(actor="key:op", reason="not worth it"))
        with pytest.raises(WorkflowFailureError):
            await handle.result()

    end = history.changes[-1]
    assert end.status is JobStatus.FAILED
    assert end.error is not None
    assert (end.error.type, end.error.message) == ("Discarded", "discarded by key:op: not worth it")


async def test_only_a_dead_job_can_be_retried(client: Client, providers: Providers, run_worker: RunWorker) -> None:
    history = MemoryHistory()
    providers.reader.open.clear()

    async with run_worker(history):
        handle = await start(client, await upload(providers, "one"))
        await providers.reader.reading.get()
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await handle.execute_update(JobWorkflow.retry, RetryRequest(actor="key:op", request_id="1"))
        providers.reader.open.set()
        await handle.result()

    assert "not dead" in str(refused.value.cause)


async def test_a_cancelled_job_stops_its_running_step(
    client: Client, providers: Providers, run_worker: RunWorker
) -> None:
    history = MemoryHistory()
    providers.reader.open.clear()

    async with run_worker(history):
        handle = await start(client, await upload(providers, "one", "two"))
        await providers.reader.reading.get()
        await handle.cancel()
        with pytest.raises(WorkflowFailureError):
            await handle.result()

    assert history.changes[-1].status is JobStatus.CANCELLED
    assert not providers.reader.read_count


async def test_a_provider_that_says_when_is_asked_again_then(
    client: Client, providers: Providers, run_worker: RunWorker
) -> None:
    history = MemoryHistory()
    url = "https://shop.example/busy.png"
    providers.fetcher.answers = {url: [RateLimited("busy", timedelta(milliseconds=300)), photo("busy")]}

    async with run_worker(history):
        result = await (await start(client, (PhotoRef(url=url),))).result()

    starts = [
        c for c in history.changes if any(e.kind == "step_started" and e.step == "photos.fetch" for e in c.events)
    ]
    assert result.counts.read == 1
    assert timedelta(milliseconds=250) < starts[1].at - starts[0].at < timedelta(seconds=3)


async def test_the_job_ends_although_the_read_model_is_away(
    client: Client, providers: Providers, run_worker: RunWorker
) -> None:
    history = MemoryHistory()
    history.away = Unavailable("the database does not answer")

    async with run_worker(history):
        result = await (await start(client, await upload(providers, "one"))).result()

    assert result.counts.read == 1
    assert history.changes == []


async def test_a_result_larger_than_a_temporal_payload_survives(
    client: Client, providers: Providers, run_worker: RunWorker
) -> None:
    tags = [f"{number:03d}-" + "x" * 4000 for number in range(500)]

    async with run_worker(MemoryHistory()):
        result = await (await start(client, await upload(providers, *tags))).result()

    assert result.counts.read == 500
    assert result.photos[499].analysis is not None
    assert result.photos[499].analysis.text[0].text == tags[499]


async def test_the_same_job_id_starts_once(client: Client, providers: Providers, run_worker: RunWorker) -> None:
    head = header()
    payload = PhotoInput(photos=await upload(providers, "one")).to_wire()
    engine = TemporalEngine(client)

    started = [await engine.start(head, payload), await engine.start(head, payload)]
    async with run_worker(MemoryHistory()):
        await client.get_workflow_handle(head.id).result()

    assert started == [True, False]
    assert await engine.start(head, payload) is False
    assert providers.reader.read_count == {"one": 1}
    assert JobInput[PhotoInput].model_validate({"header": head, "payload": payload}).payload


class SlowEnd(MemoryHistory):
    """Takes its time with a job's end, and says when it has begun."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.go_on = asyncio.Event(), asyncio.Event()

    async def apply(self, changes: Sequence[JobChange]) -> None:
        if any(change.status is JobStatus.COMPLETED for change in changes):
            self.begun.set()
            await self.go_on.wait()
        await super().apply(changes)


async def test_a_cancel_in_the_moment_of_the_end_leaves_record_and_temporal_agreed(
    client: Client, providers: Providers, run_worker: RunWorker
) -> None:
    history = SlowEnd()

    async with run_worker(history):
        handle = await start(client, await upload(providers, "one"))
        await history.begun.wait()
        await handle.cancel()
        history.go_on.set()
        with suppress(WorkflowFailureError):
            await handle.result()
        live = await TemporalEngine(client).live(handle.id)

    assert live is not None
    assert live.ended
    assert live.status is history.changes[-1].status


async def test_a_step_that_shows_a_photo_to_a_model_and_breaks_costs_the_job_nothing(
    client: Client, providers: Providers, run_worker: RunWorker
) -> None:
    providers.seer.answers["shelf"] = [RuntimeError("a defect, or a lost worker")]
    photos = await upload(providers, "shelf")

    async with run_worker(MemoryHistory()):
        job = await start(client, photos, max_attempts=1, vision=VisionWish(photos="all"))
        result = await job.result()

    assert providers.seer.shown == ["shelf"]
    assert result.photos[0].analysis is not None
    assert result.vision is not None
    assert result.vision.problems == ("showing it to a model failed",)


async def test_a_line_that_cannot_be_put_into_words_fails_no_step(
    client: Client, providers: Providers, run_worker: RunWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Careless(FakeFetcher):
        async def fetch(self, url: str) -> Fetched:
            logging.getLogger("spaces.photos").warning("%d photos", "several")
            return Fetched(data=photo("shelf"))

    providers.fetcher = Careless()
    monkeypatch.setattr(logging.getLogger("spaces"), "propagate", False)  # pytest's own handler fails on such a line
    async with run_worker(MemoryHistory()):
        job = await start(client, (PhotoRef(url="https://a.example/1.jpg"),), max_attempts=1)

        assert (await job.result()).photos[0].analysis is not None
