"""Budgets: what a tenant may still spend on models today, in UTC."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from contracts.budgets import BudgetStanding
from readmodel.database import Database
from readmodel.limits import LimitsBook
from readmodel.model_calls import COUNTED, sums, used_of
from readmodel.tables import ModelCallRow


class Budgets:
    """A `BudgetBook` over the limits and the book of calls."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._limits = LimitsBook(database)

    async def standing(self, tenant_id: str, now: datetime) -> BudgetStanding:
        """Return what the tenant may spend on this day and what it has spent, calls under way with the most they take.

        Raises:
            Unavailable: The database did not answer.
        """
        limits = (await self._limits.get(tenant_id)).limits
        begin = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        end, row = begin + timedelta(days=1), ModelCallRow
        most = {"tokens": limits.ai_tokens_per_day, "cost_micros": limits.ai_cost_micros_per_day}
        standing = BudgetStanding(renewed_at=end, **most)
        if standing.unlimited:
            return standing
        of_day = (row.tenant_id == tenant_id, row.at >= begin, row.at < end)
        async with self._database.read() as connection:
            used = used_of((await connection.execute(select(*sums()).where(COUNTED, *of_day))).one())
        return standing.model_copy(update={"used_tokens": used.tokens, "used_cost_micros": used.cost_micros})
