"""What others wrote down about a job: its lines in the ledger of payments, its posts, and what people did to it."""

from collections.abc import Sequence

from api.identity import Caller, Right
from contracts.audit import AuditLine
from contracts.ledger import LedgerLine
from contracts.values import job_type_of
from dashboard.frame import card
from dashboard.pages.audit import CHANGES, audit_row
from dashboard.pages.payments import EVENT_COLUMNS, event_row
from dashboard.pages.posts import COLUMNS, TYPE, post_rows
from dashboard.parts.table import Empty, Row, Table
from dashboard.tab import Tab
from readmodel.audit import AuditFilter
from readmodel.payment_lines import LineFilter

MOST_DEEDS = 20
MOST_LINES = 5


class JobRecords:
    """Three cards of a job's page, each shown to whom it may be and when there is something in it."""

    def __init__(self, tab: Tab, job_id: str) -> None:
        self._tab = tab
        self._id = job_id
        with card("In the ledger of payments", style="flush") as self._ledger_card:
            self._ledger = Table("Ledger", EVENT_COLUMNS, Empty("Nothing"))
        with card("Where it was posted", style="flush") as self._posts_card:
            self._posts = Table("Posts", COLUMNS, Empty("Nothing"))
        with card("What was done to it, and by whom", style="flush") as self._audit_card:
            self._audit = Table("Audit of this job", CHANGES, Empty("Nothing"))

    async def show(self) -> None:
        """Show what is written down now."""
        caller = await self._tab.who()
        lines, posts, deeds = await self._lines(caller), await self._rows(caller), await self._deeds(caller)
        self._ledger.show([event_row(line, event) for line in lines for event in line.events])
        self._ledger_card.set_visibility(bool(lines))
        self._posts.show(posts)
        self._posts_card.set_visibility(bool(posts))
        self._audit.show([audit_row(line) for line in deeds])
        self._audit_card.set_visibility(bool(deeds))

    async def _lines(self, caller: Caller) -> Sequence[LedgerLine]:
        if not caller.may(Right.PAYLOADS_READ):
            return ()
        return (await self._tab.here.payments.list(caller, LineFilter(job_id=self._id), MOST_LINES, None))[0]

    async def _rows(self, caller: Caller) -> Sequence[Row]:
        """Return what became of the posts; a post is there for everybody, so nobody is asked why they look."""
        if job_type_of(self._id) != TYPE or not caller.may(Right.PAYLOADS_READ):
            return ()
        return post_rows((await self._tab.here.queue.get_job(caller, self._id)).result)

    async def _deeds(self, caller: Caller) -> Sequence[AuditLine]:
        if not caller.may(Right.AUDIT_READ):
            return ()
        return (await self._tab.here.trail.list(caller, AuditFilter(job_id=self._id), MOST_DEEDS, None))[0]
