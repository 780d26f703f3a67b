"""One suite for every object store: a folder, memory, and S3 as spoken by two third parties' servers.

moto answers whoever asks; versitygw checks signatures, as Amazon does. It is built with Go, which takes minutes: where
that was not done yet the suite does it only with SPACES_TEST_FULL=1, and says what it leaves out.
"""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from adapters.objects import ObjectStore
from contracts.errors import InvalidInput, NotFound, Unavailable
from dev.go_program import go_program
from temporal.program import cache_folder

SECRET, ACCESS = "test-secret-value", "AKIATESTACCESS"
BUCKET = "s3://photos/queue"
GATEWAY, GATEWAY_VERSION = "github.com/versity/versitygw/cmd/versitygw", "v1.8.0"

Variables = dict[str, str]
"""The standard AWS variables that point to a server."""


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def answers(url: str) -> None:
    """Return as soon as the server answers, whatever it says."""
    transport = httpx.HTTPTransport(retries=9, trust_env=False)  # backs off by itself: 0, 0.5, 1, 2, ... s
    with httpx.Client(transport=transport, trust_env=False) as client:
        client.get(url)


@contextmanager
def server(command: Sequence[str | Path], port: int, **environment: str) -> Iterator[Variables]:
    endpoint = f"http://127.0.0.1:{port}"
    nowhere = subprocess.DEVNULL
    with subprocess.Popen(command, stdout=nowhere, stderr=nowhere, env=os.environ | environment) as process:
        try:
            answers(endpoint)
            keys = {"AWS_ACCESS_KEY_ID": ACCESS, "AWS_SECRET_ACCESS_KEY": SECRET}
            yield {"AWS_ENDPOINT_URL": endpoint, "AWS_REGION": "us-east-1", **keys}
        finally:
            process.terminate()


@pytest.fixture(scope="session")
def moto() -> Iterator[Variables]:
    """A moto server of our own, with the bucket."""
    port = free_port()
    with server([Path(sys.executable).parent / "moto_server", "-H", "127.0.0.1", "-p", str(port)], port) as variables:
        httpx.put(f"http://127.0.0.1:{port}/photos", trust_env=False).raise_for_status()
        yield variables


@pytest.fixture(scope="session")
def versitygw(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Variables]:
    """A versitygw of our own, with the bucket."""
    program, port = gateway_program(), free_port()
    folder = tmp_path_factory.mktemp("versitygw")
    (folder / "photos").mkdir()  # its buckets are folders
    keys = {"ROOT_ACCESS_KEY": ACCESS, "ROOT_SECRET_KEY": SECRET}
    with server([program, "--port", f"127.0.0.1:{port}", "posix", folder], port, **keys) as variables:
        yield variables


def gateway_program() -> Path:
    """Return the program, built when this machine has none yet and there is time."""
    kept = cache_folder() / f"versitygw-{GATEWAY_VERSION}"
    if not kept.exists() and not os.environ.get("SPACES_TEST_FULL"):
        pytest.skip("no S3 that checks signatures: building versitygw takes minutes, SPACES_TEST_FULL=1 does so once")
    try:
        with ThreadPoolExecutor(1) as thread:  # the suite's own event loop is not this fixture's to use
            return thread.submit(asyncio.run, go_program("versitygw", GATEWAY, GATEWAY_VERSION)).result()
    except Unavailable as reason:
        pytest.skip(f"no S3 that checks signatures: {reason}")


