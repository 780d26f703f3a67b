"""Packages that are no part of an installation: put into the user's cache folder once, with their hashes."""

import asyncio
import sys
import tempfile
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from contracts.errors import Unavailable
from temporal.program import cache_folder

FETCH_SECONDS = 300.0


async def fetched(name: str, lock: Path, say: Callable[[str], None], what: str) -> Path:
    """Return the folder with a lock file's packages; the first time they are fetched from the Python package index.

    name: of the folder, with the Python version and the lock file's hash. what: they are, for whoever waits.

    Raises:
        Unavailable: They cannot be had; the message holds the end of the installer's output.
    """
    folder = _folder(name, lock)
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        say(f"fetching {what}, into {folder}; once per machine")
        with tempfile.TemporaryDirectory(prefix=f"{name}-", dir=folder.parent, ignore_cleanup_errors=True) as making:
            packages = Path(making, "packages")
            await _install(lock, packages, what)
            _put_in_place(packages, folder)
    return folder


def _folder(name: str, lock: Path) -> Path:
    kind = f"{sys.implementation.cache_tag}-{sha256(lock.read_bytes()).hexdigest()[:12]}"
    return cache_folder() / f"{name}-{kind}"


def _put_in_place(packages: Path, folder: Path) -> None:
    """Move what was fetched to where it is looked for, whole."""
    with suppress(OSError):  # another process was quicker
        packages.rename(folder)
    if not folder.exists():
        msg = f"what was fetched cannot be kept in {folder}"
        raise Unavailable(msg)


async def _install(lock: Path, into: Path, what: str) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "uv", "pip", "install", "--python", sys.executable, "--target", str(into), "--no-deps",
        "--require-hashes", "--requirements", str(lock), stdout=PIPE, stderr=STDOUT,
    )  # fmt: skip
    try:
        async with asyncio.timeout(FETCH_SECONDS):
            output, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        msg = f"fetching {what} took longer than {FETCH_SECONDS:.0f} s"
        raise Unavailable(msg) from None
    if process.returncode:
        msg = f"{what} cannot be fetched: {output.decode(errors='replace').strip()[-500:]}"
        raise Unavailable(msg)
