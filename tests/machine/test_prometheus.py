"""The rules that ship for Prometheus: its own program takes them, and they ask for nothing that is not told."""

import asyncio
import re
import shutil
from pathlib import Path

import pytest

from tests.endpoints.test_metrics import scraped
from tests.fixtures_queue import Api

FOLDER = Path("deploy/prometheus")
NAMES = re.compile(r"\b(?:spaces|http|process)_\w+")


async def test_prometheus_takes_configuration_and_rules() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("NO PROMETHEUS: promtool is not on PATH (Debian's package prometheus)")

    program = await asyncio.create_subprocess_exec(
        promtool, "check", "config", str(FOLDER / "prometheus.yml"), stdout=asyncio.subprocess.PIPE
    )
    said, _ = await program.communicate()

    assert program.returncode == 0, said.decode()
    assert b"SUCCESS: 7 rules found" in said


async def test_rules_ask_only_for_what_is_told(api: Api) -> None:
    await api.http.get("/healthz")
    rules = (FOLDER / "rules.yml").read_text()

    told = set(NAMES.findall(await scraped(api)))

    assert set(NAMES.findall(rules)) <= told
