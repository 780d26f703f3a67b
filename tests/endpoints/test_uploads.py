"""Uploads over real HTTP: what is kept, what is refused, and that it is streamed."""

import asyncio
import hashlib
import os
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from contracts.values import upload_key
from tests.endpoints.test_jobs import batch, new_key
from tests.fakes import PNG, photo
from tests.fixtures_queue import ADMIN_KEY, Api, Providers, RunWorker

LIMIT = 1024 * 1024


async def test_raw_and_form_uploads_of_the_same_bytes_are_one_upload(api: Api, providers: Providers) -> None:
    image = photo("shelf")
    sha256 = hashlib.sha256(image).hexdigest()

    raw = await api.http.post("/v1/uploads", content=image)
    form = await api.http.post("/v1/uploads", files={"file": ("../../etc/passwd.jpg", image, "image/jpeg")})

    assert (raw.status_code, form.status_code) == (201, 201)
    assert raw.json() == form.json()
    assert raw.json() == {
        "uploadId": sha256,
        "sha256": sha256,
        "sizeBytes": len(image),
        "contentType": "image/png",
    }
    assert await providers.blobs.get(upload_key("acme", sha256)) == image


@pytest.mark.parametrize("size", [LIMIT, LIMIT + 1])
@pytest.mark.parametrize("how", ["raw", "form", "chunked"])
async def test_the_limit_is_exact(api: Api, size: int, how: str) -> None:
    image = PNG + bytes(size - len(PNG))

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, size, 100_000):
            yield image[start : start + 100_000]

    if how == "form":
        answer = await api.http.post("/v1/uploads", files={"file": ("a.png", image)})
    else:
        answer = await api.http.post("/v1/uploads", content=image if how == "raw" else chunks())

    assert answer.status_code == (201 if size == LIMIT else 413)
    if size > LIMIT:
        assert answer.headers["content-type"] == "application/problem+json"
        assert "1 MiB" in answer.json()["detail"]


@pytest.mark.parametrize(
    "content", [b"", b"just a text, called photo.jpg", b"<svg xmlns='x'/>", b"%PDF-1.7", b"PK\x03\x04"]
)
async def test_what_is_no_image_is_refused_whatever_it_is_called(api: Api, content: bytes) -> None:
    raw = await api.http.post("/v1/uploads", content=content, headers={"Content-Type": "image/jpeg"})
    form = await api.http.post("/v1/uploads", files={"file": ("photo.jpg", content, "image/jpeg")})

    assert (raw.status_code, form.status_code) == (422, 422)
    assert raw.json()["errors"][0]["path"] == "file"


@pytest.mark.parametrize(
    ("content_type", "content"),
    [
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=abc", b"--abc\r\nrubbish"),
        (
            "multipart/form-data; boundary=abc",
            b'--abc\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--abc--\r\n',
        ),
    ],
)
async def test_a_broken_or_empty_form_is_refused(api: Api, content_type: str, content: bytes) -> None:
    answer = await api.http.post("/v1/uploads", content=content, headers={"Content-Type": content_type})

    assert answer.status_code == 422


async def test_an_upload_key_used_for_other_bytes_is_refused(api: Api) -> None:
    first = await api.http.post("/v1/uploads", content=photo("a"), headers={"Idempotency-Key": "u-1"})
    again = await api.http.post("/v1/uploads", content=photo("a"), headers={"Idempotency-Key": "u-1"})
    other = await api.http.post("/v1/uploads", content=photo("b"), headers={"Idempotency-Key": "u-1"})

    assert (first.status_code, again.status_code, other.status_code) == (201, 201, 422)
    assert again.headers["idempotent-replayed"] == "true"


async def test_a_client_that_goes_away_leaves_nothing(api: Api, providers: Providers) -> None:
    host, port = api.url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    head = f"POST /v1/uploads HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ADMIN_KEY}\r\nX-Tenant-Id: acme\r\n"
    writer.write(head.encode() + b"Content-Length: 1000\r\n\r\n" + PNG)
    await writer.drain()
    writer.close()
    await writer.wait_closed()

    assert (await api.http.get("/healthz")).status_code == 200
    assert not await providers.blobs.exists(upload_key("acme", hashlib.sha256(PNG).hexdigest()))


async def test_a_photo_is_shown_as_copies_to_its_tenant_and_only_after_a_job_has_read_it(
    api: Api, run_worker: RunWorker
) -> None:
    body = await batch(api, "shelf")
    photo_id = body["payload"]["photos"][0]["uploadId"]
    paths = [f"/v1/uploads/{photo_id}/{kind}" for kind in ("thumbnail", "picture")]

    before = [await api.http.get(path) for path in paths]
    async with run_worker(api.history):
        await api.http.post("/v1/jobs?wait=25s", json=body)
    shown = [await api.http.get(path) for path in paths]
    async with api.with_key(await new_key(api, "globex", "admin")) as other:
        hidden = [await other.get(path) for path in paths]
    async with api.with_key(await new_key(api, "acme", "viewer")) as viewer:
        refused = [await viewer.get(path) for path in paths]
    wrong = [await api.http.get(f"/v1/uploads/{bad}/picture") for bad in ("x", "..%2f..%2fetc", photo_id.upper())]

    assert [(one.content, one.headers["content-type"]) for one in shown] == [
        (b"webp:shelf", "image/webp"),
        (b"jpeg:shelf", "image/jpeg"),
    ]
    assert [one.status_code for one in (*before, *hidden, *wrong)] == [404] * 7
    assert [one.json()["detail"] for one in hidden] == [one.json()["detail"] for one in before]
    assert [one.status_code for one in refused] == [403, 403]


async def test_an_old_upload_that_a_job_names_is_put_anew_and_a_young_one_is_not(
    api: Api, providers: Providers, tmp_path: Path
) -> None:
    body = await batch(api, "old", "young")
    keys = [upload_key("acme", each["uploadId"]) for each in body["payload"]["photos"]]
    before = []
    for key, days in zip(keys, (40, 20), strict=True):
        at = time.time() - days * 86_400
        os.utime(tmp_path / "objects" / key, (at, at))
        before.append(await providers.blobs.put_at(key))

    answer = await api.http.post("/v1/jobs", json=body)

    after = [await providers.blobs.put_at(key) for key in keys]
    assert answer.status_code == 202
    assert [one == other for one, other in zip(before, after, strict=True)] == [False, True]
    assert after[0]
    assert datetime.now(UTC) - after[0] < timedelta(hours=1)
    assert await providers.blobs.get(keys[0]) == photo("old")
