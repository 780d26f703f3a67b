"""What the delivery of webhooks needs from the outside, as Protocols."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from contracts.webhooks import Outcome, WebhookAnswer, WebhookPost


class WebhookSender(Protocol):
    """Tells an endpoint, never at a private address unless that is allowed."""

    async def send(self, post: WebhookPost) -> WebhookAnswer:
        """Send it once, within a bounded time, and return what came of it; nothing about the endpoint raises."""


class UrlCheck(Protocol):
    """Tells before the first call whether an endpoint may be called."""

    async def problem_with(self, url: str) -> str | None:
        """Return why the URL would not be called; None when it would be, as far as can be told now."""


@dataclass(frozen=True)
class DueDelivery:
    """A delivery whose time has come. `attempts`: with the one that is to be made."""

    id: str
    webhook_id: str
    attempts: int
    post: WebhookPost


class WebhookRecord(Protocol):
    """The deliveries that are to be made, and the record of what came of them."""

    async def due(self, now: datetime, busy: Collection[str], limit: int) -> Sequence[str]:
        """Return ids of webhooks that have a delivery to be made now, longest due first, without the busy ones.

        Raises:
            Unavailable: The database did not answer.
        """

    async def claim(self, webhook_id: str, now: datetime, until: datetime, limit: int) -> Sequence[DueDelivery]:
        """Take some of a webhook's due deliveries; nobody else is given them until then.

        Raises:
            Unavailable: The database did not answer; nothing is taken, or it is due again then.
        """

    async def told(self, outcomes: Sequence[tuple[DueDelivery, WebhookAnswer, Outcome]], now: datetime) -> None:
        """Record what came of deliveries that were claimed; told twice it leaves the same rows.

        Raises:
            Unavailable: The database did not answer; the deliveries are due again when their claim is over.
        """
