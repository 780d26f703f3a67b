"""Scope: whose rows the transactions of a task may touch. PostgreSQL holds to it by itself, see row_security.py.

A process at the border (`Database(url, border=True)`) touches nothing until somebody said for whom: a forgotten scope
is an error, not a leak.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from contracts.values import PLATFORM

_scope: ContextVar[str | None] = ContextVar("scope", default=None)


class UnscopedQuery(RuntimeError):  # noqa: N818  a defect of ours, like other RuntimeErrors; nobody handles it
    """A transaction began at the border before anybody said whose rows it may touch."""


def narrow_to(tenant_id: str | None) -> None:
    """Let this task, and tasks it starts, touch this tenant's rows only; None lets them touch all tenants' rows."""
    _scope.set(tenant_id or PLATFORM)


@contextmanager
def every_tenant(why: str) -> Iterator[None]:
    """Let the block touch all tenants' rows. `why` is for the reader of the code: each use is an exception."""
    if not why:
        msg = "say why the block may touch all tenants' rows"
        raise ValueError(msg)
    before = _scope.set(PLATFORM)
    try:
        yield
    finally:
        _scope.reset(before)


def only_tenant(*, border: bool) -> str | None:
    """Return the only tenant whose rows may be touched now; None for all.

    Raises:
        UnscopedQuery: Nobody said so, in a process at the border.
    """
    scope = _scope.get()
    if scope is None and border:
        msg = "say whose rows may be touched, by narrow_to() or every_tenant(), before the first query"
        raise UnscopedQuery(msg)
    return None if scope in {None, PLATFORM} else scope
