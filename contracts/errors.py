"""Errors, sorted by what to do about them.

JobError
├── Rejected      asking again changes nothing     not retried
│   ├── InvalidInput                               HTTP 422
│   ├── NotFound                                   HTTP 404
│   ├── Conflict   the thing's state forbids it    HTTP 409
│   ├── TooLarge                                   HTTP 413
│   ├── Forbidden                                  HTTP 403
│   ├── Unauthorized                               HTTP 401
│   ├── Declined   a provider said no              HTTP 402
│   ├── TooLong    more than a model can take in
│   └── Unsupported   a provider cannot do this    another one may
├── Unavailable   the same request may work later  retried, HTTP 503
│   ├── RateLimited   carries how long to wait     HTTP 429
│   ├── Unconfirmed   sent, and no answer came     the next attempt finds out first
│   └── Parked     no job's own fault              held, no attempt is spent
├── NotConfigured   the installation lacks it       not retried by itself: the job is dead until somebody acts
└── OutcomeUnknown   it may have been done          not retried: first find out

A message names the thing and the value. No secret, no payload, no stack in a message.
"""

from datetime import timedelta

from contracts.quotas import Quota


class JobError(Exception):
    """Base of all errors of ours."""


class Rejected(JobError):  # noqa: N818  a refusal, not a fault; the tree above names it
    """Asking again changes nothing."""


class InvalidInput(Rejected):
    """The request is wrong. `fields` are (path, message) pairs."""

    def __init__(self, message: str, fields: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(message)
        self.fields = fields


class NotFound(Rejected):
    """There is no such thing, or not for this caller."""


class Conflict(Rejected):
    """The thing is in a state that forbids what was asked."""


class TooLarge(Rejected):
    """More bytes than allowed."""


class Forbidden(Rejected):
    """This key may not do that."""


class Unauthorized(Rejected):
    """No valid key."""


class Declined(Rejected):
    """A provider said no, as a result of business. `code` is the provider's own word for why."""

    def __init__(self, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.code = code


class TooLong(Rejected):
    """More than a model can take in at once; a shorter request may fit."""


class Unsupported(Rejected):
    """This provider cannot do what was asked, whoever asks; another one may."""


class Unavailable(JobError):  # noqa: N818
    """The same request may work later. `retry_after` when the other side said when."""

    def __init__(self, message: str, retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class RateLimited(Unavailable):
    """Too much; `retry_after` says how long to wait, `quota` which limit it was."""

    def __init__(self, message: str, retry_after: timedelta | None = None, quota: Quota | None = None) -> None:
        super().__init__(message, retry_after)
        self.quota = quota


class Unconfirmed(Unavailable):
    """A side effect was sent and no answer came. The step's next attempt first finds out what became of it."""


class Parked(Unavailable):
    """Something refuses all jobs alike, for no fault of theirs: the job is held until that is over."""


class NotConfigured(JobError):  # noqa: N818
    """The installation lacks something, for example a key. The message says what to set, and no attempt is spent."""


class OutcomeUnknown(JobError):  # noqa: N818
    """A side effect may or may not have happened. Doing it again could do it twice, so somebody must find out.

    answered: the other side did answer, with an error of its own that says nothing
    """

    def __init__(self, message: str, *, answered: bool = False) -> None:
        super().__init__(message)
        self.answered = answered
