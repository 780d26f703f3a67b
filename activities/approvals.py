"""Approval steps, on the system queue: write down that a job asks, remind, and how it ended."""

from temporalio import activity

from contracts.alerts import APPROVAL_WAITING, Severity
from contracts.approval_ports import ApprovalBook
from contracts.approvals import ApprovalAsk, ApprovalEnd
from contracts.ports import Alerts


class ApprovalActivities:
    """What a job that waits for a decision has written down."""

    def __init__(self, approvals: ApprovalBook, alerts: Alerts) -> None:
        self._approvals = approvals
        self._alerts = alerts

    @activity.defn(name="approvals.ask")
    async def ask(self, step: ApprovalAsk) -> None:
        """Write down that a job asks. Safe to run twice: an asking has a number, and a decided one stays decided.

        Raises:
            Unavailable: The database did not answer.
        """
        await self._approvals.ask(step)

    @activity.defn(name="approvals.remind")
    async def remind(self, step: ApprovalAsk) -> None:
        """Raise an alert that somebody must decide; again, it only counts up.

        Raises:
            Unavailable: The database did not answer.
        """
        message = f"job '{step.job_id}' waits for somebody to approve its {step.subject.value}"
        details = {"jobId": step.job_id, "round": step.round}
        said = {"tenant_id": step.tenant_id, "job_type": step.job_type, "details": details}
        await self._alerts.raise_alert(_key(step.job_id), APPROVAL_WAITING, Severity.WARNING, message, **said)  # type: ignore[arg-type]  # of several kinds

    @activity.defn(name="approvals.end")
    async def end(self, step: ApprovalEnd) -> None:
        """Write down how an asking ended, and resolve its reminder. Safe to run twice: the first end stays.

        Raises:
            Unavailable: The database did not answer.
        """
        await self._approvals.end(step)
        await self._alerts.resolve(_key(step.job_id))


def _key(job_id: str) -> str:
    return f"{APPROVAL_WAITING}:{job_id}"
