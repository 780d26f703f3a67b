"""Keys replaced without locking anybody out, and when each was last used."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.endpoints.test_jobs import new_key
from tests.fixtures_queue import ADMIN_KEY, Api


async def made(api: Api, **more: Any) -> dict[str, Any]:
    async with api.with_key(ADMIN_KEY) as platform:
        body = {"tenantId": "acme", "role": "operator", "name": "script", **more}
        answer = await platform.post("/v1/keys", json=body)
    assert answer.status_code == 201
    return dict(answer.json())


async def works(api: Api, secret: str) -> bool:
    async with api.with_key(secret) as http:
        return (await http.get("/v1/jobs")).status_code == 200


async def test_a_replaced_key_and_the_new_one_both_work_for_the_overlap(api: Api) -> None:
    old = await made(api, jobTypes=["photo_processing"])

    answer = await api.http.post(f"/v1/keys/{old['id']}/rotate", json={"overlapSeconds": 3600})

    new = answer.json()
    assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store")
    assert new["id"] != old["id"]
    assert {name: new[name] for name in ("tenantId", "role", "name", "jobTypes")} == {
        name: old[name] for name in ("tenantId", "role", "name", "jobTypes")
    }
    assert (await works(api, old["key"]), await works(api, new["key"])) == (True, True)
    listed = {key["id"]: key for key in (await api.http.get("/v1/keys")).json()["items"]}
    ends = datetime.fromisoformat(listed[old["id"]]["expiresAt"]) - datetime.now(UTC)
    assert timedelta(minutes=55) < ends <= timedelta(hours=1)


async def test_without_overlap_the_old_key_ends_at_once(api: Api) -> None:
    old = await made(api)
    assert await works(api, old["key"])

    new = (await api.http.post(f"/v1/keys/{old['id']}/rotate", json={"overlapSeconds": 0})).json()

    assert (await works(api, old["key"]), await works(api, new["key"])) == (False, True)


async def test_a_key_that_would_end_before_the_overlap_still_does(api: Api) -> None:
    soon = (datetime.now(UTC) + timedelta(minutes=5)).isoformat()
    old = await made(api, expiresAt=soon)

    new = (await api.http.post(f"/v1/keys/{old['id']}/rotate")).json()

    listed = {key["id"]: key for key in (await api.http.get("/v1/keys")).json()["items"]}
    assert listed[old["id"]]["expiresAt"] == old["expiresAt"] == new["expiresAt"]


async def test_nobody_replaces_a_key_that_is_not_theirs_or_not_in_force(api: Api) -> None:
    old = await made(api)
    async with api.with_key(await new_key(api, "other", "admin")) as theirs:
        foreign = await theirs.post(f"/v1/keys/{old['id']}/rotate")
    async with api.with_key(await new_key(api, "acme", "operator")) as operator:
        refused = await operator.post(f"/v1/keys/{old['id']}/rotate")
    await api.http.delete(f"/v1/keys/{old['id']}")
    revoked = await api.http.post(f"/v1/keys/{old['id']}/rotate")

    assert (foreign.status_code, refused.status_code, revoked.status_code) == (404, 403, 404)


async def test_the_last_use_of_a_key_is_noted(api: Api) -> None:
    key = await made(api)
    before = (await api.http.get("/v1/keys")).json()["items"][0]["lastUsedAt"]

    await works(api, key["key"])

    after = (await api.http.get("/v1/keys")).json()["items"][0]["lastUsedAt"]
    assert before is None
    assert datetime.now(UTC) - datetime.fromisoformat(after) < timedelta(minutes=1)
