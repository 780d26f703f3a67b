"""The schedule routes, over real HTTP, on a real Temporal server and a real database."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from temporalio.client import Client

from contracts.audit import Author
from contracts.history import JobChange
from contracts.jobs import JobHeader, JobStatus
from contracts.limits import TenantLimits
from contracts.values import upload_key
from tests.endpoints.test_jobs import PROBLEM, batch, ended, new_key
from tests.fixtures_queue import ADMIN_KEY, Api, RunSystem, RunWorker

pytestmark = pytest.mark.usefixtures("schedules_ready")

Body = dict[str, Any]


async def schedule_body(api: Api, **asked: Any) -> Body:
    """Return a schedule that starts nothing by itself soon, unless its timing is given."""
    timing = {} if asked.keys() & {"cron", "everySeconds", "calendar"} else {"cron": "@yearly"}
    return await batch(api, "one") | timing | asked


async def made(api: Api, **asked: Any) -> Body:
    answer = await api.http.post("/v1/schedules", json=await schedule_body(api, **asked))
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def looked_at(api: Api, schedule: Body) -> Body:
    answer = await api.http.get(f"/v1/schedules/{schedule['id']}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def ids(client: httpx.AsyncClient, **filters: Any) -> list[str]:
    answer = await client.get("/v1/schedules", params=filters)
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.json()["items"]]


async def changed(api: Api, schedule: Body, **change: Any) -> httpx.Response:
    return await api.http.patch(f"/v1/schedules/{schedule['id']}", json=change)


async def test_a_new_schedule_tells_all_about_itself_and_is_in_the_list_at_once(api: Api) -> None:
    asked = {
        "name": "Morning",
        "cron": "0 9 * * mon-fri",
        "timeZone": "Europe/Berlin",
        "tags": ["a", "a", "b"],
        "priority": "high",
        "maxAttempts": 3,
        "catchupWindowSeconds": 600,
    }
    body = await schedule_body(api, **asked)

    answer = await api.http.post("/v1/schedules", json=body)
    listed = await api.http.get("/v1/schedules")

    told = answer.json()
    assert (answer.status_code, answer.headers["location"]) == (201, f"/v1/schedules/{told['id']}")
    assert listed.json() == {"items": [told], "nextCursor": None}
    assert told["id"].startswith("acme:schedule:")
    assert {name: told[name] for name in body if name != "tags"} == {n: body[n] for n in body if n != "tags"}
    assert told["tags"] == ["a", "b"]
    assert told["inWords"] == "At 09:00, Monday through Friday (Europe/Berlin)"
    assert len(told["nextTimes"]) == 5
    assert (told["overlap"], told["state"], told["paused"], told["note"]) == ("skip", "active", False, None)
    assert (told["recentRuns"], told["runningJobs"]) == ([], [])
    assert told["missed"] == {"catchupWindow": 0, "overlap": 0, "buffer": 0}
    assert (told["actor"], told["updatedBy"], told["tenantId"]) == ("key:admin", "key:admin", "acme")
    assert told["createdAt"] == told["updatedAt"]


async def test_a_job_of_a_schedule_runs_to_its_end_and_is_listed_with_its_schedule(
    api: Api, run_worker: RunWorker, run_system: RunSystem
) -> None:
    schedule = await made(api, tags=["nightly"], priority="high")

    async with run_worker(api.history), run_system(api.services.database):
        started = await api.http.post(f"/v1/schedules/{schedule['id']}/trigger")
        job = await ended(api, started.json()["jobId"])
        events = (await api.http.get(f"/v1/jobs/{job['id']}/events")).json()["items"]
        listed = (await api.http.get("/v1/jobs", params={"scheduleId": schedule["id"]})).json()["items"]

    assert started.status_code == 202
    assert (started.json()["outcome"], started.json()["scheduleId"]) == ("started", schedule["id"])
    assert job["id"].startswith("acme:photo_processing:s-")
    assert (job["status"], job["scheduleId"], job["priority"], job["tags"]) == (
        "completed",
        schedule["id"],
        "high",
        ["nightly"],
    )
    assert job["metadata"]["source"] == "schedule"
    assert job["createdAt"] >= schedule["createdAt"]
    assert [item["id"] for item in listed] == [job["id"]]
    assert (events[0]["kind"], events[0]["actor"]) == ("accepted", f"schedule:{schedule['id']}")
    assert [run["jobId"] for run in (await looked_at(api, schedule))["recentRuns"]] == [job["id"]]


async def test_a_schedule_is_held_to_the_limits_of_its_tenant(
    api: Api, run_worker: RunWorker, run_system: RunSystem
) -> None:
    limits = TenantLimits(submit_per_minute=2, execute_per_minute={"photo_processing": 1})
    await api.services.limits.put("acme", limits, Author("key:admin"))
    schedule = await made(api, overlap="allowAll")

    async with run_worker(api.history), run_system(api.services.database):
        starts = [await api.http.post(f"/v1/schedules/{schedule['id']}/trigger") for _ in range(3)]
        first, second, third = [start.json()["jobId"] for start in starts]
        done, left_out = await ended(api, first), await ended(api, third)
        turn = await slot_of(api, second)
        why = (await api.http.get(f"/v1/jobs/{second}/explain")).json()
        runs = (await looked_at(api, schedule))["recentRuns"]

    words = "left out: schedules of tenant 'acme' may start 2 jobs a minute (submitPerMinute)"
    assert (done["status"], left_out["status"]) == ("completed", "cancelled")
    assert (left_out["error"]["type"], left_out["error"]["message"]) == ("OverLimit", words)
    assert {run["jobId"]: (run["status"], run["leftOut"]) for run in runs} == {
        first: ("completed", None),
        second: ("pending", None),
        third: ("cancelled", words),
    }
    assert turn >= datetime.fromisoformat(done["createdAt"]) + timedelta(seconds=55)
    assert why["reasons"][0]["code"] == "rate_limited"


async def slot_of(api: Api, job_id: str) -> datetime:
    """Return the job's turn, as soon as it has one."""
    async with asyncio.timeout(60):
        while True:
            job = (await api.http.get(f"/v1/jobs/{job_id}")).json()
            if job.get("slotAt"):
                return datetime.fromisoformat(job["slotAt"])
            await asyncio.sleep(0.05)


