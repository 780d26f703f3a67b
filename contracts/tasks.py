"""Work beside other work."""

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

log = logging.getLogger("spaces.tasks")


@asynccontextmanager
async def beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run the work while the block runs; at the block's end it is cancelled and waited for."""
    task = asyncio.create_task(work)
    task.add_done_callback(_say_if_failed)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError, Exception):  # what failed has been said
            await task


def _say_if_failed(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()):
        log.error("work beside the main work ended early", exc_info=error)
