"""How a step's error is told to Temporal: short enough to be kept while the step is tried again.

A server keeps 4 KiB of the last failure of a step in flight, and of a longer one nothing but "Failure exceeds size
limit": nobody could see why a step is tried again. What is told is the error's words, and the innermost lines of it and
of what it came from; the whole trace is in the worker's log.
"""

from traceback import walk_tb
from types import TracebackType

from temporalio.api.failure.v1 import Failure
from temporalio.converter import DefaultFailureConverter, PayloadConverter
from temporalio.exceptions import ApplicationError, FailureError

MOST_WORDS = 900
"""Bytes of an error's own words; JSON writes some of them twice as long, and encryption adds its own."""
MOST_WORDS_OF_CAUSES = 200
CAUSES, FRAMES = 2, 3


class BoundedFailures(DefaultFailureConverter):
    """The SDK's converter, on errors that are cut to what a server keeps."""

    def to_failure(self, exception: BaseException, payload_converter: PayloadConverter, failure: Failure) -> None:
        """Fill in the failure; what came from Temporal itself is passed on as it is."""
        if isinstance(exception, ApplicationError) and exception.failure is None:
            _cut(exception)
        elif not isinstance(exception, FailureError):
            exception = _told(exception, CAUSES, MOST_WORDS)
        super().to_failure(exception, payload_converter, failure)


class SealedBoundedFailures(BoundedFailures):
    """The same, with words and traces where the codec encrypts them."""

    def __init__(self) -> None:
        super().__init__(encode_common_attributes=True)


def _cut(error: ApplicationError) -> None:
    cause = _before(error)
    if cause is None:
        error.__traceback__ = innermost(error.__traceback__)
    elif not isinstance(cause, FailureError):
        error.__traceback__ = None  # where the cause was given its form
        error.__cause__ = _told(cause, CAUSES, MOST_WORDS_OF_CAUSES)


def _told(error: BaseException, causes: int, most: int) -> ApplicationError:
    told = ApplicationError(shortened(str(error), most), type=type(error).__name__)
    told.__traceback__ = innermost(error.__traceback__)
    cause = _before(error)
    if cause is not None and causes > 1:
        told.__cause__ = cause if isinstance(cause, FailureError) else _told(cause, causes - 1, MOST_WORDS_OF_CAUSES)
    told.__suppress_context__ = True
    return told


def _before(error: BaseException) -> BaseException | None:
    return error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def innermost(trace: TracebackType | None) -> TracebackType | None:
    """Return the end of a trace, where it was raised."""
    for _ in range(sum(1 for _ in walk_tb(trace)) - FRAMES):
        trace = trace.tb_next if trace else None
    return trace


def shortened(words: str, most: int) -> str:
    """Return words of at most so many bytes; an ellipsis says that there were more."""
    said = words.encode(errors="replace")
    return words if len(said) <= most else said[: most - 3].decode(errors="ignore") + "…"
