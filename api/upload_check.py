"""Checks that what jobs name exists for their tenant: uploads, and accounts on social platforms.

Old uploads are put anew, see contracts/files.py.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime

from contracts.errors import InvalidInput, NotFound, Unavailable
from contracts.files import PUT_ANEW_AFTER
from contracts.jobs import JobPayload
from contracts.ports import BlobStore
from contracts.syndications import USUAL_ACCOUNT
from contracts.values import upload_key
from readmodel.social_accounts import SocialAccountBook
from readmodel.social_accounts import missing as no_account

CHECKS_AT_ONCE = 16
RENEWED_AT_ONCE = 4
"""Of one tenant: they may be large, and nobody waits for another's."""


class UploadCheck:
    """Looks uploads up in the object store, each once, and accounts in their book, each tenant's once."""

    def __init__(self, blobs: BlobStore, accounts: SocialAccountBook) -> None:
        self._blobs = blobs
        self._accounts = accounts
        self._renewing: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(RENEWED_AT_ONCE))

    async def check(self, tenant_id: str, payload: JobPayload, known: dict[str, bool] | None = None) -> None:
        """Pass only when every upload and account that the payload names exists.

        known: what was looked up before, by object key, and by `_account_key`

        Raises:
            InvalidInput: Some do not; the error names them.
            Unavailable: The object store did not answer.
        """
        known = {} if known is None else known
        await self.look_up([(tenant_id, payload)], known)
        uploads = list(payload.upload_ids())
        missing = tuple(
            (f"payload.{path}", f"no upload '{u}'") for path, u in uploads if not known[upload_key(tenant_id, u)]
        )
        if missing:
            msg = f"{len(missing)} of {len(uploads)} uploads do not exist: {missing[0][0]}: {missing[0][1]}"
            raise InvalidInput(msg, missing[:100])
        refused = tuple(
            (f"payload.{path}", no_account(platform, name, several=False))
            for path, platform, name in payload.social_accounts()
            if not known.get(_account_key(tenant_id, platform, name), True)
        )
        if refused:
            raise InvalidInput(f"{refused[0][0]}: {refused[0][1]}", refused)

    async def look_up(self, payloads: Sequence[tuple[str, JobPayload]], known: dict[str, bool]) -> None:
        """Find out which of the uploads and accounts exist that the tenants' payloads name; add to what is known.

        Without the database no account is looked up: a job is accepted, and its step says what is missing.

        Raises:
            Unavailable: The object store did not answer.
        """
        gate = asyncio.Semaphore(CHECKS_AT_ONCE)
        named = dict.fromkeys(
            upload_key(tenant_id, upload) for tenant_id, p in payloads for _, upload in p.upload_ids()
        )
        wanted = [key for key in named if key not in known]

        async def there(key: str) -> bool:
            async with gate:
                at = await self._blobs.put_at(key)
                if at is not None and at < datetime.now(UTC) - PUT_ANEW_AFTER:
                    await self._put_anew(key)
                return at is not None

        known |= zip(wanted, await asyncio.gather(*map(there, wanted)), strict=True)
        named_by = {tenant_id for tenant_id, payload in payloads if any(payload.social_accounts())}
        for tenant_id in sorted(named_by):
            with suppress(Unavailable):
                names = await self._accounts.names(tenant_id)
                for _, platform, name in (a for t, p in payloads if t == tenant_id for a in p.social_accounts()):
                    known[_account_key(tenant_id, platform, name)] = _chosen(names, platform, name)

    async def _put_anew(self, key: str) -> None:
        """Make an old upload young: it is kept as long as what was put today."""
        async with self._renewing[key.partition("/")[0]]:
            with suppress(NotFound):  # removed a moment ago: the job will say so
                await self._blobs.put(key, await self._blobs.get(key))


def _account_key(tenant_id: str, platform: str, name: str | None) -> str:
    return f"{tenant_id}/accounts/{platform}/{name or ''}"


def _chosen(names: Sequence[tuple[str, str]], platform: str, name: str | None) -> bool:
    """Tell whether there is an account to post with: the one that is named, else the usual one, else the only one."""
    if name is not None:
        return (platform, name) in names
    return (platform, USUAL_ACCOUNT) in names or sum(there == platform for there, _ in names) == 1
