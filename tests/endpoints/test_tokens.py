"""Tokens of the platform's own sign-in: believed when they are Payload's, and only as far as they reach."""

import hashlib
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import jwt
import pytest

from readmodel.database import Database
from tests.endpoints.test_jobs import batch
from tests.fixtures_queue import Api, RunApi

SECRET = "the-platform's-own-secret"
USER = {"id": 7, "collection": "users", "email": "person@shop.example", "tenant": "acme", "role": "submitter"}


@pytest.fixture
async def signed_in(run_api: RunApi, tmp_path: Any) -> AsyncIterator[Api]:
    """The API of a platform that signs its users in."""
    await Database(f"sqlite:///{tmp_path / 'spaces.db'}").migrate()
    async with run_api(payload_secret=SECRET) as api:
        yield api


def token(secret: str = SECRET, algorithm: str = "HS256", lasts: float | None = 60, **claims: Any) -> str:
    """Return a token as Payload signs it: with the first half of its secret's SHA-256, in hexadecimal."""
    key = hashlib.sha256(secret.encode()).hexdigest()[:32]
    expiry = {} if lasts is None else {"exp": int(time.time() + lasts)}
    return jwt.encode({**USER, **expiry, **claims}, key, algorithm=algorithm)


async def asked(
    api: Api, bearer: str, path: str = "/v1/jobs", scheme: str = "Bearer", **headers: str
) -> httpx.Response:
    async with httpx.AsyncClient(timeout=30, base_url=api.url) as http:
        return await http.get(path, headers={"Authorization": f"{scheme} {bearer}", **headers})


@pytest.mark.parametrize("scheme", ["Bearer", "JWT"])
async def test_a_user_of_the_platform_sees_the_own_shop_only(signed_in: Api, scheme: str) -> None:
    job = (await signed_in.http.post("/v1/jobs", json=await batch(signed_in, "one"))).json()

    own = await asked(signed_in, token(), f"/v1/jobs/{job['id']}", scheme)
    foreign = await asked(signed_in, token(tenant="bolt"), f"/v1/jobs/{job['id']}", scheme)
    other = await asked(signed_in, token(), scheme=scheme, **{"X-Tenant-Id": "bolt"})

    assert (own.status_code, foreign.status_code, other.status_code) == (200, 404, 403)


async def test_what_a_user_does_names_the_user_and_nothing_personal(signed_in: Api) -> None:
    async with signed_in.with_key(token()) as user:
        job = (await user.post("/v1/jobs", json=await batch(signed_in, "one"))).json()
    events = (await signed_in.http.get(f"/v1/jobs/{job['id']}/events")).json()["items"]

    assert events[0]["actor"] == "user:7"
    assert "person@shop.example" not in str(events)


@pytest.mark.parametrize(
    ("claims", "right", "status"),
    [
        ({"role": "viewer"}, "POST /v1/jobs", 403),
        ({"role": "something new"}, "POST /v1/jobs", 403),
        ({"role": "operator"}, "GET /v1/keys", 403),
        ({"role": "tenant_admin"}, "GET /v1/keys", 200),
        ({"role": "viewer", "globalRole": "super_admin"}, "GET /v1/keys", 200),
        ({"tenant": {"id": "acme", "name": "Acme"}}, "GET /v1/jobs", 200),
        ({"tenant": 12}, "GET /v1/jobs", 200),
        ({"tenant": None}, "GET /v1/jobs", 403),
        ({"tenant": "*"}, "GET /v1/jobs", 403),
        ({"tenant": True}, "GET /v1/jobs", 403),
    ],
)
async def test_a_users_claims_decide_the_role_and_the_shop(
    signed_in: Api, claims: dict[str, Any], right: str, status: int
) -> None:
    method, path = right.split()

    async with signed_in.with_key(token(**claims)) as user:
        answer = await user.request(method, path, json={} if method == "POST" else None)

    assert answer.status_code == status


@pytest.mark.parametrize(
    "bad",
    [
        token(secret="another platform's secret"),
        token(lasts=-1),
        token(lasts=None),
        token(collection="customers"),
        token(id="../admin"),
        token(algorithm="HS512"),
        jwt.encode({**USER, "exp": int(time.time() + 60)}, "", algorithm="none"),
        "a.b.c",
    ],
    ids=["secret", "expired", "endless", "collection", "id", "algorithm", "unsigned", "no token"],
)
async def test_a_token_that_is_not_payloads_is_refused(signed_in: Api, bad: str) -> None:
    answer = await asked(signed_in, bad)

    assert (answer.status_code, answer.json()["detail"]) == (401, "this key is not valid")


async def test_without_the_platforms_secret_no_token_is_understood(api: Api) -> None:
    assert (await asked(api, token())).status_code == 401


async def test_keys_work_beside_tokens(signed_in: Api) -> None:
    assert (await signed_in.http.get("/v1/jobs")).status_code == 200
