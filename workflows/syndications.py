"""Syndication job: one step per platform, side by side, and each platform's outcome its own.

What was posted stays posted: told again, edited or not, the story leaves out the platforms that have the post.
"""

import asyncio

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.syndications import SyndicationActivities
    from contracts.failures import NOT_POSTED
    from contracts.jobs import JobInput
    from contracts.policies import REMOTE_POST
    from contracts.syndications import (
        Continued,
        Platform,
        PlatformOutcome,
        PostInput,
        SyndicationInput,
        SyndicationResult,
    )
    from workflows.job import JobWorkflow


@workflow.defn(name="social_syndication")
class SyndicationWorkflow(JobWorkflow):
    """Post one text on several platforms, once on each."""

    def __init__(self) -> None:
        super().__init__()
        self._continues: Continued | None = None
        self._there: dict[tuple[Platform, str | None], PlatformOutcome] = {}

    @workflow.run
    async def run(self, job: JobInput[SyndicationInput]) -> SyndicationResult:
        """Return what became of the post on each platform."""
        return await self.carry_out(job, self._story)

    async def _story(self, order: SyndicationInput) -> SyndicationResult:
        """Post everywhere, and say what became of it.

        Raises:
            ApplicationError: Every platform refused.
        """
        self._continues = self._continues or order.continues  # an edit may leave it out
        outcomes = await asyncio.gather(*(self._one(order, platform) for platform in order.platforms))
        successful = sum(outcome.success for outcome in outcomes)
        if not successful:
            said = "; ".join(f"{outcome.platform.value}: {outcome.error}" for outcome in outcomes)
            raise ApplicationError(f"posted nowhere: {said}", type=NOT_POSTED, non_retryable=True)
        return SyndicationResult(successful=successful, failed=len(outcomes) - successful, results=tuple(outcomes))

    async def _one(self, order: SyndicationInput, platform: Platform) -> PlatformOutcome:
        wanted = (platform, order.accounts.get(platform))
        outcome = self._there.get(wanted)
        if outcome is None:
            outcome = await self._posted(order, *wanted)
        self.advance(f"{platform.value}: {_said(outcome)}")
        return outcome

    async def _posted(self, order: SyndicationInput, platform: Platform, account: str | None) -> PlatformOutcome:
        own = Continued(job_id=self._header.id, began_at=self._header.starts_at or self._header.created_at)
        first = self._continues or own
        step = PostInput(
            job_id=first.job_id,
            tenant_id=self._header.tenant_id,
            platform=platform,
            account=account,
            content=order.content,
            on_too_long=order.on_too_long,
            began_at=first.began_at,
        )
        outcome = await self.step(SyndicationActivities.post, step, REMOTE_POST)
        self.note(_said(outcome), f"{platform.value}: {_said(outcome)}")
        if outcome.success:
            self._there[platform, account] = outcome
        return outcome


def _said(outcome: PlatformOutcome) -> str:
    return "posted" if outcome.success else "refused"
