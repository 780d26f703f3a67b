"""From Temporal's failures to a job's `error`."""

from temporalio.exceptions import ActivityError, ApplicationError, FailureError, RetryState, TimeoutError, TimeoutType

from contracts.jobs import JobFailure

_TIMEOUTS = {
    TimeoutType.START_TO_CLOSE: "the step did not finish in its time",
    TimeoutType.HEARTBEAT: "the worker running the step stopped answering",
}


def failure_of(error: BaseException, max_attempts: int) -> JobFailure:
    """Return what to tell about an error: its type, its message, and whether another attempt may help."""
    if not isinstance(error, ActivityError):
        kind = error.type if isinstance(error, ApplicationError) and error.type else type(error).__name__
        return JobFailure(type=kind, message=_message(error), retryable=False)
    retryable = error.retry_state != RetryState.NON_RETRYABLE_FAILURE
    cause = error.cause or error
    return JobFailure(
        type=_type(cause),
        message=_message(cause),
        retryable=retryable,
        code=_code(cause),
        step=error.activity_type,
        attempt=max_attempts if retryable else None,
    )


def _type(cause: BaseException) -> str:
    if isinstance(cause, ApplicationError) and cause.type:
        return cause.type
    return "Timeout" if isinstance(cause, TimeoutError) else type(cause).__name__


def _message(cause: BaseException) -> str:
    if isinstance(cause, TimeoutError):
        return _TIMEOUTS.get(cause.type or TimeoutType.START_TO_CLOSE, "the step ran out of time")
    return cause.message if isinstance(cause, FailureError) else str(cause)


def _code(cause: BaseException) -> str | None:
    """Return a provider's own word for why it said no."""
    if isinstance(cause, ApplicationError) and cause.type == "Declined" and cause.details:
        return str(cause.details[0])
    return None


def spent_attempts(error: BaseException) -> int:
    """Return how many attempts a held step had behind it."""
    cause = error.cause if isinstance(error, ActivityError) else None
    details = cause.details if isinstance(cause, ApplicationError) else ()
    return max(0, int(details[1]) - 1) if len(details) > 1 else 0
