"""Notices: what each channel is still to tell of alerts. A `NoticeRecord`."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, select, update

from contracts.alerts import AlertNews, DueNotices, News, Severity
from readmodel.alerts import alert_of
from readmodel.database import Database
from readmodel.rows import insert_into
from readmodel.tables import AlertNoticeRow, AlertRow

AT_ONCE = 50
"""Notices in one message."""
_ROW = AlertNoticeRow


class AlertNotices:
    """Keeps notices.

    Every method raises `Unavailable` when the database did not answer.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def spread(self, channels: Sequence[str], least: Severity, now: datetime) -> int:
        """Make a notice for each channel of what is new about alerts; return how many were made."""
        untold = select(AlertRow.id, AlertRow.untold, AlertRow.severity).where(AlertRow.untold.is_not(None)).limit(500)
        async with self._database.read() as connection:
            if (await connection.execute(untold.limit(1))).one_or_none() is None:
                return 0
        async with self._database.write() as connection:
            alerts = (await connection.execute(untold)).all()
            rows = [
                {
                    "key": f"{alert.id}:{alert.untold}:{channel}",
                    "alert_id": alert.id,
                    "channel": channel,
                    "news": alert.untold,
                    "attempts": 0,
                    "created_at": now,
                    "next_try_at": now,
                }
                for alert in alerts
                for channel in channels
                if alert.severity in least.and_above
            ]
            if rows:
                insert = insert_into(connection, AlertNoticeRow).on_conflict_do_nothing(index_elements=["key"])
                await connection.execute(insert, rows)
            for news in News:
                ids = [alert.id for alert in alerts if alert.untold == news]
                spread = update(AlertRow).where(AlertRow.id.in_(ids), AlertRow.untold == news.value)
                await connection.execute(spread.values(untold=None))
        return len(rows)

    async def due(self, channel: str, now: datetime, until: datetime) -> DueNotices | None:
        """Take what a channel is to tell now, first what is oldest; it is due again then."""
        query = select(_ROW.key.label("notice_key"), _ROW.news, _ROW.attempts, AlertRow.__table__)
        query = query.join(AlertRow, AlertRow.id == _ROW.alert_id)
        query = query.where(_ROW.channel == channel, _ROW.next_try_at <= now)
        order = (_ROW.next_try_at, _ROW.created_at, _ROW.key)
        async with self._database.read() as connection:
            if (await connection.execute(query.limit(1))).first() is None:
                return None
        async with self._database.write() as connection:
            rows = (await connection.execute(query.order_by(*order).limit(AT_ONCE))).all()
            keys = [row.notice_key for row in rows]
            taken = update(_ROW).where(_ROW.key.in_(keys)).values(attempts=_ROW.attempts + 1, next_try_at=until)
            await connection.execute(taken)
        if not rows:
            return None
        news = [AlertNews(news=News(row.news), alert=alert_of(row)) for row in rows]
        return DueNotices(channel, tuple(keys), tuple(news), 1 + min(row.attempts for row in rows))

    async def told(self, notices: DueNotices) -> None:
        """Forget notices that were taken."""
        async with self._database.write() as connection:
            await connection.execute(delete(_ROW).where(_ROW.key.in_(notices.keys)))

    async def failed(self, notices: DueNotices, why: str, next_try_at: datetime | None) -> None:
        """Note why notices were not taken, and when to try again; None gives them up."""
        async with self._database.write() as connection:
            again = update(_ROW).where(_ROW.key.in_(notices.keys))
            await connection.execute(again.values(last_error=why[:500], next_try_at=next_try_at))
