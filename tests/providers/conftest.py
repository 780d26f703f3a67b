"""Third parties' stand-ins for Stripe, each as its own process: what they know adds up to what our adapter uses."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from contracts.errors import Unavailable
from dev.go_program import go_program
from temporal.devserver import free_port
from temporal.program import cache_folder

STATEFUL = "stripe-stateful-mock@0.0.16"
TEST_KEY = "sk_test_suite"


@asynccontextmanager
async def running(command: Sequence[str | Path], url: str, **environment: str) -> AsyncIterator[str]:
    """Run a server on loopback, and give its address as soon as it answers anything."""
    quiet = subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(*command, env=os.environ | environment, stdout=quiet, stderr=quiet)
    try:
        async with asyncio.timeout(60), httpx.AsyncClient(base_url=url, trust_env=False) as http:
            while True:
                try:
                    await http.get("/v1/balance", auth=(TEST_KEY, ""))
                except httpx.TransportError:
                    await asyncio.sleep(0.05)
                else:
                    break
        yield url
    finally:
        process.kill()
        await process.wait()


@pytest.fixture(scope="session")
async def strict_stripe() -> AsyncIterator[str]:
    """Stripe's own stripe-mock: checks every request against Stripe's description of its API, and remembers nothing."""
    try:
        program = await go_program("stripe-mock", "github.com/stripe/stripe-mock", "v0.203.0")
    except Unavailable as reason:
        pytest.skip(f"requests are not checked against Stripe's description: {reason}")
    port, other = free_port(0, "stripe-mock", print), free_port(0, "stripe-mock's other port", print)
    address = f"127.0.0.1:{port}"
    async with running(
        [program, "-http-addr", address, "-https-addr", f"127.0.0.1:{other}"], f"http://{address}"
    ) as url:
        yield url


@pytest.fixture(scope="session")
async def stateful_stripe() -> AsyncIterator[str]:
    """stripe-stateful-mock: idempotency keys as Stripe has them, and errors on demand; an API of 2020."""
    program = await asyncio.to_thread(_stateful_program)
    port = free_port(0, "stripe-stateful-mock", print)
    async with running(["node", program], f"http://127.0.0.1:{port}", PORT=str(port), LOG_LEVEL="silent") as url:
        yield url


def _stateful_program() -> Path:
    """Return the program, installed when this machine has none yet."""
    folder = cache_folder() / STATEFUL
    program = folder / "node_modules" / ".bin" / "stripe-stateful-mock"
    if program.exists():
        return program
    if not shutil.which("npm"):
        pytest.skip(
            f"errors and idempotency of Stripe are not tested on a server: {STATEFUL} comes from npm, and there is none"
        )
    folder.mkdir(parents=True, exist_ok=True)
    command = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(folder), STATEFUL]
    done = subprocess.run(command, capture_output=True, timeout=180, check=False)
    if done.returncode:
        pytest.skip(f"npm gave no {STATEFUL}: {done.stderr.decode()[-200:]!r}")
    return program
