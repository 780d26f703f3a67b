"""`make dev` as seen from outside: dev.json, children that are started again, a clean stop, and what a kill -9 leaves.

serve.py and worker.py are small programs here; what is tested is how they are started, watched and ended.
"""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from temporal.devserver import DevServer

ROOT = Path(__file__).resolve().parents[2]

NAMES = {"apiUrl", "dashboardUrl", "temporalAddress", "temporalNamespace", "temporalUiUrl", "adminKey"} | {
    "workerPids",
    "pids",
}

SERVE = """
import json, os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
class Api(BaseHTTPRequestHandler):
    def do_GET(self):
        pids = [int(f.name) for f in Path(os.environ["SPACES_DATA_DIR"], "workers").glob("*")]
        allowed = self.path == "/readyz" or self.headers["Authorization"] == "Bearer " + os.environ["SPACES_ADMIN_KEY"]
        self.send_response(200 if allowed else 401)
        self.end_headers()
        self.wfile.write(json.dumps({"items": [{"pid": pid, "status": "idle"} for pid in pids]}).encode())
ThreadingHTTPServer(("127.0.0.1", int(os.environ["SPACES_API_PORT"])), Api).serve_forever()
"""
WORKER = """
import os, signal, sys
from pathlib import Path
me = Path(os.environ["SPACES_DATA_DIR"], "workers", str(os.getpid()))
me.parent.mkdir(exist_ok=True)
def stop(*_):
    print("drained, bytecode", os.environ.get("PYTHONDONTWRITEBYTECODE"), flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
me.touch()
print("address", os.environ["TEMPORAL_ADDRESS"], flush=True)
while True:
    signal.pause()
"""
LAUNCH = """
import sys
from pathlib import Path
from dev.__main__ import main
sys.exit(main(["up"], root=Path(sys.argv[1])))
"""


class Run:
    """One `make dev` in a folder of its own."""

    def __init__(self, folder: Path, environ: dict[str, str]) -> None:
        self.folder = folder
        self.data = folder / "data"
        self._environ = environ
        self._started: list[asyncio.subprocess.Process] = []
        (folder / "launch.py").write_text(LAUNCH)
        (folder / "serve.py").write_text(SERVE)
        (folder / "worker.py").write_text(WORKER)

    async def start(self, **environ: str) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            self.folder / "launch.py",
            self.folder,
            env=self._environ | environ | {"PYTHONPATH": str(ROOT), "SPACES_DATA_DIR": str(self.data)},
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        self._started.append(process)
        return process

    async def facts(self, wanted: Callable[[dict[str, Any]], bool] = bool) -> dict[str, Any]:
        async with asyncio.timeout(30):
            while not wanted(seen := self._read()):
                await asyncio.sleep(0.02)  # a file written by another process rings no bell
        return seen

    def _read(self) -> dict[str, Any]:
        file = self.data / "dev.json"
        return dict(json.loads(file.read_text())) if file.exists() else {}

    async def end(self) -> None:
        for process in self._started:
            if process.returncode is None:
                process.send_signal(signal.SIGINT)
            await process.communicate()


@pytest.fixture
async def run(tmp_path: Path, temporal_program: Path) -> AsyncIterator[Run]:
    ours = {key: value for key, value in os.environ.items() if not key.startswith(("SPACES_", "TEMPORAL_"))}
    ports = {"SPACES_API_PORT": "18200", "SPACES_TEMPORAL_PORT": "18300", "SPACES_UI_PORT": "18400"}
    run = Run(tmp_path, ours | ports | {"SPACES_TEMPORAL_PROGRAM": str(temporal_program)})
    yield run
    await run.end()


def alive(facts: dict[str, Any]) -> list[int]:
    pids = [*facts["workerPids"], *facts["pids"].values()]
    return [pid for pid in pids if pid and psutil.pid_exists(pid)]


async def test_dev_json_tells_all_and_goes_at_a_clean_stop(run: Run) -> None:
    process = await run.start(SPACES_WORKERS="2", PYTHONDONTWRITEBYTECODE="1")
    facts = await run.facts()
    mode = (run.data / "dev.json").stat().st_mode & 0o777
    running = alive(facts)
    process.send_signal(signal.SIGINT)
    code = await process.wait()

    assert facts.keys() == NAMES
    assert facts["dashboardUrl"] == facts["apiUrl"] + "/dashboard"
    assert facts["adminKey"] == (run.data / "admin.key").read_text().strip()
    assert facts["pids"]["supervisor"] == process.pid
    assert (mode, (run.data / "admin.key").stat().st_mode & 0o777) == (0o600, 0o600)
    assert len(running) == 5
    assert code == 0
    assert alive(facts) == []
    assert not (run.data / "dev.json").exists()
    log = (run.data / "logs" / "worker-1.log").read_text()
    assert log == f"address {facts['temporalAddress']}\ndrained, bytecode None\n"


