"""Run Spaces Queue on this machine: `python -m dev up`, `python -m dev demo`, `python -m dev temporal`."""

import argparse
import asyncio
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from contracts.errors import JobError
from dev.machine import Machine
from dev.model import serve as serve_model
from dev.record import DevRecord, only_one
from dev.stack import ROOT, Stack
from dev.terminal import say
from temporal.program import find_program

SAME_SIGNAL_SECONDS = 1.0
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

Work = Callable[[Stack], Awaitable[int]]

ENVIRONMENT = """\
environment (all optional):
  SPACES_DATA_DIR         databases, uploads, keys, logs of this machine   .spaces
  SPACES_API_PORT         port of the API                                  8000
  SPACES_TEMPORAL_PORT    port of Temporal                                 7233
  SPACES_UI_PORT          port of the Temporal Web UI                      8233
  SPACES_ADMIN_KEY        the platform admin's key                         made on first start
  SPACES_WORKERS          worker processes                                 1
  SPACES_DATABASE_URL     postgresql+asyncpg://… or SQLite                 SQLite in the data folder
  SPACES_TEMPORAL_PROGRAM a Temporal program to start                      found, downloaded or built
  TEMPORAL_ADDRESS …      use this Temporal instead of starting one        none
  DEMO_EXIT=1             demo: stop after the result; exit code 0 if the job completed
A taken port is replaced by the next free one, and said. Where all runs: dev.json in the data folder."""


def main(arguments: list[str] | None = None, *, root: Path = ROOT) -> int:
    """Run a command and return its exit code. `root`: where serve.py and worker.py are."""
    parser = argparse.ArgumentParser(
        prog="python -m dev", description=__doc__, epilog=ENVIRONMENT, formatter_class=argparse.RawTextHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    commands.add_parser("up", help="start Temporal, the API and the workers; Ctrl-C stops them")
    commands.add_parser("demo", help="the same, and read a sample batch of photos")
    commands.add_parser("temporal", help="find, download or build the Temporal server program, and print where it is")
    commands.add_parser("address", help="print where the running system's Temporal is; nothing when none runs")
    commands.add_parser("model", help="fetch a small AI model, once, and serve it; Ctrl-C stops it")
    command = parser.parse_args(arguments).command
    try:
        if command == "temporal":
            say(str(asyncio.run(find_program(say))))
            return 0
        machine = Machine.from_environment(os.environ)
        if command == "address":
            print(DevRecord(machine.folder).read().get("temporalAddress", ""))
            return 0
        if command == "model":
            asyncio.run(serve_model(machine.logs / "model.log", say))
            return 0
        with only_one(machine.folder):
            return asyncio.run(_run(machine, _demonstrate if command == "demo" else _stay, root))
    except (JobError, OSError) as error:
        say(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        return 130


async def _run(machine: Machine, work: Work, root: Path) -> int:
    stack = Stack(machine, say, root=root)
    main_task = asyncio.current_task()
    loop, stopper = asyncio.get_running_loop(), _Stopper(stack, main_task)
    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, stopper)
    try:
        async with stack:
            return await work(stack)
    except asyncio.CancelledError:
        return 0
    finally:
        for number in STOP_SIGNALS:  # all is stopped: one Ctrl-C more must not turn this into a failure
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_IGN)


class _Stopper:
    """What a signal does: the first stops in good order, a later one kills.

    `make` passes on what the terminal has sent to its children too: within a second that is the same signal.
    """

    def __init__(self, stack: Stack, task: "asyncio.Task[object] | None") -> None:
        self._stack = stack
        self._task = task
        self._asked_at: float | None = None

    def __call__(self) -> None:
        now = time.monotonic()
        if self._asked_at is None:
            self._asked_at = now
            if self._task is not None and not self._stack.stopping:
                self._task.cancel()
        elif now - self._asked_at > SAME_SIGNAL_SECONDS:
            self._stack.kill()


async def _demonstrate(stack: Stack) -> int:
    from dev.demo import demonstrate  # tables, pictures and contracts that `up` has no use for

    return await demonstrate(stack)


async def _stay(_stack: Stack) -> int:
    say("Ctrl-C stops everything")
    await asyncio.Event().wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
