"""Two ways to obtain the Temporal program when the machine has none: the SDK's download, and a build with Go.

Both give version 1.5.1 (server 1.29.1): the newest that `go install` builds, and the one this project is measured on.
One version for all ways, because a database file is not migrated between server versions.
"""

import asyncio
import os
import shutil
import signal
import time
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from contracts.errors import Unavailable

Say = Callable[[str], None]
"""Tells the person at the terminal one line."""

CLI_VERSION = "1.5.1"
GO_MODULE = f"github.com/temporalio/cli/cmd/temporal@v{CLI_VERSION}"
STALL_SECONDS = 20.0
"""A download that brings no byte for so long is given up."""
REPORT_SECONDS = 10.0


class NoTemporal(Unavailable):
    """No Temporal program this way; the message says why."""


async def download(into: Path, say: Say) -> Path:
    """Return the program as the Temporal SDK downloads it into the folder.

    The SDK offers no download alone, so a server is started with it once and stopped.

    Raises:
        NoTemporal: There is no way to the download site, or nothing arrived for 20 s.
    """
    fetch = asyncio.create_task(_download_and_try(into))
    try:
        await _watch(fetch, into, say)
    finally:
        fetch.cancel()
    return _finished(into)


async def _download_and_try(into: Path) -> None:
    from temporalio.testing import WorkflowEnvironment  # half a second that only a first start needs

    try:
        environment = await WorkflowEnvironment.start_local(
            download_dest_dir=str(into), dev_server_download_version=f"v{CLI_VERSION}", dev_server_log_level="error"
        )
    except RuntimeError as error:
        raise NoTemporal(str(error)) from error
    await environment.shutdown()


async def _watch(fetch: asyncio.Task[None], into: Path, say: Say) -> None:
    size, grown, told = 0, time.monotonic(), time.monotonic()
    while not (await asyncio.wait({fetch}, timeout=0.5))[0]:
        now = time.monotonic()
        before, size = size, _bytes_in(into)
        grown = now if size > before else grown
        if now - grown > STALL_SECONDS:
            msg = f"nothing arrived for {STALL_SECONDS:.0f} s"
            raise NoTemporal(msg)
        if now - told > REPORT_SECONDS:
            told = now
            say(f"  … {size / 1e6:.0f} MB")
    fetch.result()


def _bytes_in(folder: Path) -> int:
    try:
        return sum(file.stat().st_size for file in folder.iterdir())
    except FileNotFoundError:  # renamed by the SDK between the listing and the look
        return 0


def _finished(folder: Path) -> Path:
    return next(file for file in folder.iterdir() if file.suffix != ".downloading")


async def build(into: Path, say: Say) -> Path:
    """Return the program as Go builds it into the folder; takes minutes, and says at least every 10 s how far it is.

    Raises:
        NoTemporal: There is no Go toolchain on PATH, or the build failed; the message holds the end of its output.
    """
    go = shutil.which("go")
    if go is None:
        msg = "no Go toolchain on PATH"
        raise NoTemporal(msg)
    say(f"building it with Go ({GO_MODULE}); this takes 3 to 10 minutes, once per machine")
    process = await asyncio.create_subprocess_exec(
        go, "install", "-v", "-ldflags", "-s -w", GO_MODULE,
        env=os.environ | {"GOBIN": str(into)}, cwd=into, stdout=PIPE, stderr=STDOUT, start_new_session=True,
    )  # fmt: skip
    try:
        output = await _follow(process, say)
    finally:
        _end(process)
    if await process.wait() != 0 or not (into / "temporal").exists():
        msg = "go install failed: " + (" / ".join(output[-3:]) or f"exit code {process.returncode}, no output")
        raise NoTemporal(msg)
    return into / "temporal"


async def _follow(process: Process, say: Say) -> list[str]:
    lines: list[str] = []
    reader = asyncio.create_task(_collect(process, lines))
    began = time.monotonic()
    while not (await asyncio.wait({reader}, timeout=REPORT_SECONDS))[0]:
        fetched = sum(line.startswith("go: downloading") for line in lines)
        compiled = sum(not line.startswith("go: ") for line in lines)
        elapsed = time.monotonic() - began
        say(f"  … {elapsed:.0f} s: {fetched} modules fetched, {compiled} packages compiled")
    return lines


async def _collect(process: Process, lines: list[str]) -> None:
    if process.stdout is not None:
        async for line in process.stdout:
            lines.append(line.decode(errors="replace").rstrip())


def _end(process: Process) -> None:
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
