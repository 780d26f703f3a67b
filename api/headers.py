"""Headers of answers."""

from contracts.quotas import Quota


def quota_headers(quota: Quota | None) -> dict[str, str]:
    """Return the headers that tell a limit and what is left of it; none for no limit.

    Structured fields after draft-ietf-httpapi-ratelimit-headers: `q` quota, `w` window, `r` remaining, `t` seconds
    until there is more.
    """
    if quota is None:
        return {}
    window = f";w={quota.window_seconds}" if quota.window_seconds else ""
    return {
        "RateLimit-Policy": f'"{quota.name}";q={quota.limit}{window}',
        "RateLimit": f'"{quota.name}";r={quota.remaining};t={quota.reset_seconds}',
    }
