"""Incidents: readings judged by the rules, once in the whole installation, and remembered between the turns.

A turn is one transaction: killed before its end it changed nothing, and the next one judges anew.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.alert_rules import AlertKind, AlertRule, Reading, Standing, Turn, judge
from readmodel.alert_readings import AlertReadings
from readmodel.alert_rules import read_rules
from readmodel.alerts import keep_alert, resolve_alerts
from readmodel.database import Database
from readmodel.rows import insert_into
from readmodel.tables import AlertRow, AlertStandingRow


class Incidents:
    """Watches the figures.

    Every method raises `Unavailable` when the database did not answer.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._readings = AlertReadings(database)

    async def watch(self, now: datetime) -> int:
        """Raise alerts of incidents that begin and resolve those of incidents that are over; return how many."""
        readings = {reading.key: reading for reading in await self._readings.take(now)}
        async with self._database.write() as connection:
            rules = {rule.kind: rule for rule in (await read_rules(connection)).rules}
            standings = await _standings(connection)
            for key in standings.keys() - readings.keys():
                readings[key] = _nothing(standings[key])
            turned = 0
            for key, reading in sorted(readings.items()):
                before = standings.get(key) or Standing(key, reading.kind)
                turned += await _turn(connection, before, reading, rules[reading.kind], now)
        return turned


async def _standings(connection: AsyncConnection) -> dict[str, Standing]:
    rows = (await connection.execute(select(AlertStandingRow.__table__))).all()
    return {row.key: Standing(**row._mapping) for row in rows}


def _nothing(standing: Standing) -> Reading:
    """Return the reading of a figure that is not there any more: nothing of it is left."""
    kind = AlertKind(standing.kind)
    about = standing.key.removeprefix(kind.value).strip(":") or None
    of_tenant = kind is AlertKind.BUDGET
    return Reading(kind, 0, "nothing of it is left", None if of_tenant else about, about if of_tenant else None)


async def _turn(
    connection: AsyncConnection, before: Standing, reading: Reading, rule: AlertRule, now: datetime
) -> bool:
    after, turn = judge(before, reading, rule, now)
    if turn is Turn.BEGINS:
        after = Standing(after.key, after.kind, after.high_since, None, await _raise(connection, reading, rule, now))
    elif turn is Turn.ENDS:
        await resolve_alerts(connection, now, AlertRow.id == before.alert_id)
    if after != before:
        await _keep(connection, after)
    return turn in {Turn.BEGINS, Turn.ENDS}


async def _raise(connection: AsyncConnection, reading: Reading, rule: AlertRule, now: datetime) -> str:
    threshold, clear = rule.limits(reading.job_type)
    about: dict[str, Any] = {"key": reading.key, "kind": reading.kind.value}
    about |= {"tenant_id": reading.tenant_id, "job_type": reading.job_type}
    details = {"value": reading.value, "threshold": threshold, "clear": clear}
    said = {"severity": rule.severity, "message": reading.words, "details": details}
    return await keep_alert(connection, now, about, said)


async def _keep(connection: AsyncConnection, standing: Standing) -> None:
    """Remember a standing; one that says nothing is forgotten."""
    if standing == Standing(standing.key, standing.kind):
        await connection.execute(delete(AlertStandingRow).where(AlertStandingRow.key == standing.key))
        return
    values: dict[str, Any] = vars(standing)
    insert = insert_into(connection, AlertStandingRow)
    every = {name: insert.excluded[name] for name in values}
    await connection.execute(insert.on_conflict_do_update(index_elements=["key"], set_=every), values)
