"""Bulk actions over HTTP: what is refused, who may what, and what is only counted."""

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from contracts.jobs import JobFailure, JobStatus
from tests.endpoints.test_jobs import PROBLEM, new_key
from tests.fixtures_queue import ADMIN_KEY, Api
from tests.projections.samples import make_header, tell

LONG_AGO = datetime(2025, 11, 21, 12, tzinfo=UTC)
FAR_AHEAD = datetime(2100, 1, 1, tzinfo=UTC)
BROKEN = JobFailure(type="Unavailable", message="no answer", retryable=True)


async def add(api: Api, key: str, tenant_id: str = "acme", job_type: str = "photo_processing") -> str:
    """Record a dead job; there is nothing of it in Temporal."""
    header = make_header(key, tenant_id, job_type=job_type, created_at=LONG_AGO)
    dead = tell(header, 1, "dead", status=JobStatus.DEAD, error=BROKEN, header=header, payload={})
    await api.history.apply([dead])
    return header.id


def body(action: str = "retry", **more: Any) -> dict[str, Any]:
    return {"action": action, "filter": {"status": "dead"}, "reason": "the disk is back"} | more


@pytest.mark.parametrize(
    ("change", "path", "words"),
    [
        ({"filter": {}}, "filter", "name at least one condition"),
        ({"filter": {"status": None}}, "filter", "name at least one condition"),
        ({"filter": None}, "filter", "must be an object"),
        ({"filter": {"ids": []}}, "filter.ids", "at least 1 is needed"),
        ({"filter": {"status": "dead", "tag": []}}, "filter.tag", "at least 1 is needed"),
        ({"filter": {"q": ""}}, "filter.q", "at least 1"),
        ({"filter": {"ids": [f"i{n}" for n in range(1001)]}}, "filter.ids", "at most 1000"),
        ({"filter": {"state": "dead"}}, "filter.state", "not permitted"),
        ({"filter": {"status": "broken"}}, "filter.status.0", "pending"),
        ({"filter": {"createdAfter": "2026-11-22T08:00:00"}}, "filter.createdAfter", "time zone"),
        ({"filter": {"status": "completed"}}, "body", "dead, failed, cancelled"),
        ({"action": "delete"}, "action", "retry"),
        ({"reason": None}, "body", "reason is needed"),
        ({"reason": ""}, "reason", "at least 1"),
        ({"perSecond": 0}, "perSecond", "greater than or equal to 1"),
        ({"perSecond": 201}, "perSecond", "less than or equal to 200"),
        ({"perSecond": "5"}, "perSecond", "integer"),
        ({"canary": 0}, "canary", "greater than or equal to 1"),
        ({"action": "discard", "canary": 3}, "body", "go with retry"),
        ({"action": "discard", "from": "start"}, "body", "go with retry"),
        ({"from": "middle"}, "from", "failed_step"),
        ({"everything": True}, "everything", "not permitted"),
    ],
)
async def test_a_wrong_request_is_refused_with_its_field(
    api: Api, change: dict[str, Any], path: str, words: str
) -> None:
    answer = await api.http.post("/v1/bulk-actions", json=body() | change)

    assert answer.status_code == 422
    assert answer.headers["content-type"] == PROBLEM
    (error,) = answer.json()["errors"]
    assert error["path"] == path
    assert words in error["message"]


async def test_a_dry_run_counts_and_does_nothing(api: Api) -> None:
    photo = await add(api, "1")
    await add(api, "2", job_type="payment_processing")
    await add(api, "3", "other")

    answer = await api.http.post(
        "/v1/bulk-actions", json={"action": "retry", "filter": {"status": "dead"}, "dryRun": True}
    )

    assert answer.status_code == 200
    assert answer.json() == {
        "matched": 1,
        "tenants": ["acme"],
        "tenantCount": 1,
        "oldest": "2025-11-21T12:00:00.000Z",
        "payments": 0,
        "excludedPayments": 1,
        "byStatus": {"dead": 1},
        "byType": {"photo_processing": 1},
        "sampleJobIds": [photo],
    }
    assert (await api.http.get("/v1/bulk-actions")).json() == {"items": [], "nextCursor": None}


async def test_an_action_is_answered_with_its_place(api: Api) -> None:
    await add(api, "1")

    answer = await api.http.post("/v1/bulk-actions", json=body(filter={"jobType": ["photo_processing"], "q": "1"}))
    action = answer.json()
    looked_at = await api.http.get(answer.headers["location"])

    assert answer.status_code == 202
    assert answer.headers["location"] == f"/v1/bulk-actions/{action['id']}"
    assert action["id"].startswith("acme:bulk:")
    assert looked_at.json() == action
    assert (await api.http.get("/v1/bulk-actions")).json()["items"] == [action]
    assert {
        name: action[name] for name in ("filter", "status", "matched", "perSecond", "actor", "reason", "canary")
    } == {
        "filter": {"jobType": ["photo_processing"], "q": "1"},
        "status": "pending",
        "matched": 1,
        "perSecond": 20,
        "actor": "key:admin",
        "reason": "the disk is back",
        "canary": None,
    }


