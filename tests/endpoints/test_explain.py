"""Each reason why a job may wait is made real, and the words are checked."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from contracts.errors import OutcomeUnknown, RateLimited, Unavailable
from contracts.jobs import JobStatus
from readmodel.intake import Intake
from tests.endpoints.test_jobs import batch, ended, job_that, new_key
from tests.fixtures_queue import Api, Providers, RunSystem, RunWorker
from tests.projections.samples import make_header, tell


async def explained(api: Api, job_id: str, code: str) -> dict[str, Any]:
    """Return the explanation as soon as the code is among its reasons."""
    told: dict[str, Any] = {}
    try:
        async with asyncio.timeout(20):
            while code not in [reason["code"] for reason in told.get("reasons", ())]:
                told = (await api.http.get(f"/v1/jobs/{job_id}/explain")).json()
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(told) from None
    return told


def words(told: dict[str, Any], code: str) -> str:
    return next(str(reason["message"]) for reason in told["reasons"] if reason["code"] == code)


def until(told: dict[str, Any], code: str) -> str | None:
    found: str | None = next(reason["until"] for reason in told["reasons"] if reason["code"] == code)
    return found


async def submit(api: Api, *tags: str, **more: Any) -> str:
    answer = await api.http.post("/v1/jobs", json=await batch(api, *tags) | more)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


async def test_nobody_serves_the_queue(api: Api) -> None:
    job = await submit(api, "one")

    told = await explained(api, job, "no_worker")

    assert told["summary"] == (
        "No worker serves photo_processing jobs at the moment; the job begins when one is started."
    )
    assert told["eta"] is None


async def test_a_job_runs_and_others_wait_for_its_worker(api: Api, providers: Providers, run_worker: RunWorker) -> None:
    providers.reader.open.clear()

    async with run_worker(api.history):
        busy = await submit(api, *[f"busy-{place}" for place in range(8)])
        for _ in range(8):
            await providers.reader.reading.get()
        low = await submit(api, "low", priority="low")
        high = await submit(api, "high", priority="high")
        running = await explained(api, busy, "running")
        first = await explained(api, high, "waiting_for_worker")
        async with asyncio.timeout(10):
            while "by priority: 1;" not in words(
                last := await explained(api, low, "waiting_for_worker"), "waiting_for_worker"
            ):
                await asyncio.sleep(0.05)
        providers.reader.open.set()

    assert re.fullmatch(r"8 steps run now: photos.read on worker \S+; 0 of 8 photos are done.", running["summary"])
    assert first["summary"] == "The job is next: 1 worker will take it as soon as one is free."
    assert last["summary"].startswith("All workers (1) are busy. Steps before it by priority: 1;")


async def test_a_job_waits_for_its_time(api: Api) -> None:
    later = datetime.now(UTC) + timedelta(hours=3)
    job = await submit(api, "one", runAt=later.isoformat())

    told = await explained(api, job, "scheduled")

    assert [reason["code"] for reason in told["reasons"]] == ["scheduled"]
    assert told["summary"] == f"The job is to run at {later:%Y-%m-%d %H:%M:%S} UTC."
    assert told["eta"] == until(told, "scheduled")


async def test_a_job_waits_for_another(api: Api, run_system: RunSystem) -> None:
    async with run_system(api.services.database):
        first = await submit(api, "one")
        second = await submit(api, "two", dependsOn=[first])
        told = await explained(api, second, "waiting_for_dependency")

    assert told["summary"] == f"The job waits for 1 other to end: {first} (pending)."


async def test_a_step_failed_and_is_tried_again_later(api: Api, providers: Providers, run_worker: RunWorker) -> None:
    providers.reader.errors["one"] = [Unavailable("the reader's process is gone", timedelta(seconds=30))]

    async with run_worker(api.history):
        job = await submit(api, "one")
        told = await explained(api, job, "backing_off")
        async with api.with_key(await new_key(api, "acme", "viewer")) as viewer:
            hidden = (await viewer.get(f"/v1/jobs/{job}/explain")).json()

    assert "photos.read failed (Unavailable: the reader's process is gone); attempt 2 of 5 is at" in told["summary"]
    assert until(told, "backing_off")
    assert "photos.read failed (Unavailable); attempt 2 of 5" in hidden["summary"]


async def test_the_other_side_said_when_to_come_again(api: Api, providers: Providers, run_worker: RunWorker) -> None:
    url = "https://shop.example/a.png"
    providers.fetcher.answers = {url: [RateLimited("429", timedelta(minutes=5))]}

    async with run_worker(api.history):
        body = {"jobType": "photo_processing", "payload": {"photos": [{"url": url}]}}
        job = (await api.http.post("/v1/jobs", json=body)).json()["id"]
        told = await explained(api, job, "provider_limit")

    wait = datetime.fromisoformat(str(until(told, "provider_limit"))) - datetime.now(UTC)
    assert "photos.fetch was told by the other side to come later" in told["summary"]
    assert timedelta(minutes=4.5) < wait < timedelta(minutes=6.5)


async def test_a_dead_job_waits_for_an_operator(api: Api, providers: Providers, run_worker: RunWorker) -> None:
    providers.reader.errors["one"] = [Unavailable("gone")]
    providers.reader.errors["two"] = [OutcomeUnknown("the answer was cut off")]

    async with run_worker(api.history):
        dead, unknown = await submit(api, "one", maxAttempts=1), await submit(api, "two")
        for job in (dead, unknown):
            await job_that(api, job, "dead")
        told, odd = await explained(api, dead, "dead"), await explained(api, unknown, "outcome_unknown")

    assert told["summary"] == (
        "The job is dead: the step photos.read can go no further by itself: gone. "
        "An operator may retry, edit or discard it."
    )
    assert odd["summary"].startswith("Nobody knows whether the step photos.read took effect: the answer was cut off.")


async def test_a_job_that_has_ended_says_how(api: Api, run_worker: RunWorker) -> None:
    async with run_worker(api.history):
        job = await submit(api, "one")
        await ended(api, job)

    told = await explained(api, job, "done")

    assert told["summary"].startswith("The job is completed after ")
    assert len(told["reasons"]) == 1


async def test_a_paused_type_says_who_paused_it_why_and_until_when(api: Api, run_worker: RunWorker) -> None:
    end = datetime.now(UTC) + timedelta(hours=1)
    pause = {"reason": "stock-taking", "until": end.isoformat()}

    async with api.with_key(await new_key(api, "*", "operator")) as platform, run_worker(api.history):
        assert (await platform.post("/v1/queues/photo_processing/pause", json=pause)).status_code == 200
        job = await submit(api, "one")
        told = await explained(api, job, "queue_paused")

    assert told["summary"].startswith("All photo_processing jobs are paused by key:")
    assert told["summary"].endswith(f", until {end:%Y-%m-%d %H:%M:%S} UTC: stock-taking.")
    assert until(told, "queue_paused")


async def test_a_paused_tenant_is_told_apart(api: Api) -> None:
    await api.http.post("/v1/queues/photo_processing/pause", json={"tenantId": "acme", "reason": "unpaid bill"})
    job = await submit(api, "one")

    told = await explained(api, job, "tenant_paused")

    assert told["summary"].startswith("The photo_processing jobs of acme are paused by key:admin since ")
    assert told["summary"].endswith(", until somebody resumes them: unpaid bill.")


async def test_a_shop_with_a_limit_is_told_its_turn(api: Api) -> None:
    async with api.with_key(await new_key(api, "*", "admin")) as platform:
        limits = {"executePerMinute": {"photo_processing": 1}}
        assert (await platform.put("/v1/tenants/acme/limits", json=limits)).status_code == 200
    jobs = [await submit(api, f"photo-{place}") for place in range(4)]

    told = await explained(api, jobs[-1], "rate_limited")

    assert "The shop's photo_processing jobs are limited per minute" in told["summary"]
    assert until(told, "rate_limited") == told["eta"]


async def test_a_low_job_in_the_quiet_hours_is_told_when_they_end(api: Api) -> None:
    hour = datetime.now(UTC).hour
    quiet = {"from": f"{(hour - 1) % 24:02}:00", "to": f"{(hour + 2) % 24:02}:00"}
    async with api.with_key(await new_key(api, "*", "admin")) as platform:
        assert (await platform.put("/v1/tenants/acme/limits", json={"quietHours": quiet})).status_code == 200
    job = await submit(api, "one", priority="low")

    told = await explained(api, job, "rate_limited")

    assert told["summary"].startswith("The shop's photo_processing jobs keep quiet hours; this one has its turn at ")
    assert f" {quiet['to']}:00 UTC" in told["summary"]


async def test_a_job_that_is_not_yet_handed_to_temporal_is_about_to_start(api: Api) -> None:
    created = datetime.now(UTC)
    header = make_header(new_id := str(uuid4()), created_at=created)
    accepted = tell(header, 0, header=header, status=JobStatus.PENDING)
    await Intake(api.services.database).accept(header, {"photos": []}, accepted, None)

    told = await explained(api, f"acme:photo_processing:{new_id}", "starting")

    assert told["summary"] == ("The job is accepted and kept; it is handed to Temporal in a moment, and then begins.")


async def test_another_tenants_job_is_not_explained(api: Api) -> None:
    job = await submit(api, "one")

    async with api.with_key(await new_key(api, "other", "admin")) as theirs:
        answer = await theirs.get(f"/v1/jobs/{job}/explain")

    assert answer.status_code == 404
