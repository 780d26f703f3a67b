"""Find a Temporal server program, with clear words at each step.

Order: the one named by SPACES_TEMPORAL_PROGRAM; on PATH; kept from an earlier run; the SDK's download; a build with Go.
What is downloaded or built is kept in the user's cache folder: once per machine, not once per checkout.
"""

import asyncio
import fcntl
import os
import re
import shutil
import tempfile
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from temporalio.envconfig import ClientConfig, ClientConnectConfig

from contracts.errors import InvalidInput
from temporal.obtain import CLI_VERSION, NoTemporal, Say, build, download

NAMED_BY = "SPACES_TEMPORAL_PROGRAM"
OLDEST_SERVER = (1, 29)
"""Priority and fairness work from here on."""

Way = tuple[str, Callable[[Say], Awaitable[Path]]]


def configured_address() -> str | None:
    """Return the address of the Temporal that the environment or a config profile names; None when neither does.

    Raises:
        InvalidInput: The profile does not exist or the file cannot be read.
    """
    return _configuration().get("target_host") or None


def configured_namespace() -> str | None:
    """Return the namespace that goes with the configured address; None when none is named."""
    return _configuration().get("namespace") or None


def _configuration() -> ClientConnectConfig:
    try:
        return ClientConfig.load_client_connect_config()
    except RuntimeError as error:  # the SDK's ConfigError: an unknown profile, a file that is no TOML
        msg = f"the Temporal configuration cannot be read: {error}"
        raise InvalidInput(msg) from error


def cache_folder() -> Path:
    """Return the user's cache folder of this project; it may not exist yet."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "spaces-queue"


async def find_program(say: Say) -> Path:
    """Return a Temporal program that runs; afterwards a downloaded or built one lies in the cache folder.

    Raises:
        NoTemporal: There is none, and none could be had; the message names each way tried, why not, and what to do.
    """
    named = os.environ.get(NAMED_BY)
    if named:
        return await _named(named, say)
    tried: list[str] = []
    program = await _first_of((("on PATH", _on_path), ("from an earlier run", _kept)), say, tried)
    program = program or await _obtain(say, tried)
    if program is None:
        raise NoTemporal(_advice(tried))
    return program


async def server_version(program: Path) -> str:
    """Return the version of the server inside a Temporal program, for example 1.29.1.

    Raises:
        NoTemporal: It does not run, is no Temporal program, or its server is too old for this project.
    """
    output = await _output_of(program)
    found = re.search(r"server v?((\d+)\.(\d+)[\w.-]*)", output, re.IGNORECASE)
    if found is None:
        msg = f"{program} --version does not name a Temporal server: {output[:200] or 'no output'}"
        raise NoTemporal(msg)
    if (int(found[2]), int(found[3])) < OLDEST_SERVER:
        msg = f"{program} is too old: server {found[1]}, needed is {OLDEST_SERVER[0]}.{OLDEST_SERVER[1]} or newer"
        raise NoTemporal(msg)
    return found[1]


async def _output_of(program: Path) -> str:
    try:
        async with asyncio.timeout(20):
            process = await asyncio.create_subprocess_exec(program, "--version", stdout=PIPE, stderr=STDOUT)
            output, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        msg = f"{program} does not run: no answer to --version in 20 s"
        raise NoTemporal(msg) from None
    except OSError as error:
        msg = f"{program} does not run: {error.strerror}"
        raise NoTemporal(msg) from error
    return output.decode(errors="replace").strip()


async def _first_of(ways: Iterable[Way], say: Say, tried: list[str]) -> Path | None:
    for name, way in ways:
        try:
            program = await way(say)
            say(f"Temporal server: {name}, {program} (server {await server_version(program)})")
        except NoTemporal as reason:
            tried.append(f"{name}: {reason}")
            say(f"Temporal server: {tried[-1]}")
        else:
            return program
    return None


async def _named(named: str, say: Say) -> Path:
    try:
        version = await server_version(Path(named))
    except NoTemporal as reason:
        msg = f"{NAMED_BY} names a program that cannot be used: {reason}"
        raise NoTemporal(msg) from reason
    say(f"Temporal server: {named}, named by {NAMED_BY} (server {version})")
    return Path(named)


async def _on_path(_say: Say) -> Path:
    found = shutil.which("temporal")
    if found is None:
        msg = "no program called temporal"
        raise NoTemporal(msg)
    return Path(found)


async def _kept(_say: Say) -> Path:
    kept = cache_folder() / f"temporal-{CLI_VERSION}"
    if not kept.exists():
        msg = f"{kept} does not exist yet"
        raise NoTemporal(msg)
    return kept


async def _obtain(say: Say, tried: list[str]) -> Path | None:
    ways: tuple[Way, ...] = (("the SDK's download", _downloaded), ("a build with Go", _built))
    try:
        async with _one_at_a_time(say) as waited:
            # Another process may have built it while this one waited.
            return await _first_of((("from another process", _kept), *ways) if waited else ways, say, tried)
    except OSError as error:
        tried.append(f"keeping it in {cache_folder()}: {error}")
        return None


async def _downloaded(say: Say) -> Path:
    say(f"asking the Temporal SDK to download version {CLI_VERSION}")
    return await _keep(download, say)


async def _built(say: Say) -> Path:
    return await _keep(build, say)


async def _keep(obtain: Callable[[Path, Say], Awaitable[Path]], say: Say) -> Path:
    """Obtain a program beside its place and move it there whole, so that no half of one is ever found."""
    kept = cache_folder() / f"temporal-{CLI_VERSION}"
    with tempfile.TemporaryDirectory(prefix="making-", dir=cache_folder(), ignore_cleanup_errors=True) as folder:
        made = await obtain(Path(folder), say)
        await server_version(made)
        return made.replace(kept)


@asynccontextmanager
async def _one_at_a_time(say: Say) -> AsyncIterator[bool]:
    """Hold the lock of the cache folder; yields True when another process held it before.

    Folders of builds that were killed are removed: with the lock in hand, nobody else is building.
    """
    cache_folder().mkdir(parents=True, exist_ok=True)
    with (cache_folder() / "temporal.lock").open("w") as lock:
        waited = 0.0
        while not _locked(lock.fileno()):
            if waited % 10 == 0:
                say(f"another process is fetching the Temporal server; waiting for it ({waited:.0f} s)")
            waited += 0.5
            await asyncio.sleep(0.5)
        for left in cache_folder().glob("making-*"):
            shutil.rmtree(left, ignore_errors=True)
        yield waited > 0


def _locked(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _advice(tried: Iterable[str]) -> str:
    return "\n".join(
        (
            "there is no Temporal server and none could be had. Tried, in this order:",
            *(f"  - {reason}" for reason in tried),
            "Any one of these helps:",
            "  - set TEMPORAL_ADDRESS to a Temporal server that runs somewhere",
            f"  - install the Temporal CLI so that `temporal` is on PATH, or name it in {NAMED_BY}",
            "  - install Go (https://go.dev/dl): the server is then built from source",
            "  - give this machine a way to temporal.download",
        )
    )
