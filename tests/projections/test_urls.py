import pytest

from readmodel.engines import database_url


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("sqlite:///a/b.db", "sqlite+aiosqlite:///a/b.db"),
        ("sqlite+aiosqlite:////a/b.db", "sqlite+aiosqlite:////a/b.db"),
        ("postgresql://u:p@h:5/d", "postgresql+asyncpg://u:p@h:5/d"),
        ("postgres://u@h/d?sslmode=require", "postgresql+asyncpg://u@h/d?ssl=require"),
        ("postgresql+asyncpg://postgres@/postgres?host=/tmp/x", "postgresql+asyncpg://postgres@/postgres?host=/tmp/x"),
    ],
)
def test_a_url_gets_its_asynchronous_driver(given: str, used: str) -> None:
    assert database_url(given).render_as_string(hide_password=False).replace("%2F", "/") == used


@pytest.mark.parametrize(
    "wrong", ["mysql://u:secret@h/d", "sqlite://", "sqlite:///:memory:", "postgresql+psycopg://h/d"]
)
def test_another_database_is_refused_without_its_password(wrong: str) -> None:
    with pytest.raises(ValueError, match="database") as refusal:
        database_url(wrong)

    assert "secret" not in str(refusal.value)
