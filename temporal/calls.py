"""Calls to the Temporal server: each with a time limit, its errors in our words."""

import asyncio
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from temporalio.service import RPCError, RPCStatusCode

from contracts.errors import NotFound, Unavailable

CALL_SECONDS = 3.0
"""Longest wait for the server in a request; then the job goes to the outbox."""

ResultT = TypeVar("ResultT")


def start_delay(at: datetime | None) -> timedelta | None:
    """Return how long Temporal is to wait with a start at that instant; None for at once."""
    delay = at - datetime.now(UTC) if at else timedelta(0)
    return delay if delay > timedelta(0) else None


async def answer(call: Awaitable[ResultT], within: float = CALL_SECONDS) -> ResultT:
    """Return what the server answers to the call, within so many seconds.

    Raises:
        NotFound: The server does not have what the call is about.
        Unavailable: It did not answer in time, or cannot be reached.
    """
    try:
        async with asyncio.timeout(within):  # not wait_for: up to Python 3.11 it may swallow a cancellation
            return await call
    except TimeoutError as error:
        msg = f"Temporal did not answer within {within:g} s"
        raise Unavailable(msg) from error
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            msg = "Temporal has no such running job"
            raise NotFound(msg) from error
        raise away(error) from error
    except RuntimeError as error:  # a lazy client that could not connect
        msg = "Temporal cannot be reached"
        raise Unavailable(msg) from error


def away(error: RPCError) -> Unavailable:
    """Return a failed call's error in our words."""
    return Unavailable(f"Temporal does not answer ({error.status.name.lower()})")
