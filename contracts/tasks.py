"""Work beside other work."""

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

log = logging.getLogger("spaces.tasks")

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


def _say_if_failed(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()):
        log.error("work beside the main work ended early", exc_info=error)
