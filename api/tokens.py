"""Tokens of the platform's own sign-in: Payload's HS256 JWTs, as callers.

A token is believed until it expires; a user who is signed out or changed there before that is not known here.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import jwt

from api.identity import NOT_VALID, ROLES, Caller
from contracts.errors import Forbidden, Unauthorized
from contracts.values import PLATFORM, TENANT_PATTERN

COLLECTION = "users"
PLATFORM_ROLES = frozenset({"super_admin", "platform_admin"})
"""Of the claim `globalRole`: whose holders see all tenants."""
TENANT_ROLES: Mapping[str, str] = {**{role: role for role in ROLES}, "tenant_admin": "admin"}
"""Of the claim `role`: our roles by their own names, and the platform's own; any other is a viewer."""
_USER = re.compile(r"[A-Za-z0-9_-]{1,64}")


class PayloadTokens:
    """Turns a token into a caller.

    secret: Payload's own; it signs with the first 32 characters of the secret's SHA-256 in hexadecimal
    """

    def __init__(self, secret: str) -> None:
        self._key = hashlib.sha256(secret.encode()).hexdigest()[:32]

    def caller(self, token: str) -> Caller | None:
        """Return who holds the token, a user of one tenant or of the platform; None for what has no token's form.

        Raises:
            Unauthorized: It is not one of Payload's users, expired, or without an expiry.
            Forbidden: The user belongs to no tenant.
        """
        if token.count(".") != 2:  # no key of ours has a dot
            return None
        try:
            claims = jwt.decode(token, self._key, algorithms=["HS256"], options={"require": ["exp"]})
        except jwt.InvalidTokenError:
            raise Unauthorized(NOT_VALID) from None
        user = str(claims.get("id", ""))
        if claims.get("collection") != COLLECTION or not _USER.fullmatch(user):
            raise Unauthorized(NOT_VALID)
        role, tenant_id = _standing(claims)
        return Caller(f"user:{user}", role, tenant_id, expires_at=datetime.fromtimestamp(claims["exp"], UTC))


def reader_of(secret: str | None) -> Callable[[str], Caller | None]:
    """Return what reads tokens signed with this secret; without one, what knows none."""
    return PayloadTokens(secret).caller if secret else lambda _: None


def _standing(claims: Mapping[str, Any]) -> tuple[str, str]:
    """Return role and tenant. Any: claims are whatever the platform puts there."""
    if claims.get("globalRole") in PLATFORM_ROLES:
        return "admin", PLATFORM
    tenant = claims.get("tenant")
    named = tenant.get("id") if isinstance(tenant, Mapping) else tenant
    if isinstance(named, bool) or not isinstance(named, str | int) or not re.fullmatch(TENANT_PATTERN, str(named)):
        msg = "this user belongs to no tenant"
        raise Forbidden(msg)
    role = claims.get("role")
    return TENANT_ROLES.get(role, "viewer") if isinstance(role, str) else "viewer", str(named)
