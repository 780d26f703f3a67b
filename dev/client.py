"""A small client of the HTTP API, as a shop's own script would be: upload, submit, follow."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx

from contracts.errors import Rejected, Unavailable
from contracts.jobs import Job, JobStatus

MOST_COUNTED = 1000
TRIES, PAUSE_SECONDS = 30, 1.0
"""How often, and after which pause, a stream that broke is taken up again: half a minute for a restart."""


@dataclass(frozen=True)
class Message:
    """One server-sent event; `data` is its decoded JSON."""

    event: str
    data: Any
    id: str | None = None


class QueueClient(AbstractAsyncContextManager["QueueClient"]):
    """Speaks for one tenant with the platform's key."""

    def __init__(self, api_url: str, key: str, tenant_id: str) -> None:
        # No proxy: the API is on loopback. Read time-out: twice the pause between two signs of life of a stream.
        timeout = httpx.Timeout(10, read=30)
        self._http = httpx.AsyncClient(
            base_url=api_url, headers={"Authorization": f"Bearer {key}"}, timeout=timeout, trust_env=False
        )
        self._tenant = {"X-Tenant-Id": tenant_id}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def count_jobs(self) -> int:
        """Return how many jobs of all tenants there are; counted up to 1,000."""
        count, cursor = 0, ""
        while count < MOST_COUNTED:
            page = _body(
                await self._http.get("/v1/jobs", params={"limit": "200", **({"cursor": cursor} if cursor else {})})
            )
            count, cursor = count + len(page["items"]), page["nextCursor"]
            if not cursor:
                break
        return count

    async def upload(self, photo: Path) -> str:
        """Upload a file and return its upload id; the same file again gives the same id."""
        content = await asyncio.to_thread(photo.read_bytes)
        headers = self._tenant | {"Content-Type": "application/octet-stream"}
        answer = _body(await self._http.post("/v1/uploads", content=content, headers=headers))
        return str(answer["uploadId"])

    async def submit(self, job: dict[str, Any], key: str) -> Job:
        """Submit a job under an Idempotency-Key and return it as accepted."""
        headers = self._tenant | {"Idempotency-Key": key}
        return Job.model_validate(_body(await self._http.post("/v1/jobs", json=job, headers=headers)))

    async def get(self, job_id: str) -> Job:
        """Return the job as it is now."""
        return Job.model_validate(_body(await self._http.get(f"/v1/jobs/{quote(job_id)}", headers=self._tenant)))

    async def follow(self, job_id: str) -> AsyncIterator[Message]:
        """Yield the job's events until it has ended or is dead; a stream that breaks is taken up where it broke.

        Raises:
            Unavailable: The stream could not be taken up again within half a minute.
            Rejected: The API refused.
        """
        last, broken = "", 0
        while broken < TRIES:
            try:
                async for message in self._stream(job_id, last):
                    last, broken = message.id or last, 0
                    yield message
            except (httpx.TransportError, Unavailable):
                broken += 1
            if await self._is_over(job_id):
                return
            await asyncio.sleep(PAUSE_SECONDS)
        msg = f"the API does not answer; job {job_id} goes on without being watched"
        raise Unavailable(msg)

    async def _is_over(self, job_id: str) -> bool:
        try:
            return (await self.get(job_id)).status in _LAST
        except (httpx.TransportError, Unavailable):
            return False

    async def _stream(self, job_id: str, last: str) -> AsyncIterator[Message]:
        headers = self._tenant | ({"Last-Event-ID": last} if last else {})
        async with self._http.stream("GET", f"/v1/jobs/{quote(job_id)}/stream", headers=headers) as answer:
            if not answer.is_success:
                await answer.aread()
                _body(answer)
            lines: list[str] = []
            async for line in answer.aiter_lines():
                if line:
                    lines.append(line)
                    continue
                message = parse_message(lines)
                lines = []
                if message:
                    yield message
                if message and message.event == "status" and message.data.get("status") == JobStatus.DEAD:
                    return


_LAST = {status for status in JobStatus if status.ended} | {JobStatus.DEAD}


def parse_message(lines: Iterable[str]) -> Message | None:
    """Return the event that the lines up to an empty one make; None when they hold no data, as a comment.

    Source: WHATWG HTML, server-sent events, "Interpreting an event stream".
    """
    fields: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        fields[name] = f"{fields['data']}\n{value}" if name == "data" and "data" in fields else value
    if "data" not in fields:
        return None
    return Message(fields.get("event", "message"), json.loads(fields["data"]), fields.get("id"))


def _body(answer: httpx.Response) -> Any:
    """Return the decoded answer.

    Raises:
        Unavailable: 429 or 5xx.
        Rejected: Any other refusal; the message holds the problem's detail.
    """
    if answer.is_success:
        return answer.json()
    kind = Unavailable if answer.status_code == httpx.codes.TOO_MANY_REQUESTS or answer.is_server_error else Rejected
    raise kind(f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {answer.text[:1000]}")
