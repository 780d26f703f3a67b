"""What is really sent to the database."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from readmodel.database import Database


@contextmanager
def selects(database: Database) -> Iterator[list[tuple[str, Any]]]:
    """Collect the SELECTs on tables that are executed, with their parameters. Any: as the driver has them."""
    seen: list[tuple[str, Any]] = []

    def note(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        if statement.startswith("SELECT") and "FROM" in statement:
            seen.append((statement, parameters))

    engine = database._engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)
