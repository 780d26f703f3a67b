"""The audit trail: lines about what other transactions than ours did, and a reader's view of all lines."""

import asyncio
import csv
import io
import json
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from api.identity import Caller, Right
from api.negotiation import cell
from contracts.audit import AuditAction, AuditLine, Deed
from contracts.errors import Unavailable
from contracts.values import PLATFORM
from readmodel.audit import AuditFilter, AuditLog
from readmodel.scope import every_tenant

log = logging.getLogger("spaces.audit")

PLATFORM_ACTOR = "platform"
"""What a tenant is told of who of the platform did something to it."""
MOST_KEPT = 10_000
AGAIN_SECONDS = 1.0
OFTEN_SECONDS = 60.0
MOST_OFTEN = 10_000


class AuditTrail:
    """Writes down what was done in Temporal, right after it was done, and lets those read who may.

    While the database is away, lines wait in this process and are logged whole: what was done is not undone because
    nobody could write it down. A process that is killed meanwhile leaves them in its log alone.
    """

    def __init__(self, book: AuditLog) -> None:
        self._book = book
        self._late: deque[Deed] = deque()
        self._catching_up: asyncio.Task[None] | None = None
        self._often: dict[tuple[str, str], tuple[float, int]] = {}

    async def note(
        self,
        caller: Caller,
        action: AuditAction,
        subject: str,
        tenant_id: str,
        *,
        job_id: str | None = None,
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
        result: str = "done",
    ) -> None:
        """Add a line about what the caller just did; never fails. Doing it again makes a second line.

        before, after: JSON-ready, without payloads
        """
        await self._add(Deed(caller.author, action, subject, tenant_id, job_id, before, after, result))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """At the end of the block, give up what still waits for the database; its words are in the log."""
        try:
            yield
        finally:
            if self._catching_up is not None:
                self._catching_up.cancel()

    async def refused(self, caller: Caller, route: str, why: str) -> None:
        """Add a line about what the caller may not do; repeats within a minute are counted by the next line."""
        repeats = self._repeats(caller.actor, route)
        if repeats is not None:
            after, whose = {"why": why, **repeats}, caller.sees or PLATFORM
            await self.note(caller, AuditAction.ACCESS_REFUSE, route, whose, after=after, result="refused")

    async def decoded(self, caller: Caller, key_ids: Sequence[str]) -> None:
        """Add a line about payloads decrypted for the caller, under these keys; repeats are counted as above."""
        named = ", ".join(sorted(set(key_ids)))
        repeats = self._repeats(caller.actor, named)
        if repeats is not None:
            after, whose = {"payloads": len(key_ids), **repeats}, caller.sees or PLATFORM
            await self.note(caller, AuditAction.CODEC_DECODE, named, whose, after=after)

    def _repeats(self, actor: str, what: str) -> dict[str, int] | None:
        """Count something that may be done very often; None within a minute of the last line about it."""
        now, asked = time.monotonic(), (actor, what)
        since, count = self._often.get(asked, (-OFTEN_SECONDS, 0))
        if now - since < OFTEN_SECONDS:
            self._often[asked] = (since, count + 1)
            return None
        if len(self._often) >= MOST_OFTEN:
            self._often.clear()
        self._often[asked] = (now, 0)
        return {"repeatsBefore": count} if count else {}

    async def list(
        self, caller: Caller, wanted: AuditFilter, limit: int, cursor: str | None
    ) -> tuple[Sequence[AuditLine], str | None]:
        """Return a page of the lines the caller may see, newest first, and the cursor of the next.

        Raises:
            Forbidden: The key may not read the audit log.
            InvalidInput: The cursor is not one of this list.
            Unavailable: The database does not answer.
        """
        caller.must(Right.AUDIT_READ)
        found, following = await self._book.list(_in_scope(caller, wanted), limit, cursor)
        return [_shown_to(caller, line) for line in found], following

    def csv(self, caller: Caller, wanted: AuditFilter) -> AsyncIterator[str]:
        """Return all lines the caller may see as CSV (RFC 4180), newest first; no cell begins like a formula.

        Raises:
            Forbidden: The key may not read the audit log.
        """
        caller.must(Right.AUDIT_READ)
        return self._rows(caller, wanted)

    async def _rows(self, caller: Caller, wanted: AuditFilter) -> AsyncIterator[str]:
        yield _row(_COLUMNS)
        async for found in self._book.pages(_in_scope(caller, wanted)):
            shown = [_shown_to(caller, line).to_wire() for line in found]
            yield "".join(_row([cell(_flat(line[name])) for name in _COLUMNS]) for line in shown)

    async def _add(self, deed: Deed) -> None:
        try:
            await self._book.add([deed])
        except Unavailable as error:
            said: dict[str, Any] = {"actor": deed.author.actor, "action": deed.action.value, "subject": deed.subject}
            said |= {"tenantId": deed.tenant_id, "before": deed.before, "after": deed.after, "result": deed.result}
            log.warning("an audit line waits for the database: %s", error, extra=said)
            if len(self._late) < MOST_KEPT:
                self._late.append(deed)
            if self._catching_up is None or self._catching_up.done():
                self._catching_up = asyncio.create_task(self._catch_up())

    async def _catch_up(self) -> None:
        while self._late:
            await asyncio.sleep(AGAIN_SECONDS)
            waiting = list(self._late)
            try:
                with every_tenant("lines about several tenants wait together"):
                    await self._book.add(waiting)
            except Unavailable:
                continue
            for _ in waiting:
                self._late.popleft()


_COLUMNS = tuple(field.alias or name for name, field in AuditLine.model_fields.items())


def _in_scope(caller: Caller, wanted: AuditFilter) -> AuditFilter:
    if caller.sees is None:
        return wanted
    if wanted.tenant_id not in {None, caller.sees}:
        return replace(wanted, tenant_id="")  # another tenant's: as in other lists, there is nothing to see
    reader = None if caller.tenant_id == PLATFORM else caller.sees
    return replace(wanted, tenant_id=caller.sees, seen_by=reader)


def _shown_to(caller: Caller, line: AuditLine) -> AuditLine:
    """Return the line as this caller may see it: a tenant is not told which person of the platform acted, and where."""
    if caller.tenant_id == PLATFORM or line.actor_tenant_id != PLATFORM:
        return line
    return line.model_copy(update={"actor": PLATFORM_ACTOR, "address": None, "request_id": None})


def _flat(value: object) -> object:
    return json.dumps(value) if isinstance(value, dict) else value


def _row(cells: Sequence[object]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, quoting=csv.QUOTE_ALL).writerow(cells)
    return buffer.getvalue()
