"""Providers in turn: models are asked in the order of the settings, until one gives an answer."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import TypeVar

from contracts.alerts import MODEL_ACCOUNT_EMPTY, Severity
from contracts.errors import Declined, JobError, Unavailable
from contracts.generation_ports import ModelProvider
from contracts.model_errors import INSUFFICIENT_QUOTA
from contracts.ports import Alerts

log = logging.getLogger("spaces.models")

AnswerT = TypeVar("AnswerT")
Able = Sequence[tuple[ModelProvider, str]]
"""Who can do it, each with the model that would."""


class NobodyAnswered(Exception):  # noqa: N818  said to the step that asked, which decides what it means
    """No provider did it. failures: why not, in the order in which they were asked; empty when there is none."""

    def __init__(self, failures: Sequence[tuple[ModelProvider, JobError]]) -> None:
        super().__init__("no provider answered")
        self.failures = failures
        self.errors = [error for _, error in failures]


async def first_answer(
    able: Able,
    ask: Callable[[ModelProvider, str], Awaitable[AnswerT]],
    alerts: Alerts,
    job_type: str,
    ends: Callable[[JobError], bool] = lambda _: False,
) -> AnswerT:
    """Return the first answer. A provider's empty account is told to the operators: only they can fill it.

    ends: which errors the next provider would answer with too, so that asking it is of no use

    Raises:
        NobodyAnswered: No provider gave one.
        JobError: One that ends it.
    """
    failures: list[tuple[ModelProvider, JobError]] = []
    for provider, model in able:
        try:
            return await ask(provider, model)
        except JobError as error:
            if ends(error):
                raise
            log.info("%s gives no answer: %s", provider.name, type(error).__name__)
            if account_is_empty(error):
                await _say_empty(alerts, provider, error, job_type)
            failures.append((provider, error))
    raise NobodyAnswered(failures)


def account_is_empty(error: JobError) -> bool:
    """Tell whether a provider answers nobody, because nothing is left to pay it with."""
    return isinstance(error, Declined) and error.code == INSUFFICIENT_QUOTA


async def _say_empty(alerts: Alerts, provider: ModelProvider, error: JobError, job_type: str) -> None:
    key, kind = f"{MODEL_ACCOUNT_EMPTY}:{provider.name}", MODEL_ACCOUNT_EMPTY
    with suppress(Unavailable):  # the next provider may still do it
        await alerts.raise_alert(key, kind, Severity.CRITICAL, str(error), job_type=job_type)
