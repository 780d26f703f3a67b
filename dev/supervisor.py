"""Keep the parts of a system running: one that dies is started again at once."""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

from temporal.obtain import Say
from temporal.process import LoggedProcess

YOUNG_SECONDS = 10.0
FIRST_DELAY, LONGEST_DELAY = 0.2, 10.0


class Part(Protocol):
    """One process of the system."""

    name: str

    @property
    def pid(self) -> int | None:
        """The process id of the latest start."""

    async def spawn(self) -> None:
        """Start it and return at once."""

    async def ready(self) -> None:
        """Return when it answers.

        Raises:
            Unavailable: It ended, or did not answer in time.
        """

    async def wait(self) -> int:
        """Return the exit code when it has ended."""

    async def stop(self, grace: float) -> None:
        """End it, by force after `grace` seconds."""

    def kill(self) -> None:
        """End it at once."""


class Program:
    """A part that is one of our own entry points; `answers` tells whether it does its work."""

    def __init__(self, process: LoggedProcess, answers: Callable[[int], Awaitable[bool]], within: float) -> None:
        self.name = process.name
        self.process = process
        self._answers = answers
        self._within = within

    @property
    def pid(self) -> int | None:
        """The process id of the latest start."""
        return self.process.pid

    async def spawn(self) -> None:
        """Start it and return at once."""
        await self.process.spawn()

    async def ready(self) -> None:
        """Return when `answers` says true for its process id.

        Raises:
            Unavailable: It ended, or did not answer in time.
        """
        await self.process.until(lambda: self._answers(self.pid or 0), self._within)

    async def wait(self) -> int:
        """Return the exit code when it has ended."""
        return await self.process.wait()

    async def stop(self, grace: float) -> None:
        """End it, by force after `grace` seconds."""
        await self.process.stop(grace)

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()


class Supervisor:
    """Watches parts from their first start until they are released. `changed` is called when a process id is new."""

    def __init__(self, say: Say, changed: Callable[[], None]) -> None:
        self._say = say
        self._changed = changed
        self._watches: dict[str, asyncio.Task[None]] = {}

    async def start(self, part: Part) -> None:
        """Start a part, wait until it answers, and keep it running from then on.

        Raises:
            Unavailable: It ended, or did not answer in time. It is stopped then.
        """
        try:
            await part.spawn()
            await part.ready()
        except BaseException:
            await part.stop(1.0)
            raise
        self._watches[part.name] = asyncio.create_task(self._keep(part))

    async def release(self, part: Part, grace: float) -> None:
        """Stop keeping the part, and end it. Nothing happens when it was never kept."""
        watch = self._watches.pop(part.name, None)
        if watch is not None:
            watch.cancel()
            await asyncio.wait({watch})
            await part.stop(grace)

    async def _keep(self, part: Part) -> None:
        young_deaths = 0
        while True:
            began, pid = time.monotonic(), part.pid
            code = await part.wait()
            young_deaths = young_deaths + 1 if time.monotonic() - began < YOUNG_SECONDS else 0
            await asyncio.sleep(pause_before_start(young_deaths))
            await self._again(part, f"{part.name} (process {pid}) {in_words(code)}")

    async def _again(self, part: Part, what: str) -> None:
        try:
            await part.spawn()
        except OSError as error:
            self._say(f"{what}; it cannot be started: {error}")
            return
        self._changed()
        self._say(f"{what}; started again as process {part.pid}")


def pause_before_start(young_deaths: int) -> float:
    """Return the seconds to wait: none at first, then 0.2 s doubling to 10 s while it keeps dying young."""
    return min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** (young_deaths - 1)) if young_deaths else 0.0


def in_words(code: int) -> str:
    """Return what an exit code means: `was ended by SIGKILL`, `ended with exit code 1`."""
    if code >= 0:
        return f"ended with exit code {code}"
    return f"was ended by {signal.Signals(-code).name}"
