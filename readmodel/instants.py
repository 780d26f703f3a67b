"""Instants in statements: the latest of several, and the time between two, the same on SQLite and on PostgreSQL.

They are in indexes as well, and a query uses such an index only when it says exactly the same: no bound values here.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from readmodel.columns import UtcInstant


class Latest(FunctionElement[datetime]):
    """The latest of instants; the first may not be null, those of the others that are do not count."""

    name = "latest"
    inherit_cache = True
    type = UtcInstant()


class MillisecondsBetween(FunctionElement[int]):
    """Whole milliseconds from one instant to another; null when one is null."""

    name = "milliseconds_between"
    inherit_cache = True
    type = BigInteger()


@compiles(Latest, "postgresql")
def _latest(element: Latest, compiler: SQLCompiler, **how: Any) -> str:
    """Any: the compiler's own options."""
    return f"GREATEST({', '.join(compiler.process(each, **how) for each in element.clauses)})"


@compiles(Latest, "sqlite")
def _latest_of_texts(element: Latest, compiler: SQLCompiler, **how: Any) -> str:
    first, *others = (compiler.process(each, **how) for each in element.clauses)
    return f"max({', '.join((first, *(f'ifnull({other}, {first})' for other in others)))})"


@compiles(MillisecondsBetween, "postgresql")
def _between(element: MillisecondsBetween, compiler: SQLCompiler, **how: Any) -> str:
    begin, end = (compiler.process(each, **how) for each in element.clauses)
    return f"CAST(EXTRACT(epoch FROM {end} - {begin}) * 1000 AS BIGINT)"


@compiles(MillisecondsBetween, "sqlite")
def _between_texts(element: MillisecondsBetween, compiler: SQLCompiler, **how: Any) -> str:
    begin, end = (compiler.process(each, **how) for each in element.clauses)
    return f"CAST(round((julianday({end}) - julianday({begin})) * 86400000.0) AS INTEGER)"
