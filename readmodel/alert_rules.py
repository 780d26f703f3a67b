"""Alert rules: those that somebody decided, and the defaults of the others."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.alert_rules import DEFAULT_RULES, AlertKind, AlertRule
from contracts.audit import AuditAction, Author, Deed
from contracts.values import PLATFORM
from readmodel.audit import record
from readmodel.database import Database
from readmodel.tables import AlertRuleRow


@dataclass(frozen=True)
class DecidedRules:
    """All rules, in the order of the kinds. `updated_at`, `updated_by`: None while nobody decided anything."""

    rules: tuple[AlertRule, ...]
    updated_at: datetime | None = None
    updated_by: str | None = None


class AlertRules:
    """Keeps the rules of alerts.

    Every method raises `Unavailable` when the database did not answer.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self) -> DecidedRules:
        """Return the rules in force."""
        async with self._database.read() as connection:
            return await read_rules(connection)

    async def put(self, rules: Sequence[AlertRule], by: Author, now: datetime) -> DecidedRules:
        """Replace all rules; a kind that is not among them has its default."""
        rows = [
            {"kind": rule.kind.value, "rule": rule.to_wire(), "updated_at": now, "updated_by": by.actor}
            for rule in rules
        ]
        async with self._database.write() as connection:
            before = await read_rules(connection)
            await connection.execute(delete(AlertRuleRow))
            if rows:
                await connection.execute(insert(AlertRuleRow), rows)
            decided = await read_rules(connection)
            told = [{rule.kind.value: rule.to_wire() for rule in each.rules} for each in (before, decided)]
            change = Deed(by, AuditAction.ALERT_RULES, "rules", PLATFORM, before=told[0], after=told[1])
            await record(connection, [change])
        return decided


async def read_rules(connection: AsyncConnection) -> DecidedRules:
    """Return the rules in force, inside a transaction that does something else as well."""
    rows = (await connection.execute(select(AlertRuleRow.__table__))).all()
    decided = {AlertKind(row.kind): AlertRule.model_validate(row.rule) for row in rows}
    rules = tuple({**DEFAULT_RULES, **decided}.values())
    if not rows:
        return DecidedRules(rules)
    last = max(rows, key=lambda row: datetime.timestamp(row.updated_at))
    return DecidedRules(rules, last.updated_at, last.updated_by)