async def test_every_child_that_is_killed_is_started_again(run: Run) -> None:
    process = await run.start()
    first = await run.facts()
    for pid in (*first["workerPids"], first["pids"]["api"], first["pids"]["temporal"]):
        os.kill(pid, signal.SIGKILL)

    def all_new(facts: dict[str, Any]) -> bool:
        return facts["workerPids"] != first["workerPids"] and all(
            facts["pids"][name] != first["pids"][name] for name in ("api", "temporal")
        )

    again = await run.facts(all_new)
    async with httpx.AsyncClient(timeout=30, trust_env=False, transport=httpx.AsyncHTTPTransport(retries=8)) as http:
        answer = await http.get(f"{again['apiUrl']}/readyz")
    process.send_signal(signal.SIGTERM)
    printed, _ = await process.communicate()

    assert answer.status_code == 200
    assert process.returncode == 0
    assert (
        f"worker 1 (process {first['workerPids'][0]}) was ended by SIGKILL; started again as process"
        in printed.decode()
    )
    assert {key: again[key] for key in ("apiUrl", "temporalAddress")} == {
        key: first[key] for key in ("apiUrl", "temporalAddress")
    }


async def test_what_a_killed_supervisor_left_is_ended_by_the_next_start(run: Run) -> None:
    killed = await run.start()
    first = await run.facts()
    killed.kill()
    await killed.wait()
    left = alive(first)
    await run.start()

    second = await run.facts(lambda facts: bool(facts) and facts["pids"]["supervisor"] != killed.pid)

    assert len(left) == 3
    assert alive(first) == []
    assert len(alive(second)) == 4
    assert second["apiUrl"] == first["apiUrl"]


async def test_second_start_on_the_same_folder_says_where_the_first_runs(run: Run, temporal_server: DevServer) -> None:
    first = await run.start(TEMPORAL_ADDRESS=temporal_server.address)
    facts = await run.facts()

    second = await run.start(TEMPORAL_ADDRESS=temporal_server.address)
    printed, _ = await second.communicate()

    assert second.returncode == 1
    assert f"runs at {facts['apiUrl']} (process {first.pid})" in printed.decode()
    assert (facts["temporalAddress"], facts["pids"]["temporal"]) == (temporal_server.address, None)


async def test_taken_port_is_replaced_and_said(run: Run, temporal_server: DevServer) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        process = await run.start(TEMPORAL_ADDRESS=temporal_server.address, SPACES_API_PORT=str(port))
        facts = await run.facts()
    process.send_signal(signal.SIGINT)
    printed, _ = await process.communicate()

    assert facts["apiUrl"] != f"http://127.0.0.1:{port}"
    assert f"port {port} for the API is taken; using {facts['apiUrl'].rpartition(':')[2]}" in printed.decode()


async def test_part_that_cannot_start_stops_everything_and_shows_its_log(run: Run, temporal_server: DevServer) -> None:
    (run.folder / "worker.py").write_text("raise SystemExit('no such queue')")
    process = await run.start(TEMPORAL_ADDRESS=temporal_server.address)

    printed, _ = await process.communicate()

    assert process.returncode == 1
    assert "worker 1 ended with 1 before it answered" in printed.decode()
    assert "no such queue" in printed.decode()
    assert not (run.data / "dev.json").exists()


async def test_wrong_number_in_the_environment_is_named(run: Run) -> None:
    process = await run.start(SPACES_WORKERS="many")

    printed, _ = await process.communicate()

    assert process.returncode == 1
    assert printed.decode() == "error: SPACES_WORKERS must be a whole number from 0 to 64, not 'many'\n"


async def test_later_ctrl_c_does_not_wait_for_a_stubborn_worker(run: Run, temporal_server: DevServer) -> None:
    (run.folder / "worker.py").write_text(WORKER.replace("signal.SIGTERM, stop", "signal.SIGTERM, signal.SIG_IGN"))
    process = await run.start(TEMPORAL_ADDRESS=temporal_server.address)
    facts = await run.facts()

    async with asyncio.timeout(8):  # a drain takes 10 s
        while process.returncode is None:
            process.send_signal(signal.SIGINT)
            await asyncio.wait({asyncio.ensure_future(process.wait())}, timeout=0.3)

    assert process.returncode == 0
    assert alive(facts) == []
