"""Fixtures that all tests share: real servers, started once per session."""

import pytest

pytest_plugins = [
    "tests.fixtures_temporal",
    "tests.fixtures_postgres",
    "tests.fixtures_queue",
    "tests.fixtures_news",
    "tests.fixtures_processes",
    "tests.fixtures_redis",
    "tests.fixtures_mail",
    "tests.fixtures_stripe",
    "tests.fixtures_models",
    "tests.fixtures_social",
]

PATIENT = {"projections", "endpoints", "jobs"}
"""Folders of tests that are about what is written, not about how soon a database that is away is given up."""


@pytest.fixture(autouse=True)
def patience(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the database take its time: a busy machine's disk may stall for seconds. Not for tests marked `impatient`."""
    if request.path.parent.name in PATIENT and "impatient" not in request.keywords:
        for name in ("OPEN_SECONDS", "WRITE_SECONDS", "READ_SECONDS", "LOCK_SECONDS"):
            monkeypatch.setattr(f"readmodel.database.{name}", 25.0)
        for name in ("CONNECT_SECONDS", "COMMAND_SECONDS", "LOCK_SECONDS"):
            monkeypatch.setattr(f"readmodel.engines.{name}", 25.0)
