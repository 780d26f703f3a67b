"""A whole system on one machine: Temporal, the API and the workers, as children of this process.

Temporal is started first. It is stopped last, after the workers and the API, so that running steps can still report.
"""

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from config import Settings, load_settings
from contracts.errors import Unavailable
from dev.emulator import EMULATOR_PORT, Emulator, available
from dev.machine import Machine
from dev.record import MARK, DevRecord, end_leftovers
from dev.supervisor import Part, Program, Supervisor
from readmodel.database import Database
from temporal.devserver import LOOPBACK, NAMESPACE, DevServer, free_port
from temporal.obtain import Say
from temporal.process import LoggedProcess
from temporal.program import configured_address, configured_namespace, find_program

ROOT = Path(__file__).resolve().parents[1]
READY_SECONDS = 90.0
DRAIN_SECONDS = 10.0
"""What a worker gets to end; it uses two seconds less for its running steps. A step cut short is done again."""


class Stack:
    """The parts of a system, as `async with`. Inside the block all of them answer and are kept running."""

    def __init__(self, machine: Machine, say: Say, *, root: Path = ROOT) -> None:
        self.machine = machine
        self.admin_key = machine.key()
        self.api_url = ""
        self.ui_url: str | None = os.environ.get("SPACES_TEMPORAL_UI_URL") or None
        self.address = ""
        self.namespace = NAMESPACE
        self._say = say
        self._root = root
        self._record = DevRecord(machine.folder)
        self._supervisor = Supervisor(say, self._parts_changed)
        self._parts: list[Part] = []
        self._stripe: Emulator | None = None
        self._ready = False
        self.stopping = False
        """True from the moment the parts are being ended; whoever cancels then leaves processes behind."""

    async def __aenter__(self) -> Self:
        began = time.monotonic()
        try:
            await self._up()
        except BaseException:
            await self._down()
            raise
        self._ready = True
        self._parts_changed()
        self._say(f"ready after {time.monotonic() - began:.1f} s: {self.api_url}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._say("stopping: workers, then the API, then Temporal")
        await self._down()
        self._say("stopped; jobs and results are kept in " + str(self.machine.folder))

    def kill(self) -> None:
        """End every child at once, without waiting for running steps."""
        for part in self._parts:
            part.kill()

    def last_log_lines(self) -> str:
        """Return the ends of the API's and the workers' logs."""
        logs = [part.process for part in self._parts if isinstance(part, Program)]
        return "\n\n".join(f"{log.log}:\n{log.last_lines()}" for log in logs)

    async def _up(self) -> None:
        left = await asyncio.to_thread(end_leftovers, self.machine.folder)
        if left:
            self._say(f"ended {left} processes that an earlier run left behind")
        self._record.remove()
        settings = load_settings(data_dir=self.machine.folder)
        await asyncio.gather(
            self._start_temporal(), self._prepare_database(settings.database), self._start_stripe(settings)
        )
        port = free_port(self.machine.api_port, "the API", self._say)
        self.api_url = f"http://{LOOPBACK}:{port}"
        await self._start_all(self._api(port), *map(self._worker, range(1, self.machine.workers + 1)))
        if self._stripe:
            await self._stripe.send_events_to(self.api_url)

    async def _prepare_database(self, url: str) -> None:
        """Bring the tables up to date before anybody needs them; workers start as soon as the API does."""
        database = Database(url)
        try:
            await database.migrate()
        except Unavailable as error:
            self._say(f"the database does not answer: {error}; going on, the API prepares it when it does")
        finally:
            await database.close()

    async def _start_all(self, *parts: Part) -> None:
        """Start parts side by side: loading code takes most of the time, on one core each."""
        try:
            async with asyncio.TaskGroup() as starts:
                for part in parts:
                    starts.create_task(self._start(part))
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None

    async def _start(self, part: Part) -> None:
        began = time.monotonic()
        self._parts.append(part)
        await self._supervisor.start(part)
        self._say(f"{part.name}: process {part.pid}, ready after {time.monotonic() - began:.1f} s")

    async def _start_temporal(self) -> None:
        given = configured_address()
        if given:
            self.address, self.namespace = given, configured_namespace() or NAMESPACE
            self._say(f"Temporal: using {given}, namespace {self.namespace}, as the environment says")
            return
        program = await find_program(self._say)
        port = free_port(self.machine.temporal_port, "Temporal", self._say)
        ui_port = free_port(self.machine.ui_port, "the Temporal Web UI", self._say, avoid={port})
        server = DevServer(
            program, port=port, ui_port=ui_port, database=self.machine.folder / "temporal.db",
            log=self.machine.logs / "temporal.log", env=self._environment({}),
        )  # fmt: skip
        self.address, self.ui_url = server.address, server.ui_url
        await self._start(server)

    async def _start_stripe(self, settings: Settings) -> None:
        """Start a Stripe emulator unless a provider is configured; without one payments wait, and that is said."""
        if settings.stripe_secret_key:
            self._say("payments: using the key in SPACES_STRIPE_SECRET_KEY")
            return
        if settings.env == "production" or not available():
            why = "an emulator is none in production" if available() else "localstripe is not installed"
            self._say(f"payments: no payment provider is configured, and {why}; payments are accepted and wait")
            return
        port = free_port(EMULATOR_PORT, "the Stripe emulator", self._say)
        stripe = Emulator(port, self.machine.logs / "stripe.log", self._environment({}))
        await self._start(stripe.part)
        self._stripe = stripe

    def _api(self, port: int) -> Program:
        async def answers(_pid: int) -> bool:
            return api.process.listens_on(port) and await self._get("/readyz") is not None

        api = self._program("API", "serve.py", "api.log", answers)
        return api

    def _worker(self, number: int) -> Program:
        return self._program(f"worker {number}", "worker.py", f"worker-{number}.log", self._worker_is_listed)

    def _program(self, name: str, script: str, log: str, answers: Callable[[int], Awaitable[bool]]) -> Program:
        process = LoggedProcess(
            name, [sys.executable, script],
            log=self.machine.logs / log, env=self._environment(self._told()), folder=self._root,
        )  # fmt: skip
        return Program(process, answers, READY_SECONDS)

    def _told(self) -> dict[str, str]:
        told = {
            "SPACES_API_PORT": self.api_url.rpartition(":")[2],
            "SPACES_ADMIN_KEY": self.admin_key,
            "TEMPORAL_ADDRESS": self.address,
            "TEMPORAL_NAMESPACE": self.namespace,
            "SPACES_DRAIN_SECONDS": f"{DRAIN_SECONDS - 2:.0f}",
        }
        if self._stripe:
            told |= self._stripe.settings
        return told | ({"SPACES_TEMPORAL_UI_URL": self.ui_url} if self.ui_url else {})

    def _environment(self, told: Mapping[str, str]) -> dict[str, str]:
        """Return a child's environment. Compiled modules are written: a worker that finds them is a third quicker."""
        # TEMPORAL_…: beside a server of our own, half a configuration for another one would only confuse.
        ours_only = ("PYTHONDONTWRITEBYTECODE", *(() if configured_address() else ("TEMPORAL_",)))
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(ours_only)}
        ours = {"SPACES_DATA_DIR": str(self.machine.folder), MARK: str(self.machine.folder), "PYTHONUNBUFFERED": "1"}
        return inherited | ours | dict(told)

    async def _worker_is_listed(self, pid: int) -> bool:
        answer = await self._get("/v1/workers") or {}
        gone = {"offline", "stopped"}
        return any(worker["pid"] == pid and worker.get("status") not in gone for worker in answer.get("items", ()))

    async def _get(self, path: str) -> Any:
        """Return the answer to a GET at the API; None unless it is 200. No proxy: this is loopback."""
        headers = {"Authorization": f"Bearer {self.admin_key}"}
        try:
            async with httpx.AsyncClient(base_url=self.api_url, headers=headers, timeout=5, trust_env=False) as client:
                answer = await client.get(path)
                return answer.json() if answer.status_code == httpx.codes.OK else None
        except (httpx.HTTPError, ValueError):
            return None

    def _parts_changed(self) -> None:
        if not self._ready:
            return
        pids = {part.name: part.pid for part in self._parts}
        self._record.write(
            {
                "apiUrl": self.api_url,
                "dashboardUrl": f"{self.api_url}/dashboard",
                "temporalAddress": self.address,
                "temporalNamespace": self.namespace,
                "temporalUiUrl": self.ui_url,
                "adminKey": self.admin_key,
                "workerPids": [pid for name, pid in pids.items() if name.startswith("worker")],
                "pids": {"temporal": pids.get("Temporal"), "api": pids["API"], "supervisor": os.getpid()},
            }
        )

    async def _down(self) -> None:
        self._ready, self.stopping = False, True
        workers = [part for part in self._parts if part.name.startswith("worker")]
        await asyncio.gather(*(self._supervisor.release(worker, DRAIN_SECONDS) for worker in workers))
        for part in reversed([part for part in self._parts if part not in workers]):
            await self._supervisor.release(part, DRAIN_SECONDS / 2)
        await asyncio.to_thread(end_leftovers, self.machine.folder)
        self._record.remove()
