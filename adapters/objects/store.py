"""Objects: bytes under keys in a folder, in memory or in an S3 bucket, by the `obstore` library.

`file:///var/lib/queue` (made when missing), `memory://`, or `s3://bucket/prefix` with the standard AWS_* environment.
A message never carries what the store answered: S3 repeats keys, tokens and access ids in it.
"""

import contextlib
import os
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, MemoryStore, S3Store

from contracts.errors import InvalidInput, NotFound, Unavailable

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import ObjectStore as Driver

_KEY = re.compile(r"^[A-Za-z0-9._~-]+(/[A-Za-z0-9._~-]+)*$")
_LONGEST_KEY = 900  # S3 allows 1024 bytes, prefix included
_CODE = re.compile(r"<Code>(\w{1,60})</Code>")
_PAGE = 1000  # S3 lists and deletes so many with one request
_PART_BYTES = 5 * 1024 * 1024  # the least S3 takes as a part of a larger file


class ObjectStore:
    """`BlobStore` by URL. Same keys, same errors and whole-or-nothing writes on every kind of store."""

    def __init__(self, url: str) -> None:
        """Open the store; an S3 bucket must exist, and is first spoken to by `ping` or the first call.

        Raises:
            InvalidInput: Not a URL of a store we know, or one that carries credentials.
        """
        self._driver = _open(url)

    async def put(self, key: str, data: bytes | Path) -> None:
        """Keep bytes or a file under the key, whole or not at all; a file is sent in parts and never read whole.

        Raises:
            InvalidInput: Not an object key.
            NotFound: There is no file at the path.
            Unavailable: The store did not answer, or is full.
        """
        _check(key)
        _check_source(data)
        with _translated(key):
            await obstore.put_async(self._driver, key, data, chunk_size=_PART_BYTES, max_concurrency=4)

    async def get(self, key: str) -> bytes:
        """Return the bytes under the key.

        Raises:
            InvalidInput: Not an object key.
            NotFound: There is nothing under the key.
            Unavailable: The store did not answer.
        """
        _check(key)
        with _translated(key):
            answer = await obstore.get_async(self._driver, key)
            return bytes(await answer.bytes_async())

    async def exists(self, key: str) -> bool:
        """Tell whether there is something under the key.

        Raises:
            InvalidInput: Not an object key.
            Unavailable: The store did not answer.
        """
        return await self.put_at(key) is not None

    async def put_at(self, key: str) -> datetime | None:
        """Return when the key was last put, by the store's clock; None when there is nothing under it.

        Raises:
            InvalidInput: Not an object key.
            Unavailable: The store did not answer.
        """
        _check(key)
        try:
            with _translated(key):
                return (await obstore.head_async(self._driver, key))["last_modified"]
        except NotFound:
            return None

    async def folders(self) -> Sequence[str]:
        """Return the first parts of all keys, each once.

        Raises:
            Unavailable: The store did not answer.
        """
        with _translated("*"):
            found = await obstore.list_with_delimiter_async(self._driver)
        return sorted(name.strip("/") for name in found["common_prefixes"])

    async def delete_older(self, folder: str, before: datetime, limit: int) -> int:
        """Remove keys that begin with `folder/` and were last put before then, about `limit` at most; return how many.

        Raises:
            InvalidInput: Not an object key.
            Unavailable: The store did not answer; what was removed before stays removed.
        """
        return await self._delete(folder, lambda found: found["last_modified"] < before, limit)

    async def delete(self, key: str) -> None:
        """Remove the key; nothing happens when it is not there.

        Raises:
            InvalidInput: Not an object key.
            Unavailable: The store did not answer.
        """
        _check(key)
        with contextlib.suppress(NotFound), _translated(key):
            await obstore.delete_async(self._driver, key)

    async def delete_under(self, folder: str) -> int:
        """Remove all keys that begin with `folder/`, and return how many.

        Raises:
            InvalidInput: Not an object key.
            Unavailable: The store did not answer; what was removed before stays removed.
        """
        return await self._delete(folder, lambda _: True)

    async def _delete(self, folder: str, unwanted: Callable[["ObjectMeta"], bool], limit: int | None = None) -> int:
        _check(folder)
        removed = 0
        with _translated(folder):
            async for page in obstore.list(self._driver, prefix=f"{folder}/", chunk_size=_PAGE):
                if keys := [found["path"] for found in page if unwanted(found)]:
                    await obstore.delete_async(self._driver, keys)
                removed += len(keys)
                if limit is not None and removed >= limit:
                    break
        return removed

    async def ping(self) -> None:
        """Return when the store answers; a listing of nothing, which a bucket that is not there refuses.

        Raises:
            Unavailable: It does not.
        """
        root = self._driver.prefix if isinstance(self._driver, LocalStore) else None
        if root is not None and not os.access(root, os.W_OK):
            raise Unavailable("the object store's folder is missing or cannot be written")
        with _translated(".ping"):
            await obstore.list(self._driver, prefix=".ping", chunk_size=1).collect_async()


def _open(url: str) -> "Driver":
    scheme, _, rest = url.partition("://")
    if scheme == "memory":
        return MemoryStore()
    if scheme == "file" and rest.startswith("/") and rest.strip("/"):
        return LocalStore.from_url(url, mkdir=True)
    if scheme == "s3" and rest and "@" not in rest:
        plain = os.environ.get("AWS_ENDPOINT_URL", "").startswith("http://")
        return S3Store.from_url(
            url,
            client_options={
                "allow_http": plain,
                "connect_timeout": timedelta(seconds=3),
                "timeout": timedelta(seconds=30),
            },
            retry_config={"max_retries": 1, "retry_timeout": timedelta(seconds=20)},  # Temporal does the retrying
        )
    raise InvalidInput("a store's URL is file:///folder, memory:// or s3://bucket/prefix, without credentials")


def _check(key: str) -> None:
    if len(key) > _LONGEST_KEY or not _KEY.match(key) or {".", ".."} & set(key.split("/")):
        raise InvalidInput(f"not an object key: {key[:100]!r}")


def _check_source(data: bytes | Path) -> None:
    if isinstance(data, Path) and not data.is_file():
        raise NotFound(f"no file at '{data}'")


@contextlib.contextmanager
def _translated(key: str) -> Iterator[None]:
    """Turn the driver's errors into ours; without their texts and causes, which may hold access ids."""
    try:
        yield
    except (BaseError, OSError) as error:
        said = _CODE.search(str(error))
        reason = said[1] if said else type(error).__name__
        if isinstance(error, FileNotFoundError) and reason != "NoSuchBucket":
            raise NotFound(f"no blob under '{key}'") from None
        raise Unavailable(f"the object store did not do it: {reason}") from None
