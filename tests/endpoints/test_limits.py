"""Limits over real HTTP: who may decide them, what they refuse, and what they make of a tenant's jobs."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import update
from temporalio.client import Client

from contracts.limits import REFUSED_PER_MINUTE
from readmodel.abuse import AbuseRecord
from readmodel.database import Database
from readmodel.tables import SlowdownRow
from tests.endpoints.test_jobs import PROBLEM, batch, ended, new_key
from tests.fixtures_queue import ADMIN_KEY, Api, RunApi, RunWorker

JOB = {"jobType": "photo_processing", "payload": {"photos": [{"url": "https://photos.example/1.jpg"}]}}


async def limited(api: Api, tenant_id: str = "acme", **limits: object) -> None:
    answer = await api.http.put(f"/v1/tenants/{tenant_id}/limits", json=limits)
    assert answer.status_code == 200, answer.text


async def submitted(api: Api, key: str | None = None, **change: object) -> httpx.Response:
    return await api.http.post("/v1/jobs", json=JOB | change, headers={"Idempotency-Key": key} if key else {})


async def test_a_tenant_has_the_platforms_limits_until_others_are_decided(run_api: RunApi, api: Api) -> None:
    async with run_api(submit_per_minute=77, max_pending=8) as other:
        before = (await other.http.get("/v1/tenants/acme/limits")).json()
        changed = await other.http.put("/v1/tenants/acme/limits", json={"weight": 3, "maxPending": None})
        after = (await other.http.get("/v1/tenants/acme/limits")).json()

    assert before == {
        "tenantId": "acme",
        "submitPerMinute": 77,
        "maxPending": 8,
        "executePerMinute": {},
        "weight": 1.0,
        "dedicatedWorkers": None,
        "quietHours": None,
        "retentionDays": None,
        "retentionDaysByType": {},
        "aiTokensPerDay": None,
        "aiCostMicrosPerDay": None,
        "updatedAt": None,
        "updatedBy": None,
        "slowdown": None,
    }
    assert changed.json() == after
    assert (after["submitPerMinute"], after["maxPending"], after["weight"]) == (77, None, 3)
    assert after["updatedBy"] == "key:admin"
    assert datetime.now(UTC) - datetime.fromisoformat(after["updatedAt"]) < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"submitPerMinute": 0}, "submitPerMinute"),
        ({"submitPerMinute": "5"}, "submitPerMinute"),
        ({"maxPending": -1}, "maxPending"),
        ({"executePerMinute": {"photo_processing": 0}}, "executePerMinute.photo_processing"),
        ({"executePerMinute": {"sculpture": 5}}, "executePerMinute.sculpture"),
        ({"weight": 0.01}, "weight"),
        ({"weight": 11}, "weight"),
        ({"dedicatedWorkers": 2}, "dedicatedWorkers"),
        ({"quietHours": {"from": "25:00", "to": "06:00"}}, "quietHours.from"),
        ({"quietHours": {"from": "22:00", "to": "06:00", "timeZone": "Nowhere"}}, "quietHours.timeZone"),
        ({"retentionDays": 0}, "retentionDays"),
        ({"submitsPerMinute": 5}, "submitsPerMinute"),
    ],
)
async def test_limits_that_mean_nothing_are_refused_by_name(api: Api, change: dict[str, Any], path: str) -> None:
    answer = await api.http.put("/v1/tenants/acme/limits", json=change)

    assert (answer.status_code, answer.headers["content-type"]) == (422, PROBLEM)
    assert path in [error["path"] for error in answer.json()["errors"]]


async def test_dedicated_workers_are_refused_with_clear_words(api: Api) -> None:
    answer = await api.http.put("/v1/tenants/acme/limits", json={"dedicatedWorkers": 2})

    assert "dedicated workers are not available" in answer.json()["detail"]
    assert (await api.http.put("/v1/tenants/acme/limits", json={"dedicatedWorkers": None})).status_code == 200


async def test_what_was_read_can_be_put_back(api: Api) -> None:
    quiet = {"from": "22:00", "to": "06:00", "timeZone": "Europe/Berlin"}
    await limited(api, executePerMinute={"photo_processing": 30}, quietHours=quiet, retentionDays=90)
    read = (await api.http.get("/v1/tenants/acme/limits")).json()
    own = {name: read[name] for name in read if name not in {"tenantId", "updatedAt", "updatedBy", "slowdown"}}

    again = await api.http.put("/v1/tenants/acme/limits", json=own)

    assert (again.status_code, again.json() | {"updatedAt": 0}) == (200, read | {"updatedAt": 0})


@pytest.mark.parametrize(("role", "without_right"), [("viewer", 403), ("admin", 404)])
async def test_a_tenant_reads_its_own_limits_and_decides_none(api: Api, role: str, without_right: int) -> None:
    key = await new_key(api, "acme", role)

    async with api.with_key(key) as tenant:
        own = await tenant.get("/v1/tenants/acme/limits")
        usage = await tenant.get("/v1/tenants/acme/usage")
        refused = await tenant.put("/v1/tenants/acme/limits", json={"weight": 10})
        others = [
            await tenant.get("/v1/tenants/other/limits"),
            await tenant.get("/v1/tenants/other/usage"),
            await tenant.put("/v1/tenants/other/limits", json={"weight": 10}),
        ]

    assert (own.status_code, usage.status_code, refused.status_code) == (200, 200, 403)
    assert [answer.status_code for answer in others] == [404, 404, without_right]
    assert "no tenant 'other'" in others[0].json()["detail"]


async def test_a_platform_key_that_is_no_admin_decides_no_limits(api: Api) -> None:
    async with api.with_key(await new_key(api, "*", "operator")) as platform:
        read = await platform.get("/v1/tenants/acme/limits")
        refused = await platform.put("/v1/tenants/acme/limits", json={"weight": 10})

    assert (read.status_code, refused.status_code) == (200, 403)


async def test_submissions_over_the_limit_are_refused_and_told_when_to_come_again(api: Api) -> None:
    await limited(api, submitPerMinute=3)

    answers = [await submitted(api) for _ in range(4)]

    assert [answer.status_code for answer in answers] == [202, 202, 202, 429]
    assert [answer.headers["ratelimit"].split(";")[1] for answer in answers] == ["r=2", "r=1", "r=0", "r=0"]
    assert {answer.headers["ratelimit-policy"] for answer in answers} == {'"submit";q=3;w=60'}
    refused = answers[-1]
    assert refused.headers["content-type"] == PROBLEM
    assert 50 <= int(refused.headers["retry-after"]) <= 60
    assert refused.headers["ratelimit"] == f'"submit";r=0;t={refused.headers["retry-after"]}'
    assert "may submit 3 jobs a minute" in refused.json()["detail"]
    assert len((await api.http.get("/v1/jobs")).json()["items"]) == 3


async def test_submissions_at_once_are_held_to_the_limit_exactly(api: Api) -> None:
    await limited(api, submitPerMinute=5)

    answers = await asyncio.gather(*(submitted(api) for _ in range(20)))

    assert sorted(answer.status_code for answer in answers) == [202] * 5 + [429] * 15


async def test_a_repeated_request_costs_nothing_and_is_never_refused(api: Api) -> None:
    await limited(api, submitPerMinute=2)

    first = await submitted(api, "k-1")
    again = [await submitted(api, "k-1") for _ in range(5)]
    second = await submitted(api, "k-2")
    refused = await submitted(api, "k-3")
    late = await submitted(api, "k-1")

    assert [answer.status_code for answer in (first, *again, second, refused, late)] == [202] * 7 + [429, 202]
    assert late.json() == first.json()
    assert {answer.headers["idempotent-replayed"] for answer in (*again, late)} == {"true"}


async def test_one_tenants_limit_is_not_anothers_and_a_platform_key_is_held_to_the_tenant_it_names(api: Api) -> None:
    await limited(api, submitPerMinute=1)

    async with api.with_key(ADMIN_KEY) as platform:
        named = [await platform.post("/v1/jobs", json=JOB | {"tenantId": name}) for name in ("acme", "acme", "other")]

    assert [answer.status_code for answer in named] == [202, 429, 202]


async def test_too_many_waiting_jobs_refuse_new_ones_until_some_begin(api: Api, run_worker: RunWorker) -> None:
    await limited(api, maxPending=2)
    body = await batch(api, "one")
    jobs = [await api.http.post("/v1/jobs", json=body) for _ in range(2)]
    refused = await asyncio.gather(*(api.http.post("/v1/jobs", json=body) for _ in range(5)))

    async with run_worker(api.history):
        for job in jobs:
            await ended(api, job.json()["id"])
        async with asyncio.timeout(10):
            while (later := await api.http.post("/v1/jobs", json=body)).status_code == 429:
                await asyncio.sleep(0.1)

    assert {answer.status_code for answer in refused} == {429}
    assert "2 jobs of tenant 'acme' wait to begin" in refused[0].json()["detail"]
    assert "maxPending" in refused[0].json()["detail"]
    assert refused[0].headers["retry-after"] == "5"
    assert refused[0].headers["ratelimit-policy"] == '"pending";q=2'
    assert later.status_code == 202


async def test_waiting_jobs_at_once_are_held_to_the_limit(api: Api) -> None:
    await limited(api, maxPending=4)

    answers = await asyncio.gather(*(submitted(api) for _ in range(20)))

    assert sorted(answer.status_code for answer in answers) == [202] * 4 + [429] * 16


async def test_a_job_that_is_refused_for_another_reason_leaves_its_place_to_others(api: Api) -> None:
    await limited(api, maxPending=2, submitPerMinute=3)

    wrong = [await submitted(api, payload={"photos": [{"uploadId": "a" * 64}]}) for _ in range(5)]
    right = [await submitted(api) for _ in range(3)]

    assert {answer.status_code for answer in wrong} == {422}
    assert [answer.status_code for answer in right] == [202, 202, 429]


async def test_jobs_of_a_limited_type_start_in_turns(api: Api, client: Client) -> None:
    await limited(api, executePerMinute={"photo_processing": 6}, weight=2.5)

    first, second, third = [(await submitted(api)).json() for _ in range(3)]
    other = (await api.http.get(f"/v1/jobs/{third['id']}")).json()

    assert "slotAt" not in first or first["slotAt"] is None
    turns = [datetime.fromisoformat(job["slotAt"]) for job in (second, third)]
    assert turns[1] - turns[0] == timedelta(seconds=10)
    assert other["slotAt"] == third["slotAt"]
    described = await client.get_workflow_handle(third["id"]).describe()
    assert described.execution_time is not None
    assert abs(described.execution_time - turns[1]) < timedelta(seconds=1)
    started = (await client.get_workflow_handle(third["id"]).fetch_history()).events[0]
    assert started.workflow_execution_started_event_attributes.priority.fairness_weight == 2.5


async def test_a_low_priority_job_waits_for_the_end_of_the_quiet_hours(api: Api) -> None:
    now = datetime.now(UTC)
    begin, end = now - timedelta(minutes=5), (now + timedelta(hours=2)).replace(second=0, microsecond=0)
    await limited(api, quietHours={"from": f"{begin:%H:%M}", "to": f"{end:%H:%M}", "timeZone": "UTC"})

    low, normal = [(await submitted(api, priority=priority)).json() for priority in ("low", "normal")]

    assert datetime.fromisoformat(low["slotAt"]) == end
    assert normal["slotAt"] is None


async def test_without_a_database_a_job_takes_no_turn_and_keeps_its_weight(
    api: Api, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    await limited(api, executePerMinute={"photo_processing": 1}, weight=5)
    await submitted(api)
    nowhere = Database("postgresql+asyncpg://nobody@127.0.0.1:1/none")
    monkeypatch.setattr(api.services.intake, "_database", nowhere)  # as if the database went away this moment

    job = (await submitted(api)).json()

    started = (await client.get_workflow_handle(job["id"]).fetch_history()).events[0]
    assert "database" in job["notice"]
    assert job["slotAt"] is None
    assert started.workflow_execution_started_event_attributes.priority.fairness_weight == 5


async def test_a_tenant_that_is_refused_too_often_is_slowed_down_and_told_until_when(api: Api) -> None:
    await limited(api, submitPerMinute=8)
    unreadable = [await submitted(api, priority="urgent") for _ in range(50)]
    wrong = [await submitted(api, payload={}) for _ in range(REFUSED_PER_MINUTE - 49)]

    answers = [await submitted(api) for _ in range(3)]

    alerts = (await api.http.get("/v1/alerts", params={"kind": "tenant_slowed"})).json()["items"]
    limits = (await api.http.get("/v1/tenants/acme/limits")).json()
    assert {answer.status_code for answer in (*unreadable, *wrong)} == {422}
    assert [answer.status_code for answer in answers] == [202, 202, 429]
    assert "slowed down to 25%" in answers[-1].json()["detail"]
    assert limits["slowdown"]["until"] in answers[-1].json()["detail"]
    assert limits["submitPerMinute"] == 8, "what was decided stays"
    assert [(alert["tenantId"], alert["count"], alert["severity"]) for alert in alerts] == [("acme", 1, "warning")]
    assert (await api.http.get("/v1/tenants/other/limits", headers={"X-Tenant-Id": "other"})).json()["slowdown"] is None


async def test_a_slowdown_ends_by_itself_and_weighs_down_the_tenants_jobs(api: Api) -> None:
    now = datetime.now(UTC)
    await AbuseRecord(api.services.database).slow_down("acme", "it is a test", now)

    during = await submitted(api)
    async with api.services.database.write() as connection:
        await connection.execute(update(SlowdownRow).values(until=now))
    api.services.admission.standings.forget("acme")
    after = await submitted(api)

    assert during.headers["ratelimit-policy"] == '"submit";q=5000;w=60'
    assert after.headers["ratelimit-policy"] == '"submit";q=20000;w=60'


async def test_a_hundred_refusals_slow_nobody_down(api: Api) -> None:
    for _ in range(REFUSED_PER_MINUTE):
        await submitted(api, payload={})

    assert (await api.http.get("/v1/tenants/acme/limits")).json()["slowdown"] is None
    assert (await api.http.get("/v1/alerts")).json()["items"] == []


async def test_while_redis_does_not_answer_jobs_pass_and_readiness_says_so(
    run_api: RunApi, api: Api, silent_redis_url: str
) -> None:
    async with run_api(limits_url=silent_redis_url) as counted:
        await limited(counted, submitPerMinute=1)
        answers = [await submitted(counted) for _ in range(4)]
        ready = await counted.http.get("/readyz")

    assert [answer.status_code for answer in answers] == [202] * 4
    assert "ratelimit" not in answers[0].headers
    assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
    assert ready.json()["checks"]["limits"]["ok"] is False
    assert "let through" in ready.json()["checks"]["limits"]["message"]


async def test_usage_is_told_by_day_with_what_waits_now(api: Api, run_worker: RunWorker) -> None:
    body = await batch(api, "one")
    async with run_worker(api.history):
        for _ in range(2):
            await ended(api, (await api.http.post("/v1/jobs", json=body)).json()["id"])
    await submitted(api)
    api.services.admission.standings.forget("acme")

    usage = (await api.http.get("/v1/tenants/acme/usage")).json()
    nothing = (await api.http.get("/v1/tenants/acme/usage", params={"to": "2020-01-31", "from": "2020-01-01"})).json()
    wrong = await api.http.get("/v1/tenants/acme/usage", params={"from": "2026-02-01", "to": "2026-01-01"})

    (day,) = usage["items"]
    seconds = day.pop("seconds")
    assert usage["pending"] == 1
    assert day == {
        "day": datetime.now(UTC).date().isoformat(),
        "jobType": "photo_processing",
        "jobs": 2,
        "completed": 2,
        "failed": 0,
        "cancelled": 0,
        "tokens": None,
        "cost": None,
    }
    assert 0 <= seconds < 30
    assert nothing["items"] == []
    assert wrong.status_code == 422
