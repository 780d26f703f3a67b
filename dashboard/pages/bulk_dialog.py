"""The dialog in front of every action on many jobs: what it would do, a reason, and how careful to be."""

from uuid_utils import uuid7

from contracts.bulk import LARGEST_CANARY, MOST_PER_SECOND, BulkFilter, BulkKind, BulkPreview, BulkRequest
from dashboard.frame import box, button, text
from dashboard.parts.dialog import dialog
from dashboard.parts.fields import Choice, Field
from dashboard.parts.moment import Moment
from dashboard.tab import Tab
from dashboard.words import ROOT, count, said

WORDS = {
    BulkKind.RETRY: "Dead jobs go on from their failed step; failed and cancelled ones start again as new jobs.",
    BulkKind.CANCEL: "Jobs that have not ended are asked to stop. Running steps stop within seconds.",
    BulkKind.DISCARD: "Dead jobs end as failed. This cannot be undone; they can be started again as new jobs.",
}


async def ask_bulk(tab: Tab, kind: BulkKind, wanted: BulkFilter, *, canary: int | None = None) -> bool:
    """Show what the action would do, and have it done when that is confirmed; tell whether it was begun."""
    found = await tab.act(
        lambda caller: tab.here.bulk_actions.preview(caller, BulkRequest(action=kind, filter=wanted, dry_run=True))
    )
    if found is None:
        return False
    with dialog(f"{kind.value.capitalize()} {count(found.matched, 'job')}?") as asked:
        text("p", WORDS[kind], "muted")
        _preview(found)
        reason = Field("Reason", help="goes on record with each job", required=True)
        with box(style="fields"):
            pace = Field("Jobs per second", value="20", kind="number", help=f"1 to {MOST_PER_SECOND}")
            first = _canary(kind, canary)
        with box(style="end"):
            button("Cancel", lambda: asked.submit(False))
            style = "danger" if kind is BulkKind.DISCARD else "primary"
            button(f"{kind.value.capitalize()} {count(found.matched, 'job')}", lambda: asked.submit(True), style)
    key = str(uuid7())  # one for the dialog: pressing twice begins it once
    while await asked:
        reason.refuse("" if reason.value.strip() else "Say why.")
        if not reason.value.strip():
            continue
        ordered = await tab.act(
            lambda caller: tab.here.bulk_actions.start(caller, _request(kind, wanted, reason, pace, first), key)
        )
        if ordered:
            asked.delete()
            tab.go(f"{ROOT}/bulk-actions/{ordered.action.id}")
            return True
    asked.delete()
    return False


def _preview(found: BulkPreview) -> None:
    with box("dl", "facts"):
        for name, words in (
            ("By status", ", ".join(f"{number:,} {status}" for status, number in found.by_status.items())),
            ("By type", ", ".join(f"{number:,} {said(kind)}" for kind, number in found.by_type.items())),
            ("Tenants", f"{found.tenant_count:,}: {', '.join(found.tenants[:5])}" if found.tenants else ""),
        ):
            if words:
                text("dt", name)
                text("dd", words)
        if found.oldest:
            text("dt", "Oldest")
            with box("dd"):
                Moment(found.oldest)
    if found.excluded_payments:
        words = f"{count(found.excluded_payments, 'payment')} left out: name type:payment_processing to include them."
        text("p", words, "notice")


def _canary(kind: BulkKind, canary: int | None) -> Choice | None:
    if kind is not BulkKind.RETRY:
        return None
    options = {"no": "all at once", "1": "one first", "10": "ten first", str(LARGEST_CANARY): f"{LARGEST_CANARY} first"}
    return Choice(
        "Canary", options, value=str(canary or "no"), help="goes on only when at least half of these complete in 10 min"
    )


def _request(kind: BulkKind, wanted: BulkFilter, reason: Field, pace: Field, first: Choice | None) -> BulkRequest:
    said_so = {"action": kind, "filter": wanted, "reason": reason.value or None, "per_second": _whole(pace.value)}
    if first is not None and first.value != "no":
        said_so["canary"] = int(first.value)
    return BulkRequest.model_validate(said_so)


def _whole(value: str) -> int | str:
    return int(value) if value.isdecimal() else value