async def test_the_same_key_names_the_same_action(api: Api) -> None:
    headers = {"Idempotency-Key": "again"}
    await add(api, "1")

    first = await api.http.post("/v1/bulk-actions", json=body(), headers=headers)
    await add(api, "2")
    again = await api.http.post("/v1/bulk-actions", json=body(), headers=headers)
    other = await api.http.post("/v1/bulk-actions", json=body("discard"), headers=headers)
    counted = await api.http.post("/v1/bulk-actions", json=body("discard", dryRun=True), headers=headers)

    assert (first.status_code, again.status_code, other.status_code, counted.status_code) == (202, 202, 422, 200)
    assert first.json()["id"] == "acme:bulk:again"
    assert again.json() == first.json()
    assert again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers


async def test_a_key_forgotten_long_ago_still_names_no_other_action(api: Api) -> None:
    headers = {"Idempotency-Key": "old"}
    first = await api.http.post("/v1/bulk-actions", json=body(), headers=headers)
    await api.services.intake.forget_keys(FAR_AHEAD)

    again = await api.http.post("/v1/bulk-actions", json=body(), headers=headers)
    await api.services.intake.forget_keys(FAR_AHEAD)
    other = await api.http.post("/v1/bulk-actions", json=body(reason="another"), headers=headers)

    assert (again.status_code, again.json()["id"]) == (202, first.json()["id"])
    assert other.status_code == 422


async def test_roles_may_what_they_may_do_to_one_job(api: Api) -> None:
    answers: dict[str, list[int]] = {}

    for role in ("viewer", "submitter", "operator"):
        async with api.with_key(await new_key(api, "acme", role)) as http:
            posts = [
                await http.post("/v1/bulk-actions", json=body(action)) for action in ("cancel", "discard", "retry")
            ]
            action_id = (await api.http.post("/v1/bulk-actions", json=body("discard"))).json()["id"]
            posts.append(await http.get(f"/v1/bulk-actions/{action_id}"))
            posts.append(await http.post(f"/v1/bulk-actions/{action_id}/abort"))
            answers[role] = [answer.status_code for answer in posts]

    assert answers == {
        "viewer": [403, 403, 403, 200, 403],
        "submitter": [202, 403, 403, 200, 403],
        "operator": [202, 202, 202, 200, 202],
    }


async def test_a_tenants_key_acts_and_looks_in_its_tenant_only(api: Api) -> None:
    mine = await add(api, "1")
    await add(api, "1", "other")
    async with api.with_key(ADMIN_KEY) as platform, api.with_key(await new_key(api, "other", "operator")) as other:
        for_all = (await platform.post("/v1/bulk-actions", json=body("discard"))).json()
        own = (await other.post("/v1/bulk-actions", json=body("discard", filter={"ids": [mine]}))).json()
        named = await other.post("/v1/bulk-actions", json=body("discard", filter={"tenantId": "acme"}))
        looked = [await other.get(f"/v1/bulk-actions/{action['id']}") for action in (for_all, own)]
        aborted = await other.post(f"/v1/bulk-actions/{for_all['id']}/abort")
        listed = [action["id"] for action in (await other.get("/v1/bulk-actions")).json()["items"]]
        unknown = await platform.get("/v1/bulk-actions/other:bulk:nothing")
        seen = await platform.get(f"/v1/bulk-actions/{for_all['id']}")
    elsewhere = await api.http.post("/v1/bulk-actions", json=body("discard", filter={"tenantId": "other"}))

    assert (for_all["tenantId"], for_all["matched"]) == ("*", 2)
    assert (seen.status_code, seen.json()["id"]) == (200, for_all["id"])
    assert (own["tenantId"], own["matched"], named.status_code) == ("other", 0, 403)
    assert [answer.status_code for answer in (*looked, aborted)] == [404, 200, 404]
    assert listed == [own["id"]]
    assert unknown.json()["detail"] == "no bulk action 'other:bulk:nothing'"
    assert elsewhere.status_code == 422


async def test_a_key_for_some_job_types_cannot_name_another(api: Api) -> None:
    await add(api, "1")
    async with api.with_key(ADMIN_KEY) as platform:
        made = {"tenantId": "acme", "role": "operator", "name": "photos", "jobTypes": ["photo_processing"]}
        key = (await platform.post("/v1/keys", json=made)).json()["key"]
    async with api.with_key(key) as http:
        own = await http.post("/v1/bulk-actions", json=body(dryRun=True))
        named = await http.post("/v1/bulk-actions", json=body(filter={"jobType": "migration"}, dryRun=True))

    assert (own.status_code, own.json()["matched"]) == (200, 1)
    assert named.status_code == 403


async def test_a_broken_cursor_is_refused(api: Api) -> None:
    answer: httpx.Response = await api.http.get("/v1/bulk-actions", params={"cursor": "nonsense"})

    assert answer.status_code == 422
