"""Photos: `PhotoFetcher` over the fetcher; what comes must begin like a picture."""

import ssl
from datetime import timedelta

from adapters.fetching.asking import Ask
from adapters.fetching.fetcher import HttpFetcher
from contracts.fetching import FetchProblem
from contracts.images import sniff
from contracts.photos import PhotoProblem
from contracts.ports import Fetched

_HEADERS = {"accept": "image/*", "accept-encoding": "identity", "user-agent": "spaces-queue-photos"}


class HttpPhotoFetcher:
    """`PhotoFetcher` over HTTP."""

    def __init__(
        self,
        allow_private: bool = False,
        limit_bytes: int = 25 * 1024 * 1024,
        total_timeout: timedelta = timedelta(seconds=30),
        verify: ssl.SSLContext | None = None,
    ) -> None:
        self._fetcher = HttpFetcher(allow_private, total_timeout, verify=verify)
        unfit = ("not_an_image", "not a picture we read")
        self._ask = Ask(_HEADERS, limit_bytes, lambda head: sniff(head) is not None, unfit)

    async def fetch(self, url: str) -> Fetched:
        """Return the bytes or the problem; see `contracts.ports.PhotoFetcher`. At most 30 s and 25 MiB by default.

        Raises:
            RateLimited: 429, or 503 with Retry-After.
            Unavailable: 408, 425, 5xx, a cut or refused connection, no answer in time.
        """
        answer = await self._fetcher.fetch(url, self._ask)
        if isinstance(answer, FetchProblem):
            return Fetched(problem=PhotoProblem(code=answer.code, message=answer.message))
        return Fetched(data=answer.data)