async def test_the_same_key_and_body_give_the_first_schedule_again(api: Api) -> None:
    body, key = await schedule_body(api), {"Idempotency-Key": "k-1"}

    first = await api.http.post("/v1/schedules", json=body, headers=key)
    again = await asyncio.gather(*(api.http.post("/v1/schedules", json=body, headers=key) for _ in range(4)))
    other = await api.http.post("/v1/schedules", json=body | {"name": "x"}, headers=key)
    for_a_job = await api.http.post("/v1/jobs", json=await batch(api, "one"), headers=key)

    assert first.status_code == 201
    assert "idempotent-replayed" not in first.headers
    assert {answer.status_code for answer in again} == {201}
    assert {answer.headers["idempotent-replayed"] for answer in again} == {"true"}
    assert [answer.json() for answer in again] == [first.json()] * 4
    assert first.json()["id"] == "acme:schedule:k-1"
    assert (other.status_code, for_a_job.status_code) == (422, 422)
    assert await ids(api.http) == ["acme:schedule:k-1"]


async def test_equal_requests_at_once_make_one_schedule(api: Api) -> None:
    body, key = await schedule_body(api), {"Idempotency-Key": "a key with spaces"}

    answers = await asyncio.gather(*(api.http.post("/v1/schedules", json=body, headers=key) for _ in range(6)))

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sum("idempotent-replayed" not in answer.headers for answer in answers) == 1


async def test_a_deleted_schedule_is_gone_and_its_key_does_not_bring_it_back(api: Api) -> None:
    body, key = await schedule_body(api), {"Idempotency-Key": "k-2"}
    path = f"/v1/schedules/{(await api.http.post('/v1/schedules', json=body, headers=key)).json()['id']}"

    deleted = await api.http.delete(path)
    listed = await ids(api.http)
    after = [
        await api.http.get(path),
        await api.http.delete(path),
        await api.http.patch(path, json={"note": "x"}),
        await api.http.post(f"{path}/trigger"),
        await api.http.post(f"{path}/backfill", json={"start": "2026-01-01T00:00:00Z", "end": "2026-01-02T00:00:00Z"}),
    ]
    again = await api.http.post("/v1/schedules", json=body, headers=key)

    assert (deleted.status_code, deleted.content, listed) == (204, b"", [])
    assert {answer.status_code for answer in after} == {404}
    assert again.status_code == 409


