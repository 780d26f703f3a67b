"""Keys: who may call the API and sign in here; made, listed, revoked."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from fastapi import Response
from nicegui.element import Element

from api.identity import ROLES, Caller
from api.routes import keys as routes
from contracts.values import PLATFORM
from dashboard.frame import box, button, head, text
from dashboard.pages.paged import ROWS, PagedTable
from dashboard.parts.dialog import dialog
from dashboard.parts.fields import Choice, Field
from dashboard.parts.secret import show_once
from dashboard.parts.table import Column, Empty, Row
from dashboard.tab import Tab
from dashboard.words import said

COLUMNS = (
    Column("key", "Key", "link"),
    Column("tenant", "Tenant"),
    Column("role", "Role"),
    Column("types", "Job types", style="wide"),
    Column("made", "Made", "time"),
    Column("ends", "Ends", "time"),
    Column("do", "", "actions"),
)
ENDS = {"": "never", "1": "in a day", "30": "in 30 days", "90": "in 90 days", "365": "in a year"}


async def build(tab: Tab) -> None:
    """Make the page."""
    with head("Keys", "only their hashes are kept"):
        new = box()
    place = box()

    async def load(caller: Caller, cursor: str | None) -> tuple[Sequence[Row], str | None]:
        page = await routes.list_keys(tab.here, caller, ROWS, cursor)
        return [_row(key) for key in page.items], page.next_cursor

    async def act(key_id: str, _: str) -> None:
        with dialog("Revoke this key?") as asked:
            text("p", f"{key_id} is refused everywhere within seconds, and its sessions end.", "muted")
            with box(style="end"):
                button("Keep it", lambda: asked.submit(False))
                button("Revoke", lambda: asked.submit(True), "danger")
        if await asked:
            await tab.act(lambda caller: routes.revoke(key_id, tab.here, caller), "")
            await table.show()
        asked.delete()

    empty = Empty("No keys yet", "Make one for each program and person, with no more rights than they need.")
    table: PagedTable = PagedTable(tab, "Keys", COLUMNS, empty, load, act)
    with new:
        button("New key", lambda: _make(tab, table, place), "primary", symbol="add")
    await table.begin(every=10.0)


async def _make(tab: Tab, table: PagedTable, place: Element) -> None:
    platform = tab.caller.sees is None
    with dialog("New key") as asked:
        name = Field("Name", required=True, help="what or who uses it")
        with box(style="fields"):
            tenant = Field(
                "Tenant", value=tab.caller.sees or "", help="* for the platform" if platform else "", required=True
            )
            role = Choice("Role", {each: each for each in ROLES})
            end = Choice("Ends", ENDS)
        with box(style="end"):
            button("Cancel", lambda: asked.submit(False))
            button("Make it", lambda: asked.submit(True), "primary")
    while await asked:
        ends_at = datetime.now(UTC) + timedelta(days=int(end.value)) if end.value else None
        said_so = {"tenantId": tenant.value.strip(), "role": role.value, "name": name.value, "expiresAt": ends_at}
        made = await tab.act(
            lambda caller, said_so=said_so: routes.make(  # type: ignore[misc]  # bound now, called at once
                routes.KeyRequest.model_validate(said_so), tab.here, caller, Response()
            )
        )
        if made:
            show_once(place, "Copy it now, it is shown this once:", made.key, what="key")
            await table.show()
            break
    asked.delete()


def _row(key: routes.KeyView) -> Row:
    wire = key.to_wire()
    return {
        "id": key.id,
        "key": {"text": key.name, "note": key.id},
        "tenant": "platform" if key.tenant_id == PLATFORM else key.tenant_id,
        "role": key.role,
        "types": ", ".join(map(said, key.job_types)) or "all",
        "made": wire["createdAt"],
        "ends": wire["expiresAt"],
        "do": [{"name": "revoke", "label": "Revoke", "class": "danger"}],
    }
