"""Sender: one signed POST to an endpoint that anybody may have registered.

Nothing of a URL but its host is ever put in a message, and nothing that an endpoint answers but its status is read.
"""

import asyncio
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx
from standardwebhooks.webhooks import Webhook

from adapters.fetching.fetcher import retry_after
from adapters.fetching.transport import CheckedTransport, NoSuchHost, Refused
from contracts.webhooks import WebhookAnswer, WebhookPost

CHECK_SECONDS = 2.0
"""How long a look-up may take while somebody waits for an answer."""
_HEADERS = {"content-type": "application/json", "user-agent": "spaces-queue-webhooks", "accept-encoding": "identity"}


class HttpWebhooks:
    """A `WebhookSender` and `UrlCheck` over HTTP. Each attempt has its own connection; redirects are not followed."""

    def __init__(
        self,
        allow_private: bool = False,
        total_timeout: timedelta = timedelta(seconds=15),
        connect_timeout: timedelta = timedelta(seconds=5),
        verify: ssl.SSLContext | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._allow_private = allow_private
        self._total = total_timeout.total_seconds()
        self._timeout = httpx.Timeout(self._total, connect=connect_timeout.total_seconds())
        self._verify = verify or httpx.create_ssl_context(trust_env=False)
        self._clock = clock

    async def send(self, post: WebhookPost) -> WebhookAnswer:
        """Send it once, signed after the Standard Webhooks specification; see `webhook_ports.WebhookSender`."""
        try:
            async with asyncio.timeout(self._total), self._client() as client:
                return await self._answer(client, self._request(client, post))
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError):
            return WebhookAnswer(problem="not a URL that can be called", final=True)
        except Refused:
            return WebhookAnswer(problem=f"{_host(post.url)} is not a public server", final=True)
        except NoSuchHost:
            return WebhookAnswer(problem=f"there is no host {_host(post.url)}")
        except TimeoutError:
            return WebhookAnswer(problem=f"{_host(post.url)} did not answer within {self._total:g} s")
        except httpx.TransportError as error:
            return WebhookAnswer(problem=f"{_host(post.url)} could not be reached: {type(error).__name__}")

    async def problem_with(self, url: str) -> str | None:
        """Return why the URL would not be called; None when it would be, as far as can be told within 2 s."""
        try:
            parsed = httpx.URL(url)
            async with asyncio.timeout(CHECK_SECONDS), self._transport() as transport:
                await transport.resolve(parsed)
        except (httpx.InvalidURL, UnicodeError):
            return "not a URL that can be called"
        except Refused:
            return f"{_host(url)} is not a public server"
        except NoSuchHost:
            return f"there is no host {_host(url)}"
        except (TimeoutError, httpx.TransportError):
            return None
        return None

    def _transport(self) -> CheckedTransport:
        return CheckedTransport(self._allow_private, self._verify)

    def _client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=self._transport(), timeout=self._timeout, headers=_HEADERS, trust_env=False)

    def _request(self, client: httpx.AsyncClient, post: WebhookPost) -> httpx.Request:
        now = self._clock()
        headers = {
            "webhook-id": post.message_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(post.secret).sign(post.message_id, now, post.body),
        }
        return client.build_request("POST", post.url, content=post.body.encode(), headers=headers)

    async def _answer(self, client: httpx.AsyncClient, request: httpx.Request) -> WebhookAnswer:
        answer = await client.send(request, stream=True)
        await answer.aclose()
        wait = retry_after(answer.headers.get("retry-after", ""), self._clock())
        return WebhookAnswer(status=answer.status_code, retry_after=wait)


def _host(url: str) -> str:
    return httpx.URL(url).host
