"""Errors in Temporal's form, and when to try again. The only place that makes an `ApplicationError` of a `JobError`."""

import random
from datetime import timedelta
from typing import Any

from temporalio import activity
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory, FailureError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput

from contracts.errors import Declined, JobError, NotConfigured, OutcomeUnknown, Parked, Rejected, Unavailable
from contracts.explanations import Code
from contracts.failures import HELD
from temporal.failures import MOST_WORDS, shortened

SPREAD = 0.25
"""Waits differ by up to this share, so that steps that failed together do not come back together."""


class ErrorTranslator(ActivityInboundInterceptor):
    """Raises each error of a step as the `ApplicationError` that says what to do about it."""

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        """Run the step; Temporal's own errors pass as they are."""
        try:
            return await super().execute_activity(input)
        except FailureError:
            raise
        except Exception as error:  # whatever a step raises is retried, unless it says that this is no use
            info = activity.info()
            if isinstance(error, Parked):
                raise held(Code.CIRCUIT_OPEN, str(error), info.attempt) from error
            raise translate(error, wait_after(error, info)) from error


def translate(error: Exception, wait: timedelta | None = None) -> ApplicationError:
    """Return the form Temporal acts on: not retried when asking again is no use, else retried after `wait`."""
    code = error.code if isinstance(error, Declined) else None
    return ApplicationError(
        shortened(str(error), MOST_WORDS),
        *([code] if code else []),
        type=type(error).__name__,
        non_retryable=isinstance(error, Rejected | OutcomeUnknown | NotConfigured),
        next_retry_delay=wait,
        category=ApplicationErrorCategory.BENIGN
        if isinstance(error, JobError)
        else ApplicationErrorCategory.UNSPECIFIED,
    )


def held(code: str, reason: str, attempt: int) -> ApplicationError:
    """Return the form of a step that was given back: its job waits for a release, and this attempt was not made."""
    return ApplicationError(
        reason, code, attempt, type=HELD, non_retryable=True, category=ApplicationErrorCategory.BENIGN
    )


def wait_after(error: Exception, info: activity.Info) -> timedelta | None:
    """Return when to try again: when the other side said so, else after the policy's wait; None without a policy."""
    if isinstance(error, Unavailable) and error.retry_after:
        return error.retry_after * (1 + random.random() * SPREAD)  # noqa: S311  nobody is kept out by it; never sooner
    return backoff(info.retry_policy, info.attempt) if info.retry_policy else None


def backoff(policy: RetryPolicy, attempt: int) -> timedelta:
    """Return how long to wait after this attempt: growing, spread by up to a quarter either way, within the cap."""
    longest = policy.maximum_interval or policy.initial_interval * 100
    steps = min(attempt - 1, 64)
    wait = min(policy.initial_interval.total_seconds() * policy.backoff_coefficient**steps, longest.total_seconds())
    spread = 1 - SPREAD + 2 * SPREAD * random.random()  # noqa: S311  as above
    return min(timedelta(seconds=wait * spread), longest)
