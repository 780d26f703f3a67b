"""Flows over HTTP: what is refused and where it says so, who may see what, and that nothing is made by halves."""

from typing import Any

import pytest

from contracts.audit import Author
from contracts.limits import TenantLimits
from readmodel.database import Database
from tests.endpoints.test_jobs import PROBLEM, new_key, upload
from tests.fixtures_queue import ADMIN_KEY, Api

URL = {"photos": [{"url": "https://shop.example/a.png"}]}


def a_job(ref: str, *depends_on: str, **more: Any) -> dict[str, Any]:
    return {"ref": ref, "jobType": "photo_processing", "payload": URL, "dependsOn": depends_on} | more


def body(*jobs: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": "cards", "jobs": jobs or (a_job("cut"), a_job("print", "cut"))} | more


async def listed(api: Api) -> tuple[int, int]:
    """Return how many flows and jobs there are."""
    flows, jobs = [(await api.http.get(f"/v1/{what}")).json()["items"] for what in ("flows", "jobs")]
    return len(flows), len(jobs)


async def test_a_flow_is_answered_with_the_ids_of_its_jobs(api: Api) -> None:
    answer = await api.http.post("/v1/flows", json=body(), headers={"Idempotency-Key": "k-1"})
    flow = (await api.http.get(answer.headers["location"])).json()

    assert answer.status_code == 202
    assert answer.headers["location"] == "/v1/flows/acme:flow:k-1"
    assert answer.json() == {
        "id": "acme:flow:k-1",
        "name": "cards",
        "tenantId": "acme",
        "createdAt": flow["createdAt"],
        "jobs": {"cut": "acme:photo_processing:k-1.cut", "print": "acme:photo_processing:k-1.print"},
    }
    assert (flow["status"], flow["endedAt"], flow["counts"]) == ("pending", None, {"pending": 2})
    assert flow["progress"] == {"done": 0, "total": 2, "unit": "job", "message": ""}
    assert flow["edges"] == [{"from": "cut", "to": "print"}]
    assert [(job["ref"], job["dependsOn"], job["status"]) for job in flow["jobs"]] == [
        ("cut", [], "pending"),
        ("print", ["cut"], "pending"),
    ]


async def test_the_same_key_and_body_give_the_first_flow_again(api: Api) -> None:
    headers = {"Idempotency-Key": "k-1"}

    first = await api.http.post("/v1/flows", json=body(), headers=headers)
    again = await api.http.post("/v1/flows", json=body(), headers=headers)
    other = await api.http.post("/v1/flows", json=body(name="other"), headers=headers)

    assert (first.status_code, again.status_code, other.status_code) == (202, 202, 422)
    assert again.json() == first.json()
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert await listed(api) == (1, 2)


@pytest.mark.parametrize(
    ("change", "path", "words"),
    [
        ({"jobs": []}, "jobs", "at least 1 is needed"),
        ({"jobs": [a_job(f"j{n}") for n in range(201)]}, "jobs", "at most 200"),
        ({"name": ""}, "name", "at least 1"),
        ({"jobs": [a_job("a.b")]}, "jobs.0.ref", "pattern"),
        ({"jobs": [a_job("a"), a_job("b"), a_job("a")]}, "jobs.2.ref", "the ref 'a' is used twice"),
        ({"jobs": [a_job("a"), a_job("b", "a", "c")]}, "jobs.1.dependsOn.1", "no job 'c' in this flow"),
        ({"jobs": [a_job("cut", "print"), a_job("print", "cut")]}, "jobs", "cut → print → cut"),
        ({"jobs": [a_job("a"), a_job("b", jobType="sculpture")]}, "jobs.1.jobType", "no job type 'sculpture'"),
        ({"jobs": [a_job("a"), a_job("b"), a_job("c", payload={"photos": []})]}, "jobs.2.payload.photos", "at least 1"),
        ({"jobs": [a_job("a", payload=URL | {"x": 1})]}, "jobs.0.payload.x", "not permitted"),
        ({"jobs": [a_job("a", payload=URL | {"description": "{{b.result.c}}"})]}, "jobs.0.payload", "no job 'b'"),
        ({"jobs": [a_job("a", runAt="2027-01-01T00:00:00Z", delaySeconds=5)]}, "jobs.0", "not both"),
        ({"jobs": [a_job("a", maxAttempts=0)]}, "jobs.0.maxAttempts", "greater than or equal to 1"),
        ({"jobs": [a_job("a", tenantId="other")]}, "jobs.0.tenantId", "not permitted"),
        (
            {"jobs": [a_job("a", tags=[f"t{n}" for n in range(15)])], "tags": [f"f{n}" for n in range(15)]},
            "jobs.0.tags",
            "at most 20 are allowed, 30 were given",
        ),
        (
            {"jobs": [a_job("a", payload={"photos": [{"uploadId": "0" * 64}]})]},
            "jobs.0.payload.photos.0.uploadId",
            "no",
        ),
    ],
)
async def test_a_flow_with_a_fault_is_refused_as_a_whole(
    api: Api, change: dict[str, Any], path: str, words: str
) -> None:
    answer = await api.http.post("/v1/flows", json=body() | change)

    assert answer.status_code == 422
    assert answer.headers["content-type"] == PROBLEM
    (error,) = answer.json()["errors"]
    assert error["path"] == path
    assert words in error["message"]
    assert await listed(api) == (0, 0)


async def test_all_faults_are_named_in_the_order_of_the_jobs(api: Api) -> None:
    wrong: dict[str, Any] = {"photos": []}
    jobs = [a_job("c", "b", payload=wrong), a_job("b", "a"), a_job("a", payload=wrong)]

    answer = await api.http.post("/v1/flows", json=body(*jobs))

    assert [error["path"] for error in answer.json()["errors"]] == ["jobs.0.payload.photos", "jobs.2.payload.photos"]


async def test_roles_and_tenants_are_those_of_jobs(api: Api) -> None:
    mine = (await api.http.post("/v1/flows", json=body())).json()
    async with (
        api.with_key(await new_key(api, "acme", "viewer")) as viewer,
        api.with_key(await new_key(api, "other", "operator")) as other,
        api.with_key(ADMIN_KEY) as platform,
    ):
        place = f"/v1/flows/{mine['id']}"
        seen = [await http.get(place) for http in (viewer, other, platform)]
        cancelled = [await http.post(f"{place}/cancel") for http in (viewer, other)]
        made = [await http.post("/v1/flows", json=body()) for http in (viewer, platform)]
        named = await other.post("/v1/flows", json=body(tenantId="acme"))
        theirs = (await other.get("/v1/flows")).json()["items"]
        unknown = await other.get("/v1/flows/acme:flow:none")

    assert [answer.status_code for answer in seen] == [200, 404, 200]
    assert [answer.status_code for answer in cancelled] == [403, 404]
    assert [answer.status_code for answer in made] == [403, 422]
    assert (named.status_code, theirs) == (403, [])
    assert unknown.json()["detail"].replace("none", mine["id"].split(":")[2]) == seen[1].json()["detail"]


async def test_a_key_for_other_job_types_makes_no_flow_of_these(api: Api) -> None:
    _, key = await api.services.keys.create("acme", "submitter", "migrations", job_types=["migration"])
    async with api.with_key(key) as http:
        answer = await http.post("/v1/flows", json=body())

    assert answer.status_code == 403
    assert await listed(api) == (0, 0)


async def test_a_flow_that_is_too_much_for_its_tenant_is_refused_as_a_whole(api: Api) -> None:
    await api.services.limits.put("acme", TenantLimits(submit_per_minute=3), Author("key:admin"))

    many = await api.http.post("/v1/flows", json=body(*(a_job(f"j{n}") for n in range(4))))

    assert many.status_code == 429
    assert "retry-after" in many.headers
    assert await listed(api) == (0, 0)


async def test_without_the_database_no_flow_is_accepted(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = await upload(api, "a")
    broken = Database("postgresql://nobody@127.0.0.1:1/none")
    monkeypatch.setattr(api.services.flows._flows, "_database", broken)

    answer = await api.http.post("/v1/flows", json=body(a_job("a", payload={"photos": [{"uploadId": kept}]})))

    assert answer.status_code == 503
    assert "retry-after" in answer.headers
    await broken.close()


async def test_a_broken_cursor_is_refused(api: Api) -> None:
    assert (await api.http.get("/v1/flows", params={"cursor": "nonsense"})).status_code == 422
