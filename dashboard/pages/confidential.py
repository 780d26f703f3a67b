"""Payloads and results: hidden until somebody says why they must be seen."""

from collections.abc import Awaitable, Callable
from typing import Any

from nicegui.element import Element

from api.identity import Caller, Right
from contracts.audit import AuditAction
from contracts.values import job_type_of, tenant_of
from dashboard.frame import box, button, card, text
from dashboard.parts.dialog import dialog
from dashboard.parts.fields import Field
from dashboard.tab import Tab
from dashboard.words import pretty
from temporal.registry import find_job_type

LARGEST_SHOWN = 200_000
"""Characters; more is read by the API."""
LONGEST_REASON = 500

Read = Callable[[Caller], Awaitable[Any]]
"""Reads what is hidden. Any: JSON."""


def in_confidence(tab: Tab, title: str, name: str, read: Read) -> Element:
    """Make a card that shows what `read` gives after a reason was given; who looked, and why, is in the audit log."""
    with card(title) as made:
        inside = box(style="stack")
    with inside:
        if tab.may(Right.PAYLOADS_READ):
            with box(style="row-line"):
                button("Reveal", lambda: _ask(tab, title, name, read, inside), "small", symbol="visibility")
                text("span", "may hold personal data; you are asked why", "muted")
        else:
            text("p", "Your key may not read payloads and results (payloads:read).", "muted")
    return made


async def _ask(tab: Tab, title: str, name: str, read: Read, inside: Element) -> None:
    with inside, dialog(f"Reveal the {title.lower()}") as asked:
        text("p", "It may hold personal data. Your reason is kept in the audit log, with your key.", "muted")
        reason = Field("Reason", required=True)
        with box(style="end"):
            button("Cancel", lambda: asked.submit(False))
            button("Reveal", lambda: asked.submit(True), "primary")
    while await asked:
        if why := reason.value.strip()[:LONGEST_REASON]:
            await _reveal(tab, title, name, read, inside, why)
            break
        reason.refuse("Say why.")
    asked.delete()


async def _reveal(tab: Tab, title: str, name: str, read: Read, inside: Element, why: str) -> None:
    async def looked(caller: Caller) -> tuple[Any]:
        caller.must(Right.PAYLOADS_READ)
        value = await read(caller)
        said = {"part": title.lower(), "reason": why}
        job_id = name if find_job_type(job_type_of(name)) else None
        await tab.here.trail.note(caller, AuditAction.PAYLOAD_REVEAL, name, tenant_of(name), job_id=job_id, after=said)
        return (value,)

    found = await tab.act(looked)
    if found is None:
        return
    words = pretty(found[0])
    inside.clear()
    with inside:
        if len(words) > LARGEST_SHOWN:
            text("p", f"Shown are the first {LARGEST_SHOWN:,} of {len(words):,} characters.", "notice")
        text("pre", words[:LARGEST_SHOWN], "data").props("tabindex=0")
