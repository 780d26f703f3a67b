"""Warning of budgets: somebody is told, once a day, when most of what a tenant may spend on models is used."""

from contextlib import suppress
from datetime import UTC, datetime

from contracts.alerts import AI_BUDGET, Severity
from contracts.budgets import WARN_SHARE, BudgetBook
from contracts.errors import Unavailable
from contracts.ports import Alerts


async def warn_of_budget(budgets: BudgetBook, alerts: Alerts, tenant_id: str) -> None:
    """Raise the day's alert when it is due; again, it only counts up.

    What was made is paid for, and not lost because that cannot be told.
    """
    now = datetime.now(UTC)
    with suppress(Unavailable):
        if used := (await budgets.standing(tenant_id, now)).at(WARN_SHARE):
            key, message = f"{AI_BUDGET}:{tenant_id}:{now.date()}", f"AI models have taken {used} of today's budget"
            await alerts.raise_alert(key, AI_BUDGET, Severity.WARNING, message, tenant_id=tenant_id)
