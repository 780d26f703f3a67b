"""Third parties' programs that are built with Go: once per machine, kept in the user's cache folder."""

import asyncio
import os
import shutil
import tempfile
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

from contracts.errors import Unavailable
from temporal.program import cache_folder

BUILD_SECONDS = 240


async def go_program(name: str, module: str, version: str) -> Path:
    """Return the program of a Go module, built when this machine has none of the version yet.

    name: what to keep it under. module: its path, for example `github.com/stripe/stripe-mock`

    Raises:
        Unavailable: There is no Go here, or the build failed; the message says why.
    """
    kept = cache_folder() / f"{name}-{version}"
    if await asyncio.to_thread(kept.exists):
        return kept
    if (go := shutil.which("go")) is None:
        msg = f"there is no Go to build {name} with"
        raise Unavailable(msg)
    cache_folder().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache_folder()) as folder:
        said = await _built(go, f"{module}@{version}", folder)
        return _kept(Path(folder), kept, f"{name} could not be built: {said[-300:]}")


async def _built(go: str, module: str, into: str) -> str:
    """Build a module into a folder, and return what Go said of it."""
    environment = os.environ | {"GOBIN": into}
    build = await asyncio.create_subprocess_exec(go, "install", module, env=environment, stdout=PIPE, stderr=STDOUT)
    try:
        output, _ = await asyncio.wait_for(build.communicate(), BUILD_SECONDS)
    except TimeoutError:
        build.kill()
        return f"no end within {BUILD_SECONDS} s"
    return output.decode(errors="replace")


def _kept(folder: Path, kept: Path, otherwise: str) -> Path:
    made = next(folder.iterdir(), None)
    if made is None:
        raise Unavailable(otherwise)
    return made.replace(kept)
