"""Telling people of alerts: what is new goes to every channel, all that is due in one message.

A channel that does not work is tried again later and keeps none of the others waiting.
"""

import asyncio
import hashlib
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from contracts.alerts import AlertChannel, DueNotices, NoticeRecord, Severity
from contracts.errors import Unavailable

log = logging.getLogger("spaces.alerts")

CLAIM = timedelta(minutes=1)
"""Longer than any channel takes."""
WAITS = tuple(timedelta(minutes=minutes) for minutes in (0.5, 1, 5, 15, 30, 60, 120, 240, 480))
"""After the first attempt, the second, and so on; 16 hours in all."""


class Herald:
    """Tells by all channels what is new about alerts."""

    def __init__(self, record: NoticeRecord, channels: Sequence[AlertChannel], least: Severity) -> None:
        self._record = record
        self._channels = channels
        self._least = least

    async def turn(self, now: datetime) -> int:
        """Tell what is due, one message for each channel; return how many were taken.

        Safe to run twice: a notice is taken away only after its channel took it, so that it may be told again after
        a crash, under the same message id when nothing else has come meanwhile.

        Raises:
            Unavailable: The database did not answer; the next turn goes on.
        """
        await self._record.spread([channel.name for channel in self._channels], self._least, now)
        return sum(await asyncio.gather(*(self._serve(channel, now) for channel in self._channels)))

    async def _serve(self, channel: AlertChannel, now: datetime) -> bool:
        notices = await self._record.due(channel.name, now, now + CLAIM)
        if notices is None:
            return False
        try:
            await channel.tell(_message_id(notices), notices.news)
        except Unavailable as error:
            again = now + WAITS[notices.attempts - 1] if notices.attempts <= len(WAITS) else None
            log.warning("alerts cannot be told by %s: %s", channel.name, error)
            await self._record.failed(notices, str(error), again)
            return False
        await self._record.told(notices)
        return True


def _message_id(notices: DueNotices) -> str:
    return f"msg_{hashlib.sha256(' '.join(notices.keys).encode()).hexdigest()[:32]}"
