"""Telling of alerts: every channel for itself, again when it was not taken, and in the end given up."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from activities.alerting import WAITS, Herald
from contracts.alerts import AlertNews, DueNotices, Severity
from contracts.errors import Unavailable

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@dataclass
class Record:
    """A `NoticeRecord` in memory: one notice for each channel."""

    attempts: int = 1
    done: list[str] = field(default_factory=list)
    later: dict[str, datetime | None] = field(default_factory=dict)

    async def spread(self, channels: Sequence[str], least: Severity, now: datetime) -> int:
        return 0

    async def due(self, channel: str, now: datetime, until: datetime) -> DueNotices | None:
        return DueNotices(channel, (f"alert_1:raised:{channel}",), (), self.attempts)

    async def told(self, notices: DueNotices) -> None:
        self.done.append(notices.channel)

    async def failed(self, notices: DueNotices, why: str, next_try_at: datetime | None) -> None:
        self.later[notices.channel] = next_try_at


@dataclass
class Channel:
    """An `AlertChannel` that takes what it is told, or not."""

    name: str
    works: bool = True
    ids: list[str] = field(default_factory=list)

    async def tell(self, message_id: str, news: Sequence[AlertNews]) -> None:
        self.ids.append(message_id)
        if not self.works:
            raise Unavailable("no answer")


async def test_a_channel_that_does_not_work_keeps_no_other_from_telling() -> None:
    record, broken, good = Record(), Channel("email", works=False), Channel("slack")

    taken = await Herald(record, [broken, good], Severity.WARNING).turn(NOW)

    assert (taken, record.done, record.later) == (1, ["slack"], {"email": NOW + WAITS[0]})


async def test_what_is_never_taken_is_given_up_after_all_waits() -> None:
    record, broken = Record(attempts=len(WAITS) + 1), Channel("email", works=False)

    await Herald(record, [broken], Severity.WARNING).turn(NOW)

    assert record.later == {"email": None}


async def test_the_same_notices_are_told_under_the_same_id() -> None:
    record, channel = Record(), Channel("email")
    herald = Herald(record, [channel], Severity.WARNING)

    for _ in range(2):
        await herald.turn(NOW)

    assert len(channel.ids) == 2
    assert len(set(channel.ids)) == 1
