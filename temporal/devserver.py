"""A Temporal dev server on this machine, with the settings this project is measured on.

Search attributes are not given here: the server takes them only when a namespace is created (temporal/provisioning.py).
"""

import socket
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError

from contracts.errors import Unavailable
from temporal.obtain import Say
from temporal.process import LoggedProcess

LOOPBACK = "127.0.0.1"
NAMESPACE = "default"
READY_SECONDS = 60.0
STOP_SECONDS = 8.0

_ONE_SECOND, _TEN_MS, _HALF_SECOND = '"1s"', '"10ms"', '"500ms"'
DYNAMIC_CONFIG: Mapping[str, str] = {
    "matching.useNewMatcher": "true",
    "matching.enableFairness": "true",
    "matching.numTaskqueueReadPartitions": "1",
    "matching.numTaskqueueWritePartitions": "1",
    "matching.TaskQueueInfoByBuildIdTTL": _HALF_SECOND,
    "frontend.WorkerHeartbeatsEnabled": "true",
    "frontend.ListWorkersEnabled": "true",
    "history.timerProcessorMaxTimeShift": _TEN_MS,
    "history.transferProcessorMaxPollRPS": "2000",
    "history.timerProcessorMaxPollRPS": "2000",
    "history.visibilityProcessorMaxPollRPS": "2000",
    "history.transferProcessorUpdateAckInterval": _ONE_SECOND,
    "history.timerProcessorUpdateAckInterval": _ONE_SECOND,
    "history.visibilityProcessorUpdateAckInterval": _ONE_SECOND,
    "history.hostLevelCacheMaxSize": "1000",
    "system.enableActivityEagerExecution": "false",
}
"""Priority and fairness on; polls and acknowledgements often enough for a one-step job in 30 ms instead of 150."""


class DevServer:
    """A server to start, wait for and stop; also as `async with`. Without `database` it forgets all when it ends."""

    name = "Temporal"

    def __init__(
        self,
        program: Path,
        *,
        port: int,
        log: Path,
        database: Path | None = None,
        ui_port: int | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.address = f"{LOOPBACK}:{port}"
        self.ui_url = f"http://{LOOPBACK}:{ui_port}" if ui_port else None
        self.process = LoggedProcess(self.name, [str(program), *_arguments(port, database, ui_port)], log=log, env=env)
        self._database = database
        self._port = port

    @property
    def pid(self) -> int | None:
        """The process id of the latest start."""
        return self.process.pid

    async def spawn(self) -> None:
        """Start the server and return at once. On the same database everything is as it was, even after kill -9."""
        if self._database:
            self._database.parent.mkdir(parents=True, exist_ok=True)
        await self.process.spawn()

    async def ready(self) -> None:
        """Return when the namespace answers: 0.1 s on an existing database, 0.3 s on a new one.

        Raises:
            Unavailable: The server ended, or did not answer within a minute; the message holds its last log lines.
        """
        await self.process.until(self._answers, READY_SECONDS)

    async def wait(self) -> int:
        """Return the exit code when the server has ended."""
        return await self.process.wait()

    async def stop(self, grace: float = STOP_SECONDS) -> None:
        """End the server: SIGTERM, then SIGKILL after `grace` seconds."""
        await self.process.stop(grace)

    def kill(self) -> None:
        """End the server at once; a file-backed one keeps everything that was acknowledged."""
        self.process.kill()

    async def __aenter__(self) -> Self:
        try:
            await self.spawn()
            await self.ready()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _answers(self) -> bool:
        if not self.process.listens_on(self._port):
            return False
        try:
            client = await Client.connect(self.address, namespace=NAMESPACE)
            await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=NAMESPACE))
        except (RPCError, RuntimeError):  # RuntimeError: the SDK's word for a refused connection
            return False
        return True


def free_port(preferred: int, what: str, say: Say, *, avoid: Collection[int] = ()) -> int:
    """Return the preferred port when it can be bound on loopback, else the next free one, and say so.

    `avoid`: ports given away already, though not bound yet. A preferred port of 0 gives any free one.

    Raises:
        Unavailable: Every port from the preferred one on is taken.
    """
    for candidate in range(preferred, 65536) if preferred else (0,):
        port = _bind(candidate)
        if port is None or port in avoid:
            continue
        if preferred not in {0, port}:
            say(f"port {preferred} for {what} is taken; using {port}")
        return port
    msg = f"no free port for {what} from {preferred} on"
    raise Unavailable(msg)


def _bind(port: int) -> int | None:
    with socket.socket() as attempt:
        # Without this a port counts as taken for a minute after its last connection.
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind((LOOPBACK, port))
            attempt.listen(1)
        except OSError:
            return None
        return int(attempt.getsockname()[1])


def _arguments(port: int, database: Path | None, ui_port: int | None) -> Iterator[str]:
    """Yield the command line. The ports for HTTP and metrics are left out: the program takes free ones on loopback."""
    yield from ("server", "start-dev", "--ip", LOOPBACK, "--port", str(port), "--log-level", "error")
    yield from ("--ui-port", str(ui_port)) if ui_port else ("--headless",)
    if database:
        yield from ("--db-filename", str(database))
        yield from ("--sqlite-pragma", "journal_mode=WAL", "--sqlite-pragma", "synchronous=FULL")
    for key, value in DYNAMIC_CONFIG.items():
        yield from ("--dynamic-config-value", f"{key}={value}")