async def test_a_change_changes_what_is_given_and_nothing_else(api: Api) -> None:
    schedule = await made(api, everySeconds=3600, offsetSeconds=60, name="N", note="why", endAt="2100-01-01T00:00:00Z")

    first = await changed(api, schedule, paused=True, note="holidays", tags=["x"])
    second = await changed(api, schedule, cron="@daily", timeZone="Asia/Kathmandu", endAt=None, name=None)
    nothing = await changed(api, schedule)

    same = ("id", "payload", "jobType", "priority", "createdAt", "actor", "overlap", "recentRuns")
    one, two = first.json(), second.json()
    assert (first.status_code, second.status_code) == (200, 200)
    assert {name: two[name] for name in same} == {name: schedule[name] for name in same}
    assert (one["paused"], one["state"], one["note"], one["tags"]) == (True, "paused", "holidays", ["x"])
    assert (one["everySeconds"], one["offsetSeconds"], one["name"]) == (3600, 60, "N")
    assert len(one["nextTimes"]) == 5  # what would come
    assert (two["paused"], two["note"], two["tags"]) == (True, "holidays", ["x"])
    assert (two["cron"], two["everySeconds"], two["offsetSeconds"]) == ("@daily", None, None)
    assert (two["inWords"], two["endAt"], two["name"]) == ("At 00:00 (Asia/Kathmandu)", None, None)
    assert two["updatedAt"] > one["updatedAt"] > schedule["updatedAt"]
    assert nothing.json() == await looked_at(api, schedule) == two


async def test_a_schedule_whose_upload_is_gone_can_be_paused_and_its_payload_cannot_be_given_again(api: Api) -> None:
    schedule = await made(api)
    upload_id = schedule["payload"]["photos"][0]["uploadId"]
    await api.services.blobs.delete(upload_key("acme", upload_id))

    paused = await changed(api, schedule, paused=True, payload=schedule["payload"])
    again = await changed(api, schedule, payload=schedule["payload"] | {"location": "Rome"})

    assert (paused.status_code, paused.json()["state"]) == (200, "paused")
    assert (again.status_code, places(again)) == (422, ["payload.photos.0.uploadId"])


async def test_changes_at_once_are_all_there(api: Api) -> None:
    schedule = await made(api)
    changes: list[Body] = [
        {"name": "N"},
        {"note": "why"},
        {"tags": ["q"]},
        {"paused": True},
        {"maxAttempts": 7},
        {"priority": "low"},
        {"overlap": "allowAll"},
    ]

    answers = await asyncio.gather(*(changed(api, schedule, **change) for change in changes))

    assert {answer.status_code for answer in answers} == {200}
    told = await looked_at(api, schedule)
    everything = {name: value for change in changes for name, value in change.items()}
    assert {name: told[name] for name in everything} == everything


async def test_lists_are_newest_first_in_pages_and_by_filters(api: Api) -> None:
    first, second, third = [await made(api, name=str(n), paused=n == 1) for n in range(3)]
    await changed(api, third, paused=True)

    one = (await api.http.get("/v1/schedules", params={"limit": 2})).json()
    two = (await api.http.get("/v1/schedules", params={"limit": 2, "cursor": one["nextCursor"]})).json()
    exact = (await api.http.get("/v1/schedules", params={"limit": 3})).json()

    assert [item["id"] for item in one["items"]] == [third["id"], second["id"]]
    assert ([item["id"] for item in two["items"]], two["nextCursor"]) == ([first["id"]], None)
    assert (len(exact["items"]), exact["nextCursor"]) == (3, None)
    assert await ids(api.http, paused=True) == [third["id"], second["id"]]
    assert await ids(api.http, paused=False) == [first["id"]]
    assert len(await ids(api.http, jobType="photo_processing")) == 3
    assert await ids(api.http, jobType="sculpture") == []


@pytest.mark.parametrize("cursor", ["x", "!", "", "YWJjZGVmZ2g", "a" * 3000])
async def test_a_cursor_that_was_not_given_out_is_refused(api: Api, cursor: str) -> None:
    answer = await api.http.get("/v1/schedules", params={"cursor": cursor})

    assert (answer.status_code, answer.headers["content-type"]) == (422, PROBLEM)
    assert answer.json()["errors"][0]["path"] == "cursor"


