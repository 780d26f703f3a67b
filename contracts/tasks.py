"""Work beside other work."""

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

log = logging.getLogger("spaces.tasks")

ResultT = TypeVar("ResultT")

CANCEL_AGAIN_SECONDS = 1.0


@asynccontextmanager
async def beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run the work while the block runs; at the block's end it is cancelled and waited for.

    It is cancelled until it ends: `asyncio.wait_for` forgets a cancel that comes in the moment of its answer (up to
    Python 3.11), and a loop would go on for ever.
    """
    task = asyncio.create_task(work)
    task.add_done_callback(_say_if_failed)
    try:
        yield
    finally:
        while not task.done():
            task.cancel()
            await asyncio.wait({task}, timeout=CANCEL_AGAIN_SECONDS)


async def undisturbed(work: Coroutine[Any, Any, ResultT]) -> ResultT:
    """Return what the work returns; it goes on to its end, unheard, when its caller is cancelled meanwhile.

    A call to the database that is cut off costs a connection, so a reader that goes away does not cut it off.
    """
    task = asyncio.create_task(work)
    _unheard.add(task)
    task.add_done_callback(_end_unheard)
    return await asyncio.shield(task)


_unheard: set[asyncio.Task[Any]] = set()
"""Tasks whose caller may be gone: without being kept here they could be collected before their end."""


def _end_unheard(task: asyncio.Task[Any]) -> None:
    _unheard.discard(task)
    if not task.cancelled():
        task.exception()  # whoever still listens has it; nobody else needs a warning that nobody does


def _say_if_failed(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()):
        log.error("work beside the main work ended early", exc_info=error)
