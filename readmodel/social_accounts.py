"""Social accounts: what tenants sign in with on social platforms.

A secret is kept sealed and opened for a step that posts; it is shown to nobody again and never logged.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, delete, func, select, update

from contracts.audit import AuditAction, Author, Deed
from contracts.errors import NotFound
from contracts.social_ports import AccountState, SocialAccount
from contracts.syndications import USUAL_ACCOUNT, Platform
from readmodel.audit import record
from readmodel.columns import utc_now
from readmodel.database import Database
from readmodel.rows import insert_into
from readmodel.tables import SocialAccountRow

_ACCOUNT = SocialAccountRow.__table__
_PLACE = ("tenant_id", "platform", "name")


@dataclass(frozen=True)
class KeptAccount:
    """An account as it may be shown, without its secret."""

    tenant_id: str
    platform: str
    name: str
    server: str
    handle: str | None
    state: AccountState
    last_error: str | None
    created_at: datetime
    updated_at: datetime
    updated_by: str


class SocialAccountBook:
    """A `SocialAccounts` over the read model, and what its owners do with them.

    Every method raises `Unavailable` when the database did not answer.
    """

    def __init__(self, database: Database, clock: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._clock = clock

    # -- for steps ------------------------------------------------------------------------------------------------

    async def find(self, tenant_id: str, platform: Platform, name: str | None) -> SocialAccount:
        """Return an account with its secret; see `contracts.social_ports.SocialAccounts`."""
        query = select(_ACCOUNT).where(*_own(tenant_id, platform, name))
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).all()
        row = next((row for row in rows if row.name == USUAL_ACCOUNT), rows[0] if len(rows) == 1 else None)
        if row is None:
            raise NotFound(missing(platform, name, several=len(rows) > 1))
        return SocialAccount(
            tenant_id=tenant_id,
            platform=Platform(row.platform),
            name=row.name,
            server=row.server,
            handle=row.handle,
            secret=await self._database.vault.open(tenant_id, _place(tenant_id, row.platform, row.name), row.secret),
            rejected=row.state == AccountState.REJECTED,
        )

    async def note(self, account: SocialAccount, problem: str | None) -> None:
        """Note how the platform takes the account; see `contracts.social_ports.SocialAccounts`."""
        own = _own(account.tenant_id, account.platform, account.name)
        async with self._database.read() as connection:
            sealed = await connection.scalar(select(SocialAccountRow.secret).where(*own))
        place = _place(account.tenant_id, account.platform, account.name)
        if sealed is None or await self._database.vault.open(account.tenant_id, place, sealed) != account.secret:
            return
        state = AccountState.ACTIVE if problem is None else AccountState.REJECTED
        change = update(SocialAccountRow).where(*own, SocialAccountRow.secret == sealed)
        async with self._database.write() as connection:
            await connection.execute(change.values(state=state.value, last_error=problem))

    # -- for their owners -----------------------------------------------------------------------------------------

    async def names(self, tenant_id: str) -> Sequence[tuple[str, str]]:
        """Return (platform, name) of all accounts of a tenant."""
        query = select(SocialAccountRow.platform, SocialAccountRow.name).where(SocialAccountRow.tenant_id == tenant_id)
        async with self._database.read() as connection:
            return [(row.platform, row.name) for row in await connection.execute(query)]

    async def list(self, tenant_id: str) -> Sequence[KeptAccount]:
        """Return the accounts of a tenant, by platform and name."""
        query = select(_ACCOUNT).where(SocialAccountRow.tenant_id == tenant_id)
        query = query.order_by(SocialAccountRow.platform, SocialAccountRow.name)
        async with self._database.read() as connection:
            return [_kept(row) for row in await connection.execute(query)]

    async def put(self, account: SocialAccount, most: int, by: Author) -> KeptAccount | None:
        """Keep an account, in the place of one of the same name, and return it; None when there are `most` others.

        Again changes nothing but its times; it counts as not refused.
        """
        place = (account.tenant_id, account.platform.value, account.name)
        now, sealer = self._clock(), await self._database.vault.sealer([account.tenant_id])
        values = {
            **dict(zip(_PLACE, place, strict=True)),
            "server": account.server,
            "handle": account.handle,
            "secret": sealer.seal(account.tenant_id, _place(*place), account.secret),
            "state": AccountState.ACTIVE.value,
            "last_error": None,
            "created_at": now,
            "updated_at": now,
            "updated_by": by.actor,
        }
        theirs = select(func.count()).where(SocialAccountRow.tenant_id == account.tenant_id)
        async with self._database.write() as connection:
            others = theirs.where(~_is(*place))
            if (await connection.scalar(others) or 0) >= most:
                return None
            insert = insert_into(connection, SocialAccountRow)
            newer = {name: insert.excluded[name] for name in values if name not in {*_PLACE, "created_at"}}
            await connection.execute(insert.on_conflict_do_update(index_elements=list(_PLACE), set_=newer), values)
            kept = _kept((await connection.execute(select(_ACCOUNT).where(_is(*place)))).one())
            await record(connection, [_deed(by, AuditAction.ACCOUNT_PUT, kept)])
        return kept

    async def delete(self, tenant_id: str, platform: Platform, name: str, by: Author) -> bool:
        """Forget an account; False when there is none."""
        removing = delete(SocialAccountRow).where(_is(tenant_id, platform.value, name)).returning(_ACCOUNT)
        async with self._database.write() as connection:
            row = (await connection.execute(removing)).one_or_none()
            if row is not None:
                await record(connection, [_deed(by, AuditAction.ACCOUNT_DELETE, _kept(row))])
        return row is not None


def missing(platform: str, name: str | None, *, several: bool) -> str:
    """Return the words for an account that is not there, or that cannot be chosen."""
    if several:
        return f"there are several accounts for {platform} and none named '{USUAL_ACCOUNT}'; say which, by accounts"
    called = name or USUAL_ACCOUNT
    return f"there is no account '{called}' for {platform}; give it by PUT /v1/social-accounts/{platform}/{called}"


def _own(tenant_id: str, platform: str, name: str | None) -> list[ColumnElement[bool]]:
    own = [SocialAccountRow.tenant_id == tenant_id, SocialAccountRow.platform == str(platform)]
    return own if name is None else [*own, SocialAccountRow.name == name]


def _is(tenant_id: str, platform: str, name: str) -> ColumnElement[bool]:
    row = SocialAccountRow
    return (row.tenant_id == tenant_id) & (row.platform == platform) & (row.name == name)


def _place(tenant_id: str, platform: str, name: str) -> str:
    return f"secret of {tenant_id}/{platform}/{name}"


def _kept(row: Row[Any]) -> KeptAccount:
    values = {key: value for key, value in row._mapping.items() if key != "secret"}
    return KeptAccount(**{**values, "state": AccountState(row.state)})


def _deed(by: Author, action: AuditAction, account: KeptAccount) -> Deed:
    subject = f"{account.platform}/{account.name}"
    return Deed(by, action, subject, account.tenant_id, after={"server": account.server, "handle": account.handle})