async def test_another_tenants_schedule_is_not_there(api: Api) -> None:
    schedule = await made(api)
    start = {"start": "2026-01-01T00:00:00Z", "end": "2026-01-02T00:00:00Z"}

    async with api.with_key(await new_key(api, "other", "admin")) as other:
        path = f"/v1/schedules/{schedule['id']}"
        answers = [
            await other.get(path),
            await other.patch(path, json={"paused": True}),
            await other.delete(path),
            await other.post(f"{path}/trigger"),
            await other.post(f"{path}/backfill", json=start),
        ]
        never_there = await other.get(path.replace("acme", "other"))
        listed = [await ids(other), await ids(other, tenantId="acme")]
        named = await other.post("/v1/schedules", json=await schedule_body(api, tenantId="acme"))

    words = {answer.json()["detail"].replace("acme", "other") for answer in answers}
    assert {answer.status_code for answer in answers} == {404}
    assert words == {never_there.json()["detail"]}
    assert (listed, named.status_code) == ([[], []], 403)
    assert await looked_at(api, schedule) == schedule


async def test_who_may_do_what(api: Api) -> None:
    schedule = await made(api)
    path = f"/v1/schedules/{schedule['id']}"

    async with (
        api.with_key(await new_key(api, "acme", "viewer")) as viewer,
        api.with_key(await new_key(api, "acme", "submitter")) as submitter,
        api.with_key(await new_key(api, "acme", "operator")) as operator,
        api.with_key(ADMIN_KEY) as platform,
    ):
        seen = (await viewer.get(path)).json()
        listed = (await viewer.get("/v1/schedules")).json()["items"]
        refused = [
            await submitter.post("/v1/schedules", json=await schedule_body(api)),
            await submitter.patch(path, json={"paused": True}),
            await submitter.delete(path),
            await submitter.post(f"{path}/trigger"),
            await viewer.post(f"{path}/trigger"),
        ]
        paused = await operator.patch(path, json={"paused": True})
        nameless = await platform.post("/v1/schedules", json=await schedule_body(api))
        everywhere = await ids(platform)

    assert (seen["payload"], seen["redacted"]) == (None, True)
    assert listed == [seen]
    assert {answer.status_code for answer in refused} == {403}
    assert (paused.status_code, paused.json()["updatedBy"][:4]) == (200, "key:")
    assert paused.json()["updatedBy"] != paused.json()["actor"]
    assert (nameless.status_code, nameless.json()["errors"][0]["path"]) == (422, "tenantId")
    assert everywhere == [schedule["id"]]


BAD: list[tuple[Body, str]] = [
    ({"jobType": "sculpture"}, "jobType"),
    ({"payload": {"photos": []}}, "payload.photos"),
    ({"payload": {"photos": [{"uploadId": "a" * 64}]}}, "payload.photos.0.uploadId"),
    ({"cron": "61 * * * *"}, "cron"),
    ({"cron": "0 0 30 2 *"}, "cron"),
    ({"cron": "@daily", "everySeconds": 60}, "body"),
    ({"everySeconds": 5}, "everySeconds"),
    ({"offsetSeconds": 5}, "offsetSeconds"),
    ({"calendar": [{"hour": "0-99999999"}]}, "calendar.0.hour"),
    ({"timeZone": "Mars/Base"}, "timeZone"),
    ({"endAt": "2020-01-01T00:00:00Z"}, "endAt"),
    ({"startAt": "2030-01-02T00:00:00Z", "endAt": "2030-01-01T00:00:00Z"}, "endAt"),
    ({"startAt": "0001-01-01T00:00:00+14:00"}, "startAt"),
    ({"overlap": "sometimes"}, "overlap"),
    ({"catchupWindowSeconds": 1}, "catchupWindowSeconds"),
    ({"jitterSeconds": -1}, "jitterSeconds"),
    ({"note": "x" * 5000}, "note"),
    ({"name": "\ud800"}, "name"),
    ({"tags": ["x"] * 21}, "tags"),
    ({"maxAttempts": 0}, "maxAttempts"),
    ({"cronn": "@daily"}, "cronn"),
    ({"paused": None}, "paused"),
]


