"""Alerts for callers: what to look at, who looked, and the rules by which alerts are raised."""

from collections.abc import Sequence
from datetime import UTC, datetime

from pydantic import Field, field_validator

from api.identity import Caller, Right
from contracts.alert_rules import AlertKind, AlertRule
from contracts.alerts import Alert
from contracts.errors import Forbidden, NotFound
from contracts.values import PLATFORM, Instant, RequestBody, WireModel
from readmodel.alert_rules import AlertRules, DecidedRules
from readmodel.alerts import AlertBook
from readmodel.scope import every_tenant
from temporal.registry import JOB_TYPES


class RulesBody(RequestBody):
    """All rules; a kind that is left out has its default."""

    rules: tuple[AlertRule, ...] = Field(max_length=len(AlertKind))

    @field_validator("rules")
    @classmethod
    def _one_each(cls, rules: tuple[AlertRule, ...]) -> tuple[AlertRule, ...]:
        kinds = [rule.kind for rule in rules]
        if len(kinds) != len(set(kinds)):
            msg = "there is one rule of each kind"
            raise ValueError(msg)
        unknown = {name for rule in rules for name in (*rule.job_types, *rule.thresholds)} - JOB_TYPES.keys()
        if unknown:
            msg = f"no job type '{min(unknown)[:100]}'"
            raise ValueError(msg)
        return rules


class RulesView(WireModel):
    """The rules in force. `updatedAt`, `updatedBy`: null while all are the defaults."""

    rules: tuple[AlertRule, ...]
    updated_at: Instant | None = None
    updated_by: str | None = None


class AlertDesk:
    """Shows and settles alerts in the scope of the caller.

    Every method raises `Forbidden` without its right, and `Unavailable` when the database did not answer.
    """

    def __init__(self, book: AlertBook, rules: AlertRules) -> None:
        self._book = book
        self._rules = rules

    async def list(
        self,
        caller: Caller,
        limit: int,
        cursor: str | None = None,
        *,
        tenant_id: str | None = None,
        acknowledged: bool | None = None,
        resolved: bool | None = None,
        kinds: Sequence[str] = (),
    ) -> tuple[Sequence[Alert], str | None]:
        """Return a page of alerts, newest first, and the cursor of the next; a tenant's key sees its tenant's.

        Raises:
            InvalidInput: The cursor is not one of this list.
        """
        caller.must(Right.JOBS_READ)
        if caller.sees is not None and tenant_id not in {None, caller.sees}:
            return [], None
        wanted = caller.sees or tenant_id
        return await self._book.list(
            wanted, limit, cursor, acknowledged=acknowledged, resolved=resolved, kinds=tuple(kinds)
        )

    async def acknowledge(self, caller: Caller, alert_id: str) -> Alert:
        """Say that the caller looked; who did so first stays.

        Raises:
            NotFound: There is no such alert in the caller's scope.
        """
        caller.must(Right.JOBS_DECIDE)
        alert = await self._book.acknowledge(alert_id, caller.sees, caller.author)
        if alert is None:
            msg = f"no alert '{alert_id[:100]}'"
            raise NotFound(msg)
        return alert

    async def rules(self, caller: Caller) -> RulesView:
        """Return the rules in force."""
        caller.must(Right.JOBS_READ)
        return _view(await self._rules.get())

    async def put_rules(self, caller: Caller, body: RulesBody) -> RulesView:
        """Replace all rules. An incident of a rule that is switched off is over with the next look.

        Raises:
            Forbidden: The key is not an admin's of the platform.
        """
        caller.must(Right.ALERTS_MANAGE)
        if caller.tenant_id != PLATFORM:
            msg = "only a key of the platform decides on rules of alerts"
            raise Forbidden(msg)
        with every_tenant("the rules are the platform's, whichever tenant its key acts for"):
            return _view(await self._rules.put(body.rules, caller.author, datetime.now(UTC)))


def _view(decided: DecidedRules) -> RulesView:
    return RulesView(**vars(decided))