@pytest.fixture(params=["moto", pytest.param("versitygw", marks=pytest.mark.timeout(400))])
def s3(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The bucket on one of the servers; the environment points to it."""
    for name, value in request.getfixturevalue(request.param).items():
        monkeypatch.setenv(name, value)
    return BUCKET


KINDS = ["file", "memory", "moto", pytest.param("versitygw", marks=pytest.mark.timeout(400))]


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    if request.param in {"file", "memory"}:
        return ObjectStore("memory://" if request.param == "memory" else (tmp_path / "made" / "for it").as_uri())
    for name, value in request.getfixturevalue(request.param).items():
        monkeypatch.setenv(name, value)
    return ObjectStore(BUCKET)


async def test_what_was_put_is_got(store: ObjectStore) -> None:
    await store.put("acme/uploads/got", b"cat")

    assert await store.get("acme/uploads/got") == b"cat"
    assert await store.exists("acme/uploads/got")


async def test_empty_blob_is_kept(store: ObjectStore) -> None:
    await store.put("acme/uploads/empty", b"")

    assert await store.get("acme/uploads/empty") == b""


async def test_putting_again_overwrites(store: ObjectStore) -> None:
    for data in (b"cat", b"dog"):
        await store.put("acme/uploads/twice", data)

    assert await store.get("acme/uploads/twice") == b"dog"


async def test_what_was_put_before_an_instant_is_removed_under_its_folder_alone(store: ObjectStore) -> None:
    for name in ("old/uploads/1", "old/pictures/2", "older/uploads/3"):
        await store.put(name, b"cat")
    at = await store.put_at("old/uploads/1")
    assert at

    kept = await store.delete_older("old", at - timedelta(days=1), 100)
    removed = [await store.delete_older("old", at + timedelta(days=1), 100) for _ in range(2)]

    assert (kept, removed) == (0, [2, 0])
    assert abs(at - datetime.now(UTC)) < timedelta(minutes=5)
    assert await store.put_at("old/uploads/1") is None
    assert await store.exists("older/uploads/3")
    assert "older" in await store.folders()


async def test_file_of_several_parts_is_kept_whole(store: ObjectStore, tmp_path: Path) -> None:
    source = tmp_path / "large"
    source.write_bytes(bytes(range(256)) * 50_000)

    await store.put("acme/uploads/large", source)

    assert await store.get("acme/uploads/large") == source.read_bytes()


async def test_missing_file_is_not_found_and_leaves_nothing(store: ObjectStore, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no file at"):
        await store.put("acme/uploads/none", tmp_path / "none")

    assert not await store.exists("acme/uploads/none")


async def test_missing_blob_is_not_found(store: ObjectStore) -> None:
    with pytest.raises(NotFound, match="no blob under 'acme/uploads/missing'"):
        await store.get("acme/uploads/missing")

    assert not await store.exists("acme/uploads/missing")


async def test_folder_of_blobs_is_no_blob(store: ObjectStore) -> None:
    await store.put("acme/uploads/one", b"cat")

    assert not await store.exists("acme/uploads")
    with pytest.raises(NotFound):
        await store.get("acme/uploads")


async def test_deleting_twice_is_deleting_once(store: ObjectStore) -> None:
    await store.put("acme/uploads/gone", b"cat")

    for _ in range(2):
        await store.delete("acme/uploads/gone")

    assert not await store.exists("acme/uploads/gone")


async def test_many_at_once_are_kept_apart(store: ObjectStore) -> None:
    await asyncio.gather(*(store.put(f"acme/uploads/{n}", str(n).encode()) for n in range(30)))

    assert [await store.get(f"acme/uploads/{n}") for n in range(30)] == [str(n).encode() for n in range(30)]


async def test_ping_answers(store: ObjectStore) -> None:
    await store.ping()


BAD_KEYS = [
    "",
    "/etc/passwd",
    "../secret",
    "acme/../globex/a",
    "acme/./a",
    "acme//a",
    "acme/",
    "a\\b",
    "a\0b",
    "a\nb",
    "ä",
]


@pytest.mark.parametrize("key", [*BAD_KEYS, "a" * 901])
async def test_key_that_leads_elsewhere_is_refused(store: ObjectStore, key: str) -> None:
    for call in (store.get(key), store.exists(key), store.delete(key), store.put(key, b"cat")):
        with pytest.raises(InvalidInput, match="not an object key"):
            await call


async def test_reader_never_sees_half_a_write(store: ObjectStore, tmp_path: Path) -> None:
    for letter in (b"a", b"b"):
        (tmp_path / letter.decode()).write_bytes(letter * 12_000_000)
    await store.put("acme/uploads/whole", tmp_path / "a")

    writing = asyncio.ensure_future(store.put("acme/uploads/whole", tmp_path / "b"))
    seen = {bytes([*set(await store.get("acme/uploads/whole"))])}
    while not writing.done():
        seen.add(bytes(sorted(set(await store.get("acme/uploads/whole")))))

    await writing
    assert seen <= {b"a", b"b"}
    assert set(await store.get("acme/uploads/whole")) == {ord("b")}


async def test_two_folders_share_nothing(tmp_path: Path) -> None:
    one, other = (ObjectStore((tmp_path / name).as_uri()) for name in ("one", "other"))

    await one.put("acme/uploads/a", b"cat")

    assert not await other.exists("acme/uploads/a")
    assert (tmp_path / "one/acme/uploads/a").read_bytes() == b"cat"


async def test_removed_folder_does_not_answer(tmp_path: Path) -> None:
    store = ObjectStore((tmp_path / "gone").as_uri())
    (tmp_path / "gone").rmdir()

    with pytest.raises(Unavailable, match="missing"):
        await store.ping()


async def test_full_or_blocked_folder_is_unavailable(tmp_path: Path) -> None:
    store = ObjectStore((tmp_path / "blocked").as_uri())
    (tmp_path / "blocked/acme").write_bytes(b"a file where a folder should be")

    with pytest.raises(Unavailable):
        await store.put("acme/uploads/a", b"cat")


async def test_missing_bucket_is_unavailable(s3: str) -> None:
    store = ObjectStore("s3://no-such-bucket")

    for call in (store.ping(), store.put("acme/uploads/a", b"cat"), store.get("acme/uploads/a")):
        with pytest.raises(Unavailable, match="NoSuchBucket"):
            await call


async def test_unreachable_server_is_unavailable_and_no_secret_is_told(
    s3: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    store = ObjectStore(s3)

    for call in (store.ping(), store.get("a/b"), store.exists("a/b"), store.delete("a/b"), store.put("a/b", b"cat")):
        with pytest.raises(Unavailable) as caught:
            await call
        assert caught.value.__cause__ is None
        assert not {SECRET, ACCESS} & set(str(caught.value).split())


async def test_a_wrong_secret_is_found_out(versitygw: Variables, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**versitygw, "AWS_SECRET_ACCESS_KEY": "not-the-secret"}.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(Unavailable, match="SignatureDoesNotMatch"):
        await ObjectStore(BUCKET).put("acme/uploads/a", b"cat")


async def test_what_is_under_a_folder_is_removed_with_it(store: ObjectStore) -> None:
    for key in ("acme/erased/a", "acme/erased/b/c", "acme/erased-not/a"):
        await store.put(key, b"cat")

    assert await store.delete_under("acme/erased") == 2
    assert [await store.exists(f"acme/{key}/a") for key in ("erased", "erased-not")] == [False, True]


@pytest.mark.parametrize(
    "url", ["", "file://", "file:///", "file://relative", "ftp://x/y", "s3://", "s3://key:secret@b/p"]
)
def test_url_of_no_store_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        ObjectStore(url)

    assert "secret" not in str(caught.value)