async def test_bad_input_names_the_field_when_made_and_when_changed(api: Api) -> None:
    schedule, right = await made(api), await schedule_body(api)
    path, headers = f"/v1/schedules/{schedule['id']}", {"Content-Type": "application/json"}
    found = []

    for change, _ in BAD:
        body = {name: value for name, value in right.items() if name != "cron" or "everySeconds" not in change}
        new = await api.http.post("/v1/schedules", content=json.dumps(body | change), headers=headers)
        edited = await api.http.patch(path, content=json.dumps(change), headers=headers)
        found += [(answer.status_code, change, places(answer)) for answer in (new, edited)]

    assert found == [(422, change, [place]) for change, place in BAD for _ in range(2)]
    assert await looked_at(api, schedule) == schedule


def places(answer: httpx.Response) -> list[str]:
    return [error["path"] for error in answer.json().get("errors", [])]


async def test_a_preview_says_what_the_schedule_would_say_and_makes_nothing(api: Api) -> None:
    timing = {"cron": "30 2 * * *", "timeZone": "Europe/Berlin", "startAt": "2027-03-26T00:00:00Z"}

    preview = await api.http.post("/v1/schedules/preview", json=timing)
    nothing = await ids(api.http)
    never = await api.http.post("/v1/schedules/preview", json={"cron": "0 0 30 2 *"})
    wrong = await api.http.post("/v1/schedules/preview", json={"cron": "0 0 32 * *"})
    schedule = await made(api, **timing)

    assert (preview.status_code, nothing) == (200, [])
    assert preview.json() == {name: schedule[name] for name in ("inWords", "nextTimes")}
    assert preview.json()["nextTimes"][:3] == [
        "2027-03-26T01:30:00.000Z",
        "2027-03-27T01:30:00.000Z",
        "2027-03-29T00:30:00.000Z",
    ]
    assert (never.status_code, never.json()["nextTimes"]) == (200, [])
    assert (wrong.status_code, wrong.json()["errors"][0]["path"]) == (422, "cron")


async def test_starts_out_of_turn_at_once_are_jobs_of_their_own(api: Api) -> None:
    schedule = await made(api, overlap="allowAll", paused=True)
    path = f"/v1/schedules/{schedule['id']}/trigger"

    answers = await asyncio.gather(*(api.http.post(path) for _ in range(5)))

    assert {answer.status_code for answer in answers} == {202}
    assert {answer.json()["outcome"] for answer in answers} == {"started"}
    assert len({answer.json()["jobId"] for answer in answers}) == 5
    assert len((await looked_at(api, schedule))["recentRuns"]) == 5


async def test_a_start_out_of_turn_obeys_the_overlap_rule_or_its_own(api: Api) -> None:
    schedule = await made(api)
    path = f"/v1/schedules/{schedule['id']}/trigger"

    outcomes = [
        (await api.http.post(path, json=body)).json()["outcome"]
        for body in ({}, {}, {"overlap": "allowAll"}, {"overlap": "bufferOne"})
    ]
    told = await looked_at(api, schedule)

    assert outcomes == ["started", "skipped", "started", "waiting"]
    assert (told["missed"]["overlap"], len(told["recentRuns"]), len(told["runningJobs"])) == (1, 2, 1)


async def test_a_repeated_start_with_a_key_starts_one_job(api: Api) -> None:
    schedule = await made(api, overlap="allowAll")
    path, key = f"/v1/schedules/{schedule['id']}/trigger", {"Idempotency-Key": "now"}

    first = await api.http.post(path, headers=key)
    again = await api.http.post(path, headers=key)
    other = await api.http.post(path, json={"overlap": "skip"}, headers=key)

    assert again.json() == first.json()
    assert again.headers["idempotent-replayed"] == "true"
    assert other.status_code == 422
    assert len((await looked_at(api, schedule))["recentRuns"]) == 1


