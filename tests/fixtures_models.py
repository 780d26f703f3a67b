"""Models for tests: a small real one on this machine, and a third party's emulator of OpenAI's API for its errors.

Both are fetched once into the user's cache folder; where they cannot be had, their tests are skipped and say why.
"""

import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

import worker
from adapters.models.openai_models import OpenAiModels
from contracts.errors import Unavailable
from contracts.model_endpoints import ModelEndpoint
from dev.model import LocalModel, endpoint, obtain
from readmodel.database import Database
from readmodel.history import HistoryWriter
from temporal.buffer import BufferedHistory
from temporal.devserver import free_port
from temporal.interceptors.chain import StepObserver
from temporal.interceptors.tally import Tally
from temporal.plugin import queue_plugin
from temporal.process import LoggedProcess
from temporal.workers import build_worker
from tests.fixtures_queue import Connect, Providers
from tests.npm import installed

AIMOCK = "@copilotkit/aimock@1.43.0"
AIMOCK_KEY = "sk-emulated"
SCRIPT = Path(__file__).parent / "providers" / "models.json"
"""What the emulator answers, by the name of the model that is asked."""
PRICES = {"input": "1.5", "output": "6"}


@pytest.fixture(scope="session")
async def local_model(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalModel]:
    """The small real model, running."""
    try:
        folder = await obtain(print)
    except Unavailable as error:
        pytest.skip(f"NO REAL MODEL: {error}")
    port = free_port(0, "the local model", print)
    model = LocalModel(folder, port, tmp_path_factory.mktemp("model") / "model.log")
    try:
        await model.start()
        yield model
    finally:
        await model.process.stop()


@dataclass(frozen=True)
class Emulator:
    """Where the emulator of OpenAI's API is."""

    url: str

    def endpoint(self, model: str, **said: Any) -> ModelEndpoint:
        """Return how the settings would name one of its models; each is called as its model is."""
        given = {"name": model, "url": self.url, "key": AIMOCK_KEY, "model": model, "prices": {model: PRICES}}
        return ModelEndpoint.model_validate(given | said)

    async def asked(self, model: str) -> list[dict[str, Any]]:
        """Return the requests for a model, in their order."""
        async with httpx.AsyncClient(headers={"Authorization": f"Bearer {AIMOCK_KEY}"}, trust_env=False) as http:
            seen = (await http.get(self.url.replace("/v1", "/__aimock/journal"))).json()
        entries = seen if isinstance(seen, list) else seen["entries"]
        bodies = [entry.get("body") or {} for entry in entries]
        return [body for body in bodies if body.get("model") == model]


@pytest.fixture(scope="session")
def model_port() -> int:
    """Where the emulator is, or will be."""
    return free_port(0, "the model emulator", print)


@pytest.fixture(scope="session")
async def model_emulator(model_port: int, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Emulator]:
    """The emulator, running."""
    program, port = await _emulator_program(), model_port
    command = [
        "node", str(program), "--port", str(port), "--host", "127.0.0.1", "--fixtures", str(SCRIPT), "--strict",
        "--log-level", "warn",
    ]  # fmt: skip
    log = tmp_path_factory.mktemp("aimock") / "aimock.log"
    process = LoggedProcess("model emulator", command, log=log, env=_environment({"AIMOCK_API_KEYS": AIMOCK_KEY}))
    await process.spawn()
    url = f"http://127.0.0.1:{port}"
    try:
        await process.until(lambda: _healthy(url), 60)
        yield Emulator(f"{url}/v1")
    finally:
        await process.stop()


async def _emulator_program() -> Path:
    folder = await installed(f"aimock-{AIMOCK.rpartition('@')[2]}", AIMOCK, what="NO MODEL EMULATOR")
    return folder / "node_modules" / "@copilotkit" / "aimock" / "dist" / "cli.js"


def _environment(more: Mapping[str, str]) -> dict[str, str]:

    return {**os.environ, **more}


async def _healthy(url: str) -> bool:
    try:
        async with httpx.AsyncClient(timeout=5, trust_env=False) as http:
            return (await http.get(f"{url}/health")).is_success
    except httpx.HTTPError:
        return False


@asynccontextmanager
async def models_at(*endpoints: ModelEndpoint) -> AsyncIterator[list[OpenAiModels]]:
    """Our adapter on these endpoints, in this order."""
    models = [OpenAiModels(each) for each in endpoints]
    yield models
    for each in models:
        await each.close()


def local_endpoint(model: LocalModel) -> ModelEndpoint:
    """Return how the settings name the small real model."""
    return ModelEndpoint.model_validate(endpoint(model.port) | {"prices": {endpoint(0)["model"]: PRICES}})


RunGenerations = Callable[..., AbstractAsyncContextManager[None]]


@pytest.fixture
def run_generations(connect: Connect, providers: Providers) -> RunGenerations:
    """Run a worker of the generations' queue on a database, as `async with run_generations(database, *endpoints):`."""

    @asynccontextmanager
    async def run(database: Database, *endpoints: ModelEndpoint, **others: object) -> AsyncIterator[None]:
        buffered = BufferedHistory(HistoryWriter(database))
        observer = StepObserver("generations-worker", buffered.put, Tally())
        client = await connect(queue_plugin(providers.blobs, observer, providers.keys))
        async with buffered.running(), models_at(*endpoints) as models:
            given = {
                **worker.generation_providers(database, buffered),
                "models": models,
                "blobs": providers.blobs,
                "history": buffered,
                **others,
            }
            async with build_worker(client, "ai_generation", given, slots=8, drain=timedelta(seconds=1)):
                yield

    return run
