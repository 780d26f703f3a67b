"""Pausing and resuming over real HTTP: who may, for whom, and what happens to the jobs."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from temporalio.client import Client, WorkflowExecutionStatus

from contracts.values import ALL_TENANTS
from examples.word_count.register import WORD_COUNT
from readmodel.holds import PauseWatch
from readmodel.pauses import Pauses
from temporal.held import TemporalHeldJobs
from temporal.queue_control import QueueControl
from temporal.registry import JOB_TYPES
from tests.endpoints.test_jobs import PROBLEM, batch, ended, new_key
from tests.fixtures_queue import ADMIN_KEY, Api, Providers, RunSystem, RunWorker

QUEUE = "photo_processing"
PAUSE, RESUME, PAUSES = (f"/v1/queues/{QUEUE}/{word}" for word in ("pause", "resume", "pauses"))
WHY = {"reason": "stocktaking"}


def later(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


async def pauses_of(answer: httpx.Response) -> list[tuple[str, str, str]]:
    return [(pause["tenantId"], pause["reason"], pause["actor"]) for pause in answer.json()["pauses"]]


# -- a whole type -------------------------------------------------------------------------------------------------


async def test_a_paused_type_takes_jobs_that_wait_and_can_be_cancelled_until_it_goes_on(
    api: Api, providers: Providers, run_worker: RunWorker, client: Client
) -> None:
    async with api.with_key(ADMIN_KEY) as platform, run_worker(api.history):
        paused = await platform.post(PAUSE, json=WHY)
        jobs = [(await api.http.post("/v1/jobs", json=await batch(api, tag))).json()["id"] for tag in ("one", "two")]
        await standing(client, len(jobs))
        await api.http.post(f"/v1/jobs/{jobs[1]}/cancel")
        cancelled = await ended(api, jobs[1])
        waits = (await api.http.get(f"/v1/jobs/{jobs[0]}")).json()
        read = dict(providers.reader.read_count)
        resumed = await platform.post(RESUME, json={"reason": "counted"})
        done = await ended(api, jobs[0])

    assert (paused.status_code, paused.json()["jobType"], paused.json()["paused"]) == (200, QUEUE, True)
    assert await pauses_of(paused) == [("*", "stocktaking", "key:admin")]
    assert (cancelled["status"], waits["status"], read) == ("cancelled", "pending", {})
    assert (resumed.status_code, resumed.json()["paused"], resumed.json()["pauses"]) == (200, False, [])
    assert (done["status"], providers.reader.read_count) == ("completed", {"one": 1})


async def standing(client: Client, count: int) -> None:
    """Return when so many steps wait in the queue."""
    async with asyncio.timeout(20):
        while sum((await QueueControl(client).state(QUEUE)).backlog.values()) != count:
            await asyncio.sleep(0.05)


async def test_the_queue_in_temporal_keeps_who_paused_and_who_resumed_and_why(api: Api, client: Client) -> None:
    async with api.with_key(ADMIN_KEY) as platform:
        await platform.post(PAUSE, json=WHY)
        stopped = await QueueControl(client).state(QUEUE)
        await platform.post(PAUSE, json={"reason": "still counting"})
        again = await QueueControl(client).state(QUEUE)
        await platform.post(RESUME, json={"reason": "counted"})
        going = await QueueControl(client).state(QUEUE)

    assert [(state.paused, state.reason, state.actor) for state in (stopped, again, going)] == [
        (True, "stocktaking", "key:admin"),
        (True, "still counting", "key:admin"),
        (False, "counted", "key:admin"),
    ]


async def test_pausing_again_replaces_reason_and_end_and_keeps_one_pause(api: Api) -> None:
    async with api.with_key(ADMIN_KEY) as platform:
        await platform.post(PAUSE, json=WHY | {"until": later(60)})
        again = await platform.post(PAUSE, json={"reason": "still counting"})
        listed = (await platform.get(PAUSES)).json()

    (pause,) = again.json()["pauses"]
    assert (pause["reason"], pause["until"]) == ("still counting", None)
    assert listed == {"items": [pause], "nextCursor": None}


async def test_resuming_what_is_not_paused_changes_nothing(api: Api, client: Client) -> None:
    async with api.with_key(ADMIN_KEY) as platform:
        answers = [await platform.post(RESUME), await platform.post(RESUME, json={"tenantId": "acme"})]
    state = await QueueControl(client).state(QUEUE)

    assert [(answer.status_code, answer.json()["paused"]) for answer in answers] == [(200, False), (200, False)]
    assert (state.paused, state.changed_at) == (False, None)


async def test_lifting_the_pause_of_all_leaves_a_tenants_own(api: Api) -> None:
    async with api.with_key(ADMIN_KEY) as platform:
        await platform.post(PAUSE, json=WHY | {"tenantId": "acme"})
        both = await platform.post(PAUSE, json={"reason": "all", "tenantId": "*"})
        left = await platform.post(RESUME, json={"tenantId": "*"})

    assert await pauses_of(both) == [("*", "all", "key:admin"), ("acme", "stocktaking", "key:admin")]
    assert (left.json()["paused"], await pauses_of(left)) == (False, [("acme", "stocktaking", "key:admin")])


# -- one tenant ---------------------------------------------------------------------------------------------------


async def test_a_tenants_pause_holds_its_jobs_and_no_others_until_it_resumes(
    api: Api, providers: Providers, run_worker: RunWorker, run_system: RunSystem, client: Client
) -> None:
    key = await new_key(api, "acme", "operator")
    watch = PauseWatch(Pauses(api.services.database), timedelta(milliseconds=20))
    async with api.with_key(key) as tenant, api.with_key(ADMIN_KEY, **{"X-Tenant-Id": "bolt"}) as bolt:
        paused = await tenant.post(PAUSE, json=WHY)
        async with watch.running(), run_worker(api.history, watch), run_system(api.services.database):
            mine = (await tenant.post("/v1/jobs", json=await batch(api, "mine"))).json()["id"]
            other = replace(api, http=bolt)
            theirs = (await bolt.post("/v1/jobs", json=await batch(other, "theirs"))).json()["id"]
            async with asyncio.timeout(20):
                while await TemporalHeldJobs(client).held() != [mine]:
                    await asyncio.sleep(0.02)
            await ended(other, theirs)
            resumed = await tenant.post(RESUME)
            done = await ended(api, mine)

    actor = paused.json()["pauses"][0]["actor"]
    assert (paused.json()["paused"], await pauses_of(paused)) == (True, [("acme", "stocktaking", actor)])
    assert actor.startswith("key:key_")
    assert (resumed.json()["paused"], resumed.json()["pauses"]) == (False, [])
    assert (done["status"], done["attempts"]) == ("completed", 1)


async def test_a_tenants_key_controls_its_own_tenant_only(api: Api) -> None:
    key = await new_key(api, "acme", "operator")
    async with api.with_key(key) as tenant:
        refused = [
            await tenant.post(path, json=body)
            for path in (PAUSE, RESUME)
            for body in (WHY | {"tenantId": "bolt"}, WHY | {"tenantId": "*"})
        ]
        own = await tenant.post(PAUSE, json=WHY | {"tenantId": "acme"})
    kept = await Pauses(api.services.database).in_force(datetime.now(UTC))

    assert [answer.status_code for answer in refused] == [403] * 4
    assert own.status_code == 200
    assert [pause.tenant_id for pause in kept] == ["acme"]


async def test_a_tenant_sees_its_own_pauses_and_those_of_all_but_not_who_of_the_platform_made_them(api: Api) -> None:
    key = await new_key(api, "acme", "viewer")
    async with api.with_key(ADMIN_KEY) as platform, api.with_key(key) as tenant:
        await platform.post(PAUSE, json={"reason": "of bolt", "tenantId": "bolt"})
        nothing = (await tenant.get(PAUSES)).json()
        await platform.post(PAUSE, json={"reason": "all"})
        seen = (await tenant.get(PAUSES)).json()["items"]
        every = (await platform.get(PAUSES)).json()["items"]

    assert nothing["items"] == []
    assert [(pause["tenantId"], pause["reason"], pause["actor"]) for pause in seen] == [("*", "all", "platform")]
    assert [pause["tenantId"] for pause in every] == ["*", "bolt"]


async def test_a_platform_key_that_acts_for_a_tenant_pauses_that_tenant(api: Api) -> None:
    paused = await api.http.post(PAUSE, json=WHY)  # comes with X-Tenant-Id: acme
    confused = await api.http.post(PAUSE, json=WHY | {"tenantId": "*"})

    assert [pause["tenantId"] for pause in paused.json()["pauses"]] == ["acme"]
    assert paused.json()["paused"]
    assert confused.status_code == 422


# -- who may, and what is refused ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("role", "status"), [("viewer", 403), ("submitter", 403), ("operator", 200), ("admin", 200)])
async def test_operators_and_admins_may_pause_and_resume(api: Api, role: str, status: int) -> None:
    async with api.with_key(await new_key(api, "acme", role)) as http:
        answers = [await http.post(PAUSE, json=WHY), await http.post(RESUME), await http.get(PAUSES)]

    assert [answer.status_code for answer in answers] == [status, status, 200]


async def test_a_key_for_other_job_types_may_not_pause_this_one(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(JOB_TYPES, WORD_COUNT.name, WORD_COUNT)
    async with api.with_key(ADMIN_KEY) as platform:
        body = {"tenantId": "acme", "role": "operator", "name": "narrow", "jobTypes": [WORD_COUNT.name]}
        key = (await platform.post("/v1/keys", json=body)).json()["key"]
    async with api.with_key(key) as http:
        answers = [
            await http.post(f"/v1/queues/{name}/{verb}", json=WHY)
            for name in (QUEUE, WORD_COUNT.name)
            for verb in ("pause", "resume")
        ]

    assert [answer.status_code for answer in answers] == [403, 403, 200, 200]


@pytest.mark.parametrize("path", ["pause", "resume"])
async def test_an_unknown_job_type_is_not_found(api: Api, path: str) -> None:
    answer = await api.http.post(f"/v1/queues/nonsense/{path}", json=WHY)
    listed = await api.http.get("/v1/queues/nonsense/pauses")

    assert (answer.status_code, answer.headers["content-type"], listed.status_code) == (404, PROBLEM, 404)
    assert "nonsense" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "reason"),
        ({"reason": ""}, "reason"),
        ({"reason": "  \n "}, "reason"),
        ({"reason": "x" * 501}, "reason"),
        ({"reason": None}, "reason"),
        (WHY | {"until": "2020-01-01T00:00:00Z"}, "until"),
        (WHY | {"until": "2090-01-01T00:00:00Z"}, "until"),
        (WHY | {"until": "2027-01-01T00:00:00"}, "until"),
        (WHY | {"tenantId": "no such/tenant"}, "tenantId"),
        (WHY | {"tenantId": ""}, "tenantId"),
        (WHY | {"tenants": "acme"}, "tenants"),
    ],
)
async def test_a_wrong_pause_is_refused_by_field_and_changes_nothing(api: Api, body: dict[str, Any], path: str) -> None:
    async with api.with_key(ADMIN_KEY) as platform:
        answer = await platform.post(PAUSE, json=body)

    assert (answer.status_code, answer.json()["errors"][0]["path"]) == (422, path)
    assert await Pauses(api.services.database).in_force(datetime.now(UTC)) == []


async def test_odd_characters_in_a_reason_pause_all_the_same(api: Api, client: Client) -> None:
    async with api.with_key(ADMIN_KEY) as platform:
        answer = await platform.post(PAUSE, json={"reason": "Inventur\n2026 \u0000 🛒" + "🛒" * 400})

    assert answer.status_code == 200
    assert (await QueueControl(client).state(QUEUE)).paused


# -- the end by the clock -----------------------------------------------------------------------------------------


async def test_a_pause_ends_by_itself_and_its_jobs_go_on(
    api: Api, providers: Providers, run_worker: RunWorker, run_system: RunSystem, client: Client
) -> None:
    watch = PauseWatch(Pauses(api.services.database), timedelta(milliseconds=20))
    async with watch.running(), run_worker(api.history, watch), run_system(api.services.database):
        async with api.with_key(ADMIN_KEY) as platform:
            await platform.post(PAUSE, json=WHY | {"until": later(2.5)})
            await platform.post(PAUSE, json=WHY | {"tenantId": "bolt", "until": later(2.5)})
        job_id = (await api.http.post("/v1/jobs", json=await batch(api, "one"))).json()["id"]
        await standing(client, 1)
        waits = (await api.http.get(f"/v1/jobs/{job_id}")).json()["status"]
        done = await ended(api, job_id)
        async with asyncio.timeout(20):
            while await rows(api):
                await asyncio.sleep(0.05)
        state = await QueueControl(client).state(QUEUE)

    assert (waits, done["status"]) == ("pending", "completed")
    assert not state.paused


async def rows(api: Api) -> list[str]:
    """Return the tenants of all pauses in the table, also of those that are over."""
    long_ago = datetime(2000, 1, 1, tzinfo=UTC)
    return [pause.tenant_id for pause in await Pauses(api.services.database).in_force(long_ago)]


async def test_a_later_pause_or_resume_takes_the_place_of_an_earlier_end(api: Api, client: Client) -> None:
    timer = client.get_workflow_handle(f"system.release:{QUEUE}:*")

    async with api.with_key(ADMIN_KEY) as platform:
        await platform.post(PAUSE, json=WHY | {"until": later(3600)})
        first = await timer.describe()
        await platform.post(PAUSE, json=WHY | {"until": later(7200)})
        second = await timer.describe()
        await platform.post(PAUSE, json=WHY)
        third = await timer.describe()

    assert first.execution_time is not None
    assert second.execution_time is not None
    assert second.run_id != first.run_id
    assert timedelta(minutes=59) < second.execution_time - first.execution_time < timedelta(minutes=61)
    assert (third.run_id, third.status) == (second.run_id, WorkflowExecutionStatus.TERMINATED)


# -- the trace ----------------------------------------------------------------------------------------------------


async def test_what_is_done_to_pauses_is_logged_with_who_and_why(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "spaces.pausing")

    async with api.with_key(ADMIN_KEY) as platform:
        await platform.post(PAUSE, json={"reason": "stock\ntaking"})
        await platform.post(RESUME, json={"reason": "counted"})
        await platform.post(RESUME, json={"reason": "nothing to lift"})

    assert [record.getMessage() for record in caplog.records if record.name == "spaces.pausing"] == [
        f"{QUEUE} paused for {ALL_TENANTS} by key:admin until None: 'stock\\ntaking'",
        f"{QUEUE} resumed for {ALL_TENANTS} by key:admin: 'counted'",
    ]
