"""Alerts by HTTP: to an endpoint after the Standard Webhooks specification, and to Slack and what speaks like it.

The URLs are the operator's own settings, so they may be at private addresses; a Slack URL is itself the secret.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime

import httpx
from standardwebhooks.webhooks import Webhook

from adapters.webhooks.sender import HttpWebhooks
from contracts.alerts import AlertNews
from contracts.errors import Unavailable
from contracts.webhooks import WebhookPost

TIMEOUT_SECONDS = 15.0
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
"""Slack's own: nothing that a message says becomes a link or a mention."""


class WebhookChannel:
    """An `AlertChannel` to an endpoint that checks signatures.

    Raises:
        ValueError: The secret is none.
    """

    name = "webhook"

    def __init__(self, url: str, secret: str) -> None:
        self._url = url
        self._secret = secret
        Webhook(secret)  # refuses at the start what could not sign later
        self._sender = HttpWebhooks(allow_private=True)

    async def tell(self, message_id: str, news: Sequence[AlertNews]) -> None:
        """Send one signed POST.

        Raises:
            Unavailable: The endpoint did not take it.
        """
        data = {"alerts": [each.to_wire() for each in news]}
        body = json.dumps({"type": "alerts", "timestamp": datetime.now(UTC).isoformat(), "data": data})
        answer = await self._sender.send(WebhookPost(self._url, self._secret, message_id, body))
        if not answer.taken:
            raise Unavailable(answer.words or "the endpoint did not take it")


class SlackChannel:
    """An `AlertChannel` to an incoming webhook of Slack, Mattermost or Rocket.Chat."""

    name = "slack"

    def __init__(self, url: str) -> None:
        self._url = url

    async def tell(self, message_id: str, news: Sequence[AlertNews]) -> None:
        """Post one message; the id is not shown, such endpoints have no place for it.

        Raises:
            Unavailable: The endpoint did not take it.
        """
        text = "\n".join(each.line.translate(_ESCAPES) for each in news)
        try:
            async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS, trust_env=False) as client:
                answer = await client.post(self._url, json={"text": text})
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            msg = f"the Slack webhook could not be reached: {type(error).__name__}"
            raise Unavailable(msg) from None
        if not answer.is_success:
            msg = f"the Slack webhook answered {answer.status_code}"
            raise Unavailable(msg)
