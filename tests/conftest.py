"""Fixtures that all tests share: real servers, started once per session."""

pytest_plugins = [
    "tests.fixtures_temporal",
    "tests.fixtures_postgres",
    "tests.fixtures_queue",
    "tests.fixtures_processes",
    "tests.fixtures_redis",
    "tests.fixtures_mail",
    "tests.fixtures_stripe",
]