async def test_a_backfill_makes_up_for_what_is_missing_once(api: Api, client: Client) -> None:
    schedule = await made(api, everySeconds=3600, jitterSeconds=60, paused=True)
    path, noon = f"/v1/schedules/{schedule['id']}/backfill", datetime(2026, 11, 1, 12, tzinfo=UTC)
    one = (await api.http.post(f"/v1/schedules/{schedule['id']}/trigger", json={"overlap": "allowAll"})).json()
    base = one["jobId"].rsplit("-2026", 1)[0]
    names = [f"{base}-{noon + timedelta(hours=n):%Y-%m-%dT%H:%M:%SZ}" for n in range(5)]
    await recorded(api, names[2])  # it ran before
    stretch = {"start": "2026-11-01T12:00:00Z", "end": "2026-11-01T16:00:00Z", "overlap": "allowAll"}

    answer = await api.http.post(path, json=stretch)
    meanwhile = await api.http.post(path, json=stretch)
    async with asyncio.timeout(20):
        while len(jobs := await jobs_of(client, base) - {one["jobId"]}) < 4:
            await asyncio.sleep(0.05)

    assert answer.status_code == 202
    assert answer.json() == {"scheduleId": schedule["id"], "jobs": 4, "existing": 1, "overlap": "allowAll"}
    assert meanwhile.status_code == 409
    assert jobs == set(names) - {names[2]}


async def test_a_backfill_one_after_the_other_waits_and_keeps_another_one_out(api: Api, client: Client) -> None:
    schedule = await made(api, everySeconds=3600, paused=True)
    path = f"/v1/schedules/{schedule['id']}/backfill"
    stretch = {"start": "2026-11-01T12:00:00Z", "end": "2026-11-01T16:00:00Z"}
    nothing = {"start": "2026-11-01T12:00:01Z", "end": "2026-11-01T12:59:59Z"}

    answer = await api.http.post(path, json=stretch)
    second = await api.http.post(path, json=stretch)
    empty = await api.http.post(path, json=nothing)

    told = await looked_at(api, schedule)
    assert (answer.json()["jobs"], answer.json()["overlap"]) == (5, "bufferAll")
    assert second.status_code == 409
    assert (empty.status_code, empty.json()["jobs"]) == (202, 0)
    assert [run["scheduledAt"] for run in told["recentRuns"]] == ["2026-11-01T12:00:00.000Z"]
    assert len(told["runningJobs"]) == 1


async def test_a_backfill_that_is_too_large_or_no_stretch_is_refused(api: Api) -> None:
    schedule = await made(api, everySeconds=60, paused=True)
    path = f"/v1/schedules/{schedule['id']}/backfill"
    later = f"{datetime.now(UTC) + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"

    refused = {
        (start, end): (answer.status_code, answer.json()["errors"][0]["path"])
        for start, end in [
            ("2026-11-01T00:00:00Z", "2026-11-01T16:40:00Z"),
            ("2000-01-01T00:00:00Z", "2026-11-01T00:00:00Z"),
            ("2026-11-02T00:00:00Z", "2026-11-01T00:00:00Z"),
            ("2026-11-01T00:00:00Z", later),
            ("0001-01-01T00:00:00Z", "2026-11-01T00:00:00Z"),
        ]
        if (answer := await api.http.post(path, json={"start": start, "end": end}))
    }

    assert [*refused.values()] == [(422, "end"), (422, "end"), (422, "end"), (422, "end"), (422, "start")]
    assert (await looked_at(api, schedule))["recentRuns"] == []


async def test_ids_that_are_no_schedules_are_not_there(api: Api) -> None:
    async with api.with_key(ADMIN_KEY) as platform:
        answers = [
            await platform.get(f"/v1/schedules/{name}")
            for name in ("system.repair", "acme:photo_processing:x", "acme:schedule:x' OR TenantId = 'b", "a" * 200)
        ]

    assert [(answer.status_code, answer.headers["content-type"]) for answer in answers] == [(404, PROBLEM)] * 4


async def recorded(api: Api, job_id: str) -> None:
    """Have the read model know the job as one that has ended."""
    names = {"tenant_id": "acme", "job_type": "photo_processing"}
    header = JobHeader(id=job_id, max_attempts=5, created_at=datetime.now(UTC), **names)
    change = JobChange(job_id=job_id, at=datetime.now(UTC), header=header, status=JobStatus.COMPLETED, **names)
    await api.history.apply([change])


async def jobs_of(client: Client, base: str) -> set[str]:
    """Return the jobs of one schedule that Temporal has."""
    return {job.id async for job in client.list_workflows(f"WorkflowId STARTS_WITH '{base}'")}
