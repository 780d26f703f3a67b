"""Social accounts of a tenant: what its posts are made with, given, replaced and forgotten."""

from pydantic import TypeAdapter

from api.identity import Caller
from api.social_accounts import SocialAccountBody, SocialAccountView
from contracts.syndications import AccountName, Platform
from dashboard.frame import box, button, card, text
from dashboard.parts.dialog import dialog
from dashboard.parts.fields import Choice, Field
from dashboard.parts.table import Column, Empty, Row, Table
from dashboard.tab import Tab

COLUMNS = (
    Column("platform", "Platform"),
    Column("account", "Account", "mono"),
    Column("state", "State", "status"),
    Column("who", "Who", style="long"),
    Column("told", "Last refusal", style="long"),
    Column("by", "Given by", style="wide"),
    Column("at", "Given", "time"),
    Column("do", "", "actions"),
)
ACTIONS = [{"name": "replace", "label": "Replace"}, {"name": "forget", "label": "Forget"}]
EVERY_SECONDS = 10.0
_NAME = TypeAdapter[str](AccountName)


class SocialAccounts:
    """The card of a tenant's accounts. What they sign in with goes in here and never comes out."""

    def __init__(self, tab: Tab, tenant_id: str) -> None:
        self._tab = tab
        self._desk = tab.here.social_accounts
        self._tenant_id = tenant_id
        self._known: dict[str, SocialAccountView] = {}

    async def build(self) -> None:
        """Make the elements."""
        empty = Empty("No accounts yet", "social_syndication posts with them, on Mastodon and Bluesky.")
        with card("Social accounts", "what posts are made with", "flush"):
            self._table = Table("Social accounts", COLUMNS, empty, on_act=self._act)
            with box(style="pager"):
                text("span", "A job names one in accounts; else it is the one called default, or the only one.")
                button("Give an account", self._give, "small", symbol="add")
        await self._show()
        self._tab.keep(self._show, every=EVERY_SECONDS)

    async def _show(self) -> None:
        accounts = await self._desk.list(self._here(await self._tab.who()))
        self._known = {_id(account): account for account in accounts}
        self._table.show([_row(account) for account in accounts])

    def _here(self, caller: Caller) -> Caller:
        return caller.acting_for(self._tenant_id)

    async def _act(self, row: str, action: str) -> None:
        if account := self._known.get(row):
            await (self._ask("Replace this account", account) if action == "replace" else self._forget(account))

    async def _give(self) -> None:
        await self._ask("Give an account")

    async def _ask(self, title: str, known: SocialAccountView | None = None) -> None:
        platforms = [known.platform] if known else list(Platform)
        with dialog(title) as asked:
            with box(style="fields"):
                where = Choice("Platform", {each.value: each.value.title() for each in platforms})
                name = Field("Name", value=known.name if known else "default", required=True)
                server = Field(
                    "Server", value=known.server if known else "", help="https://host; not needed on Bluesky"
                )
                handle = Field("Handle", value=(known and known.handle) or "", help="needed on Bluesky")
            secret = Field("Access token or app password", kind="password", required=True, help="never shown again")
            with box(style="end"):
                button("Cancel", lambda: asked.submit(False))
                button("Keep it", lambda: asked.submit(True), "primary")
        while await asked:
            told = {"server": server.value.strip(), "handle": handle.value.strip(), "secret": secret.value}
            if await self._put(where.value, name.value.strip(), told):
                break
        asked.delete()

    async def _put(self, platform: str, name: str, told: dict[str, str]) -> bool:
        async def put(caller: Caller) -> SocialAccountView:
            body = SocialAccountBody.model_validate({field: words for field, words in told.items() if words})
            return await self._desk.put(self._here(caller), Platform(platform), _NAME.validate_python(name), body)

        kept = await self._tab.act(put, "The next post is made with it.")
        if kept:
            await self._show()
        return kept is not None

    async def _forget(self, account: SocialAccountView) -> None:
        with dialog("Forget this account?") as asked:
            where = account.platform.value.title()
            text("p", f"Posts with {account.name} on {where} are refused from now on.", "muted")
            with box(style="end"):
                button("Keep it", lambda: asked.submit(False))
                button("Forget", lambda: asked.submit(True), "danger")

        async def forget(caller: Caller) -> bool:
            await self._desk.delete(self._here(caller), account.platform, account.name)
            return True

        if await asked and await self._tab.act(forget):
            await self._show()
        asked.delete()


def _id(account: SocialAccountView) -> str:
    return f"{account.platform.value}/{account.name}"


def _row(account: SocialAccountView) -> Row:
    who = f"{account.handle} at {account.server}" if account.handle else account.server
    return {
        "id": _id(account),
        "platform": account.platform.value.title(),
        "account": account.name,
        "state": account.state.value,
        "who": who,
        "told": account.last_error or "",
        "by": account.updated_by,
        "at": account.to_wire()["updatedAt"],
        "do": ACTIONS,
    }
