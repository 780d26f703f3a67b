"""Sessions: who is signed in at a browser.

The browser holds a signed cookie with the key's id, never the key; every use of it looks the key up again, so a revoked
key ends its sessions within seconds.
"""

import secrets
from datetime import timedelta

from itsdangerous import BadSignature, URLSafeTimedSerializer
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from api.identity import NOT_VALID, Authenticator, Caller, act_for
from contracts.errors import RateLimited, Unauthorized

COOKIE = "spaces_session"
LIFE = timedelta(hours=12)
FAILURES_PER_MINUTE = 10
"""Wrong keys that one address may try, in one API process."""
MOST_ENDED = 10_000

TRY_AGAIN = timedelta(minutes=1)


class Sessions:
    """Begins, resolves and ends sessions.

    secret: signs the cookies; another one makes all sessions invalid
    """

    def __init__(self, secret: str, authenticator: Authenticator) -> None:
        self._signer = URLSafeTimedSerializer(secret, salt="dashboard-session")
        self._authenticator = authenticator
        self._ended: dict[str, None] = {}
        self._failures = MovingWindowRateLimiter(MemoryStorage())
        self._most = RateLimitItemPerMinute(FAILURES_PER_MINUTE)

    async def begin(self, secret: str, address: str) -> str:
        """Return the cookie's value for the holder of a key.

        Raises:
            Unauthorized: There is no such key.
            RateLimited: Too many wrong keys came from this address.
            Unavailable: The database does not answer.
        """
        if not self._failures.test(self._most, address):
            msg = "too many wrong keys from this address; try again in a minute"
            raise RateLimited(msg, TRY_AGAIN)
        try:
            caller = await self._authenticator.caller(secret.strip(), None)
        except Unauthorized:
            self._failures.hit(self._most, address)
            raise
        return self._signer.dumps({"key": caller.key_id, "id": secrets.token_urlsafe(16)})

    async def caller(self, cookie: str | None) -> Caller:
        """Return who is signed in, with the rights that the key has now; the task touches only what they see.

        Raises:
            Unauthorized: Nobody is, or not any more.
            Unavailable: The key is not known here and the database does not answer.
        """
        said = self._said(cookie)
        if said is None or said["id"] in self._ended:
            raise Unauthorized(NOT_VALID)
        return act_for(await self._authenticator.holder(said["key"]))

    def end(self, cookie: str | None) -> None:
        """Make the session invalid, also for who copied the cookie; in this process, until so many others ended."""
        if said := self._said(cookie):
            self._ended[said["id"]] = None
            if len(self._ended) > MOST_ENDED:
                del self._ended[next(iter(self._ended))]

    def _said(self, cookie: str | None) -> dict[str, str] | None:
        try:
            said: dict[str, str] = self._signer.loads(cookie or "", max_age=int(LIFE.total_seconds()))
        except BadSignature:
            return None
        return said
