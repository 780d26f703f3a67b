"""Our errors in Temporal's form. The only place that makes an `ApplicationError` of a `JobError`."""

from typing import Any

from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput

from contracts.errors import JobError, Rejected, Unavailable


class ErrorTranslator(ActivityInboundInterceptor):
    """Raises each `JobError` of a step as the `ApplicationError` that says what to do about it."""

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        """Run the step; errors that are not ours pass as they are and are retried by the policy."""
        try:
            return await super().execute_activity(input)
        except JobError as error:
            raise translate(error) from error


def translate(error: JobError) -> ApplicationError:
    """Return the form Temporal acts on: not retried when rejected, retried when told when a provider said when."""
    return ApplicationError(
        str(error),
        type=type(error).__name__,
        non_retryable=isinstance(error, Rejected),
        next_retry_delay=error.retry_after if isinstance(error, Unavailable) else None,
        category=ApplicationErrorCategory.BENIGN,
    )
