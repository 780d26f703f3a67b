"""The demo: a batch of sample photos through the HTTP API, followed live, shown as an inventory."""

import asyncio
import os
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote
from uuid import uuid4

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from contracts.errors import JobError
from contracts.jobs import Job, JobStatus
from contracts.photos import PhotoResult
from dev.client import MOST_COUNTED, QueueClient
from dev.stack import Stack
from dev.tables import inventory
from dev.terminal import console, say
from examples.photos import make_batch

TENANT = "demo-shop"
LONGEST_SECONDS = 900.0
"""A batch of 14 photos takes seconds; a demo that takes longer than this is broken and says so."""


async def demonstrate(stack: Stack) -> int:
    """Run the demo and return 0 when its job completed. Stays up until cancelled, unless DEMO_EXIT is set."""
    code = 1
    try:
        async with asyncio.timeout(LONGEST_SECONDS):
            code = await _one_batch(stack)
    except JobError as error:
        say(f"the demo failed: {error}")
    except TimeoutError:
        say(f"the demo failed: no result within {LONGEST_SECONDS:.0f} s")
    if code:
        say(stack.last_log_lines())
    if os.environ.get("DEMO_EXIT", "0") in {"", "0"}:
        say("\nCtrl-C stops everything; the next start keeps these jobs")
        await asyncio.Event().wait()
    return code


async def _one_batch(stack: Stack) -> int:
    async with QueueClient(stack.api_url, stack.admin_key, TENANT) as client:
        kept = await client.count_jobs()
        if kept:
            say(f"jobs kept from earlier runs: {kept}{' or more' if kept >= MOST_COUNTED else ''}")
        photos = await asyncio.to_thread(make_batch, stack.machine.folder / "samples")
        job = await _submit(client, photos)
        say(f"job {job.id} accepted: {len(photos)} photos")
        await _watch(client, job)
        job = await client.get(job.id)
    completed = _show(job, photos)
    _where_to_look(stack, job)
    return 0 if completed else 1


async def _submit(client: QueueClient, photos: list[Path]) -> Job:
    say(f"uploading {len(photos)} sample photos from {photos[0].parent}")
    uploads = [await client.upload(photo) for photo in photos]
    payload = {
        "photos": [{"uploadId": upload} for upload in uploads],
        "sequenceType": "business_inventory",
        "description": "sample batch of make demo",
    }
    wanted = {"jobType": "photo_processing", "payload": payload, "tags": ["demo"], "source": "make demo"}
    return await client.submit(wanted, key=f"demo-{uuid4()}")


async def _watch(client: QueueClient, job: Job) -> None:
    watching = _Bar() if console.is_terminal else _Lines()
    with watching as shown:
        async for message in client.follow(job.id):
            if message.event == "progress":
                shown.progress(message.data)
            elif message.event == "status":
                shown.status(message.data["status"])


class _Shown(Protocol):
    def progress(self, now: dict[str, Any]) -> None: ...
    def status(self, status: str) -> None: ...


class _Lines(nullcontext["_Shown"]):
    """Progress as plain lines, one for each change."""

    def __init__(self) -> None:
        super().__init__(self)
        self._status = ""

    def progress(self, now: dict[str, Any]) -> None:
        say(f"  {now['done']}/{now['total']} {now.get('unit', '')} {now.get('message', '')}".rstrip())

    def status(self, status: str) -> None:
        if status != self._status:
            say(f"  {status}")
        self._status = status


class _Bar:
    """Progress as a live bar."""

    def __init__(self) -> None:
        columns = (TextColumn("{task.fields[status]}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._bar = Progress(*columns, TextColumn("{task.description}"), console=console)
        self._task = TaskID(0)

    def __enter__(self) -> "_Bar":
        self._bar.start()
        self._task = self._bar.add_task("", total=None, status="pending")
        return self

    def __exit__(self, *_error: object) -> None:
        self._bar.stop()

    def progress(self, now: dict[str, Any]) -> None:
        message = escape(str(now.get("message", "")))
        self._bar.update(self._task, completed=now["done"], total=now["total"], description=message)

    def status(self, status: str) -> None:
        self._bar.update(self._task, status=status)
        if status == JobStatus.COMPLETED:
            self._bar.update(self._task, completed=self._bar.tasks[self._task].total, description="")


def _show(job: Job, photos: list[Path]) -> bool:
    if job.status is not JobStatus.COMPLETED:
        why = f"{job.error.type}: {job.error.message}" if job.error else "no reason given"
        say(f"job {job.id} is {job.status}, not completed. {why}")
        return False
    console.print(inventory(PhotoResult.model_validate(job.result), [photo.name for photo in photos]))
    seconds = "" if job.processing_time is None else f" in {job.processing_time / 1000:.1f} s"
    say(f"completed{seconds}, attempts: {job.attempts}")
    return True


def _where_to_look(stack: Stack, job: Job) -> None:
    api, key = stack.api_url, stack.admin_key
    say("\nWhere to look")
    say(f"  API docs      {api}/docs")
    say(f"  dashboard     {api}/dashboard")
    if stack.ui_url:
        say(f"  this job      {stack.ui_url}/namespaces/{stack.namespace}/workflows/{quote(job.id, safe='')}")
    say(f"  admin key     {key}")
    say(f"  logs          {stack.machine.logs}")
    say(f"  try           curl -H 'Authorization: Bearer {key}' '{api}/v1/jobs/{quote(job.id)}'")
