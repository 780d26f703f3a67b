"""What an OpenAI-compatible endpoint's errors mean. Compatible gateways send some of it, or none.

No message of a provider's is passed on where it may quote the prompt; codes and kinds are.
"""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import openai

from contracts.errors import (
    Declined,
    JobError,
    NotConfigured,
    RateLimited,
    Rejected,
    TooLong,
    Unavailable,
    Unconfirmed,
    Unsupported,
)
from contracts.model_errors import CONTENT_POLICY, INSUFFICIENT_QUOTA

_TOO_LONG = {"context_length_exceeded", "exceed_context_size_error", "string_above_max_length"}
_POLICY = {"content_policy_violation", "content_filter", "moderation_blocked", "image_generation_user_error"}
_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m(?!s))?(?:([\d.]+)s)?(?:(\d+)ms)?")
_WRONG_SETTINGS = {
    401: "does not accept its key",
    403: "does not let this key do that",
    404: "knows no such model or address",
}
LONGEST_WAIT = timedelta(hours=6)
"""A provider that says a longer one is asked again after this."""


def refused(_words: str) -> Declined:
    """Return the error of a model that says that it will not answer; its words may quote the prompt."""
    return Declined("the model refused to write this", CONTENT_POLICY)


def translated(error: openai.OpenAIError, name: str) -> JobError:
    """Return our error for one of the client's. name: of the endpoint, for the message."""
    if isinstance(error, openai.APIStatusError):
        return _of_status(error, name)
    if isinstance(error, openai.APITimeoutError):
        return Unconfirmed(f"{name} did not answer in time")
    if isinstance(error, openai.APIConnectionError):
        cut = Unconfirmed(f"the connection to {name} was cut")
        return Unavailable(f"{name} cannot be reached") if _never_sent(error) else cut
    told = _of_words(_codes(error), name) if isinstance(error, openai.APIError) else None
    return told or Unconfirmed(f"{name} broke its answer off, or it cannot be read")


def _of_status(error: openai.APIStatusError, name: str) -> JobError:
    status, codes = error.status_code, _codes(error)
    if known := _of_words(codes, name):
        return known
    if status == 429:
        return RateLimited(f"{name} says to come later (429)", told_wait(error.response.headers))
    if status in _WRONG_SETTINGS:
        return NotConfigured(f"{name} {_WRONG_SETTINGS[status]} ({status}), see SPACES_AI_PROVIDERS")
    if status in {408, 409} or (status >= 500 and status != 501):
        return Unavailable(f"{name} failed ({status})", told_wait(error.response.headers))
    if status == 501:
        return Unsupported(f"{name} cannot do this (501)")
    said = f", {min(codes)}" if codes else ""
    return Rejected(f"{name} refuses the request ({status}{said})")


def _of_words(codes: set[str], name: str) -> JobError | None:
    if INSUFFICIENT_QUOTA in codes:
        return Declined(f"the account at {name} has no money left (insufficient_quota)", INSUFFICIENT_QUOTA)
    if codes & _POLICY:
        return Declined(f"{name} does not write this: it is against its content policy", CONTENT_POLICY)
    if codes & _TOO_LONG:
        return TooLong(f"the request is longer than the model of {name} can take in")
    return None


def _codes(error: openai.APIError) -> set[str]:
    """Return the words by which the endpoint names the error; only words, so that nothing of a prompt is among them."""
    body: Mapping[str, Any] = error.body if isinstance(error.body, Mapping) else {}
    inner = body.get("error") if isinstance(body.get("error"), Mapping) else body
    told = (error.code, error.type, *((inner or {}).get(name) for name in ("code", "type")))
    return {word for word in told if isinstance(word, str) and re.fullmatch(r"[A-Za-z_]{3,60}", word)}


def _never_sent(error: openai.APIConnectionError) -> bool:
    cause: BaseException | None = error.__cause__
    while cause is not None:
        if type(cause).__name__ in {"ConnectError", "ConnectTimeout", "UnsupportedProtocol"}:
            return True
        cause = cause.__cause__
    return False


def told_wait(headers: Mapping[str, str]) -> timedelta | None:
    """Return how long to wait, as the provider says: Retry-After, else until the first of its limits is new."""
    for name, unit in (("retry-after-ms", timedelta(milliseconds=1)), ("retry-after", timedelta(seconds=1))):
        if (seconds := _number(headers.get(name))) is not None:
            return min(seconds * unit, LONGEST_WAIT)
    spent = [
        wait
        for what in ("requests", "tokens")
        if headers.get(f"x-ratelimit-remaining-{what}") in {None, "0"}
        and (wait := _duration(headers.get(f"x-ratelimit-reset-{what}")))
    ]
    return min(max(spent), LONGEST_WAIT) if spent else None


def _number(said: str | None) -> float | None:
    try:
        number = float(said or "")
    except ValueError:
        return None
    return number if 0 <= number < 10**9 else None


def _duration(said: str | None) -> timedelta | None:
    """Return what `6m0s`, `1.5s` or `20ms` says."""
    found = _DURATION.fullmatch(said or "")
    if not found or not any(found.groups()):
        return None
    hours, minutes, seconds, milliseconds = (float(part or 0) for part in found.groups())
    return timedelta(hours=hours, minutes=minutes, seconds=seconds, milliseconds=milliseconds)
