"""The Temporal dev server: it starts, answers, survives kill -9, and says why when it cannot."""

import os
import signal
import socket
import sqlite3
from pathlib import Path

import httpx
import pytest
from temporalio.client import Client, WorkflowExecutionStatus

from contracts.errors import Unavailable
from temporal.devserver import DevServer, free_port
from temporal.process import LoggedProcess


async def test_server_in_memory_answers(temporal_server: DevServer) -> None:
    client = await Client.connect(temporal_server.address)

    assert await client.service_client.check_health()


async def test_executions_survive_kill_9_and_restart(temporal_program: Path, tmp_path: Path) -> None:
    port = free_port(0, "Temporal", print)
    server = DevServer(temporal_program, port=port, log=tmp_path / "t.log", database=tmp_path / "data" / "t.db")
    async with server:
        client = await Client.connect(server.address)
        await client.start_workflow("nobody_serves_this", id="shop:kind:1", task_queue="empty")

        first = server.pid
        os.kill(first or 0, signal.SIGKILL)
        code = await server.wait()
        await server.spawn()
        await server.ready()

        kept = await client.get_workflow_handle("shop:kind:1").describe()
    assert code == -signal.SIGKILL
    assert server.pid != first
    assert kept.status is WorkflowExecutionStatus.RUNNING
    with sqlite3.connect(tmp_path / "data" / "t.db") as database:
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)


async def test_web_ui_answers(temporal_program: Path, tmp_path: Path) -> None:
    port, ui_port = free_port(0, "Temporal", print), free_port(0, "UI", print)
    async with (
        DevServer(temporal_program, port=port, ui_port=ui_port, log=tmp_path / "t.log") as server,
        httpx.AsyncClient(timeout=30, trust_env=False) as http,
    ):
        answer = await http.get(f"{server.ui_url}/")

    assert answer.status_code == 200


async def test_server_that_cannot_start_shows_its_log(
    temporal_program: Path, temporal_server: DevServer, tmp_path: Path
) -> None:
    port = int(temporal_server.address.rpartition(":")[2])

    with pytest.raises(Unavailable, match=r"(?s)Temporal ended with 1 before it answered.*t\.log:.*in use"):
        await DevServer(temporal_program, port=port, log=tmp_path / "t.log").__aenter__()


async def test_process_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    stubborn = LoggedProcess(
        "stubborn", ["/bin/sh", "-c", "trap '' TERM; echo up; while :; do sleep 1; done"], log=tmp_path / "log"
    )
    await stubborn.spawn()

    async def is_up() -> bool:
        return stubborn.last_lines() == "up"

    await stubborn.until(is_up, within=5)
    await stubborn.stop(grace=0.2)

    assert await stubborn.wait() == -signal.SIGKILL


async def test_long_log_is_put_aside(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"x" * 10_000_001)
    process = LoggedProcess("short", ["/bin/sh", "-c", "echo new"], log=log)

    await process.spawn()
    await process.wait()

    assert log.read_text() == "new\n"
    assert (tmp_path / "log.1").stat().st_size == 10_000_001


def test_taken_port_gives_the_next_free_one_and_says_so() -> None:
    said: list[str] = []
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        found = free_port(port, "the API", said.append, avoid={port + 1})

    assert found > port + 1
    assert said == [f"port {port} for the API is taken; using {found}"]


def test_free_port_is_taken_as_preferred() -> None:
    said: list[str] = []
    port = free_port(0, "anything", said.append)

    assert free_port(port, "the API", said.append) == port
    assert said == []


def test_no_free_port_at_all_is_an_error() -> None:
    with pytest.raises(Unavailable, match="no free port for the API from 65535 on"):
        free_port(65535, "the API", print, avoid={65535})
