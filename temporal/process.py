"""A child process whose output goes to a log file.

It runs in a session of its own: a Ctrl-C in the terminal reaches only the parent, which knows the order to stop in.
"""

import asyncio
import os
import signal
from asyncio.subprocess import DEVNULL, STDOUT, Process
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from contracts.errors import Unavailable

POLL_SECONDS = 0.05
LOG_LIMIT_BYTES = 10_000_000
"""A longer log is put aside as `.1` when its process starts: at most two such files per process stay on disk."""


class LoggedProcess:
    """One program, started any number of times, always with the same command and log."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> None:
        self.name = name
        self.log = log
        self._command = tuple(command)
        self._env = env
        self._folder = folder
        self._process: Process | None = None

    @property
    def pid(self) -> int | None:
        """The process id of the latest start; None before the first."""
        return self._process.pid if self._process else None

    async def spawn(self) -> None:
        """Start the program and return at once; its output is added to the log."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self._rotate()
        with self.log.open("ab") as out:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=DEVNULL,
                stdout=out,
                stderr=STDOUT,
                env=self._env,
                cwd=self._folder,
                start_new_session=True,
            )

    async def until(self, answers: Callable[[], Awaitable[bool]], within: float) -> None:
        """Return when `answers` says true; asked every 50 ms, for at most `within` seconds.

        Raises:
            Unavailable: The process ended first, or the time is over. The message holds its last log lines.
        """
        try:
            async with asyncio.timeout(within):
                while not await answers():
                    self._must_live()
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError:
            raise self._failure(f"did not answer within {within:.0f} s") from None

    async def wait(self) -> int:
        """Return the exit code when the process has ended; negative when a signal ended it."""
        if self._process is None:
            msg = f"{self.name} was never started"
            raise RuntimeError(msg)
        return await self._process.wait()

    async def stop(self, grace: float = 5.0) -> None:
        """End the process: SIGTERM, then SIGKILL after `grace` seconds. Nothing happens when it is not running."""
        if self._process is None or self._process.returncode is not None:
            return
        self._process.terminate()
        try:
            async with asyncio.timeout(grace):
                await self._process.wait()
        except TimeoutError:
            self.kill()
            await self._process.wait()

    def kill(self) -> None:
        """Send SIGKILL to the process and to those it started, if it is still running."""
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def listens_on(self, port: int) -> bool:
        """Tell whether this very process has the port: an answer from it may come from a stranger."""
        try:
            sockets = psutil.Process(self.pid).net_connections("tcp") if self.pid else ()
        except psutil.Error:  # it has ended
            return False
        return any(each.status == psutil.CONN_LISTEN and each.laddr.port == port for each in sockets)

    def last_lines(self, count: int = 15) -> str:
        """Return the end of the log; empty when there is none."""
        if not self.log.exists():
            return ""
        with self.log.open("rb") as log:
            log.seek(max(0, self.log.stat().st_size - 200 * count))
            return "\n".join(log.read().decode(errors="replace").splitlines()[-count:])

    def _rotate(self) -> None:
        if self.log.exists() and self.log.stat().st_size > LOG_LIMIT_BYTES:
            self.log.replace(self.log.with_name(self.log.name + ".1"))

    def _must_live(self) -> None:
        if self._process is None or self._process.returncode is not None:
            code = "nothing" if self._process is None else self._process.returncode
            raise self._failure(f"ended with {code} before it answered")

    def _failure(self, what: str) -> Unavailable:
        return Unavailable(f"{self.name} {what}; the end of {self.log}:\n{self.last_lines() or '(empty)'}")
