"""What a request may send: how many headers, how deep, how much and how slowly."""

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest

from api import protocol
from api.app import create_app
from api.limits import DEEPEST_JSON, HEADERS_LIMIT_BYTES, MOST_HEADERS, is_too_deep
from tests.fixtures_queue import Api

JSON = {"Content-Type": "application/json"}


def nested(depth: int) -> bytes:
    """Return arrays and objects by turns, so many inside each other."""
    return (
        b"".join(b'{"a]":' if i % 2 else b"[1," for i in range(depth))
        + b"0"
        + b"".join(b"}" if i % 2 else b",[],{}]" for i in reversed(range(depth)))
    )


@pytest.mark.parametrize(
    ("body", "deep"),
    [
        (nested(DEEPEST_JSON - 1), False),
        (nested(DEEPEST_JSON + 1), True),
        (b"[" * 100_000, True),
        (b"[]" * 1000, False),
        (json.dumps(["[" * 500, '\\"' + "{" * 500]).encode(), False),
        (b'{"a": "' + b"[" * 500, True),
        (b"]" * 1000, False),
        (b"", False),
    ],
)
def test_depth_is_told_without_parsing(body: bytes, deep: bool) -> None:
    assert is_too_deep(body) is deep


@pytest.mark.parametrize("path", ["/v1/jobs", "/v1/jobs/bulk", "/v1/schedules"])
async def test_json_too_deep_is_refused_before_it_is_parsed(api: Api, path: str) -> None:
    answers = [
        await api.http.post(path, content=body, headers=JSON)
        for body in (b"[" * 100_000 + b"]" * 100_000, b'{"payload":' * 900, nested(DEEPEST_JSON + 1))
    ]

    assert [answer.status_code for answer in answers] == [400] * 3
    assert all("inside each other" in answer.json()["detail"] for answer in answers)


async def test_as_deep_as_allowed_is_a_matter_of_the_payload(api: Api) -> None:
    body = b'{"jobType": "photo_processing", "payload": ' + nested(DEEPEST_JSON - 2) + b"}"

    answer = await api.http.post("/v1/jobs", content=body, headers=JSON)

    assert answer.status_code == 422


async def test_too_many_or_too_long_headers_are_refused(api: Api) -> None:
    many = await api.http.get("/healthz", headers={f"x-{i}": "1" for i in range(MOST_HEADERS)})
    long = await api.http.get("/healthz", headers={"x-long": "1" * HEADERS_LIMIT_BYTES})
    usual = await api.http.get("/healthz", headers={f"x-{i}": "1" * 100 for i in range(50)})

    assert (many.status_code, long.status_code, usual.status_code) == (431, 431, 200)
    assert "at most 100 headers of 32 KiB" in many.json()["detail"]


async def said(api: Api, *parts: bytes) -> bytes:
    """Return what the server says before it hangs up on a caller who goes no further."""
    url = httpx.URL(api.url)
    reader, writer = await asyncio.open_connection(url.host, url.port)
    async with asyncio.timeout(60):
        for part in parts:
            writer.write(part)
            await asyncio.sleep(0)
        answer = await reader.read()
    writer.close()
    return answer


async def test_a_head_without_end_is_cut_off(api: Api) -> None:
    answer = await said(api, b"GET / HTTP/1.1\r\nx-long: ", b"1" * (protocol.HEAD_BYTES + 1))

    assert answer.startswith(b"HTTP/1.1 431 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["detail"] == "the headers are too large"


async def test_a_slow_head_is_cut_off_also_on_a_used_connection(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.5)

    silent = await said(api)
    second = await said(api, b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n", b"GET /healthz HTTP/1.1\r\n")

    assert silent.startswith(b"HTTP/1.1 408 ")
    assert second.startswith(b"HTTP/1.1 200 ")
    assert b"HTTP/1.1 408 " in second


async def drip() -> AsyncIterator[bytes]:
    yield b'{"jobType":'
    await asyncio.Event().wait()


@pytest.mark.parametrize("path", ["/v1/jobs", "/v1/uploads"])
async def test_a_body_that_does_not_come_is_not_waited_for(api: Api, path: str) -> None:
    app = create_app(api.services, body_seconds=0.2)
    headers = {"Authorization": api.http.headers["authorization"], "X-Tenant-Id": "acme"} | JSON

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://queue") as http:
        async with asyncio.timeout(60):
            answer = await http.post(path, content=drip(), headers=headers)

    assert answer.status_code == 408
    assert "too slowly" in answer.json()["detail"]


@pytest.mark.parametrize("key", ["", "Authorization: Bearer sq_wrong\r\n"])
async def test_who_has_no_key_is_answered_before_the_body_comes(api: Api, key: str) -> None:
    host, port = api.url.removeprefix("http://").split(":")
    head = (
        f"POST /v1/jobs/bulk HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: 30000000\r\n"
    )

    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"{head}{key}\r\n".encode())
    async with asyncio.timeout(60):
        answer = await reader.readuntil(b"\r\n\r\n")
    writer.close()

    assert answer.startswith(b"HTTP/1.1 401")
    assert b"www-authenticate: Bearer" in answer
