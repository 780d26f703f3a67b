"""Actions on many jobs, on a real server: paced, aborted, resumed after a crash, tried out on a few first."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from temporalio.client import Client
from temporalio.testing import ActivityEnvironment
from temporalio.worker import Replayer

from activities.bulk import BulkActivities
from contracts.bulk import (
    BulkAuthor,
    BulkFilter,
    BulkKind,
    BulkOrder,
    BulkOutcome,
    BulkProgress,
    BulkTarget,
    PageInput,
)
from contracts.errors import Unavailable
from contracts.ports import JobDecisions
from readmodel.bulk import BulkActions
from temporal.plugin import queue_plugin
from tests.endpoints.test_jobs import batch, ended, job_that
from tests.fixtures_queue import Api, Providers, RunSystem, RunWorker
from workflows.bulk import BulkWorkflow

DEAD = {"status": "dead"}
FAILED = {"status": "failed"}


async def dead_jobs(api: Api, providers: Providers, count: int, deaths: int = 1, **more: Any) -> list[str]:
    """Return the ids of dead jobs, in the order in which they were accepted. A worker must run."""
    ids = []
    for place in range(count):
        tag = f"{more.get('correlationId', 'photo')}-{place}"
        providers.reader.errors[tag] = [OSError("disk") for _ in range(deaths)]
        answer = await api.http.post("/v1/jobs", json=await batch(api, tag) | {"maxAttempts": 1} | more)
        assert answer.status_code == 202, answer.text
        ids.append(str(answer.json()["id"]))
    for job_id in ids:
        await job_that(api, job_id, "dead")
    await recorded(api, ids, "dead")
    return ids


async def recorded(api: Api, job_ids: list[str], status: str) -> None:
    """Return when the record shows the jobs so."""
    async with asyncio.timeout(20):
        while set((await api.services.queries.standings(job_ids)).values()) != {status}:
            await asyncio.sleep(0.02)


async def start(api: Api, action: str, job_filter: dict[str, Any], **more: Any) -> dict[str, Any]:
    body = {"action": action, "filter": job_filter, "reason": "the disk is back", "perSecond": 200} | more
    answer = await api.http.post("/v1/bulk-actions", json=body)
    assert answer.status_code == 202, answer.text
    return dict(answer.json())


async def action_that(api: Api, action_id: str, *statuses: str) -> dict[str, Any]:
    """Return the action as soon as it has one of the statuses."""
    async with asyncio.timeout(40):
        while True:
            action = (await api.http.get(f"/v1/bulk-actions/{action_id}")).json()
            if action["status"] in statuses:
                return dict(action)
            await asyncio.sleep(0.05)


async def over(api: Api, action_id: str) -> dict[str, Any]:
    return await action_that(api, action_id, "completed", "aborted", "failed")


def counts(action: dict[str, Any]) -> tuple[int, int, int]:
    return action["done"], action["skipped"], action["failed"]


async def test_dead_jobs_go_on_and_only_those_that_match(
    api: Api, providers: Providers, run_worker: RunWorker, run_system: RunSystem
) -> None:
    async with run_worker(api.history), run_system(api.services.database):
        wanted = await dead_jobs(api, providers, 12, tags=["winter"])
        others = await dead_jobs(api, providers, 2, correlationId="other")
        asked = await start(api, "retry", DEAD | {"tag": "winter"})
        done = await over(api, asked["id"])
        jobs = [await ended(api, job_id) for job_id in wanted]
        left = [(await api.http.get(f"/v1/jobs/{job_id}")).json()["status"] for job_id in others]

    assert (asked["status"], asked["matched"], asked["tenantId"]) == ("pending", 12, "acme")
    assert (done["status"], counts(done), done["matched"], done["lastError"]) == ("completed", (12, 0, 0), 12, None)
    assert done["endedAt"] >= done["createdAt"]
    assert {job["status"] for job in jobs} == {"completed"}
    assert left == ["dead", "dead"]


async def test_failed_and_cancelled_jobs_start_again_as_children_and_completed_ones_do_not(
    api: Api, providers: Providers, run_worker: RunWorker, run_system: RunSystem, tmp_path: Path
) -> None:
    async with run_worker(api.history), run_system(api.services.database, data_dir=tmp_path):
        (first, second) = await dead_jobs(api, providers, 2)
        await api.http.post(f"/v1/jobs/{first}/discard", json={"reason": "not now"})
        await api.http.post(f"/v1/jobs/{second}/cancel")
        done_job = (await api.http.post("/v1/jobs", json=await batch(api, "fine"))).json()
        for job_id in (first, second, done_job["id"]):
            await ended(api, job_id)
        action = await over(api, (await start(api, "retry", {"jobType": "photo_processing"}, priority="high"))["id"])
        children = [
            (await api.http.get("/v1/jobs", params={"parentJobId": job_id})).json()["items"]
            for job_id in (first, second, done_job["id"])
        ]
        ends = [(await ended(api, child["id"]))["status"] for [child] in children[:2]]

    assert counts(action) == (2, 0, 0)
    assert [len(found) for found in children] == [1, 1, 0]
    assert {found[0]["priority"] for found in children[:2]} == {"high"}
    assert ends == ["completed", "completed"]


async def test_jobs_are_cancelled_in_every_open_state(
    api: Api, providers: Providers, run_worker: RunWorker, run_system: RunSystem
) -> None:
    async with run_worker(api.history, slots=1), run_system(api.services.database):
        (dead,) = await dead_jobs(api, providers, 1)
        providers.reader.open.clear()
        running = [(await api.http.post("/v1/jobs", json=await batch(api, f"r{n}"))).json()["id"] for n in range(3)]
        later = (await api.http.post("/v1/jobs", json=await batch(api, "l") | {"delaySeconds": 600})).json()["id"]
        await job_that(api, running[0], "processing")
        action = await over(api, (await start(api, "cancel", {"tenantId": "acme"}))["id"])
        ends = [(await ended(api, job_id))["status"] for job_id in (dead, *running, later)]
        providers.reader.open.set()

    assert counts(action) == (5, 0, 0)
    assert set(ends) == {"cancelled"}


async def test_discarded_jobs_carry_the_reason(
    api: Api, providers: Providers, run_worker: RunWorker, run_system: RunSystem
) -> None:
    async with run_worker(api.history), run_system(api.services.database):
        ids = await dead_jobs(api, providers, 3)
        action = await over(api, (await start(api, "discard", {"ids": ids[:2]}))["id"])
        jobs = [(await api.http.get(f"/v1/jobs/{job_id}")).json() for job_id in ids]

    assert counts(action) == (2, 0, 0)
    assert [job["status"] for job in jobs] == ["failed", "failed", "dead"]
    assert "the disk is back" in jobs[0]["error"]["message"]


async def test_the_pace_is_kept_and_an_abort_is_heard_within_two_seconds(
    api: Api, providers: Providers, run_worker: RunWorker, run_system: RunSystem
) -> None:
    loop = asyncio.get_running_loop()
    async with run_worker(api.history), run_system(api.services.database):
        ids = await dead_jobs(api, providers, 30)
        began = loop.time()
        asked = await start(api, "retry", DEAD, perSecond=4)
        while (action := await action_that(api, asked["id"], "pending", "running"))["done"] < 6:
            await asyncio.sleep(0.02)
        took = loop.time() - began
        aborted_at = loop.time()
        answer = await api.http.post(f"/v1/bulk-actions/{asked['id']}/abort")
        done = await over(api, asked["id"])
        heard = loop.time() - aborted_at
        again = await api.http.post(f"/v1/bulk-actions/{asked['id']}/abort")
        still_dead = (await api.http.get("/v1/jobs", params={"status": "dead"})).json()["items"]

    assert took > (action["done"] - 1) / 4
    assert answer.status_code == 202
    assert (done["status"], done["lastError"]) == ("aborted", "aborted by key:admin")
    assert heard < 2.5
    assert again.status_code == 409
    assert 6 <= done["done"] < 30
    assert len(still_dead) == len(ids) - done["done"]


async def test_an_action_asked_for_while_no_worker_runs_is_aborted_before_it_begins(
    api: Api, providers: Providers, run_worker: RunWorker, run_system: RunSystem
) -> None:
    async with run_worker(api.history):
        (dead,) = await dead_jobs(api, providers, 1)
    asked = await start(api, "discard", {"ids": [dead]})
    await api.http.post(f"/v1/bulk-actions/{asked['id']}/abort")
    async with run_worker(api.history), run_system(api.services.database):
        done = await over(api, asked["id"])

    assert (done["status"], counts(done)) == ("aborted", (0, 0, 0))


async def test_a_canary_that_dies_stops_the_rest(
    api: Api, providers: Providers, run_worker: RunWorker, run_system: RunSystem
) -> None:
    async with run_worker(api.history), run_system(api.services.database):
        ids = await dead_jobs(api, providers, 8, deaths=2)
        done = await over(api, (await start(api, "retry", DEAD, canary=3))["id"])
        events = [(await api.http.get(f"/v1/jobs/{job_id}/events")).json()["items"] for job_id in ids]

    assert (done["status"], done["done"], done["canary"]) == ("aborted", 3, 3)
    assert done["lastError"] in {f"{n} of the first 3 jobs failed or died again" for n in (2, 3)}
    assert [sum(event["kind"] == "retried" for event in job) for job in events] == [1, 1, 1, 0, 0, 0, 0, 0]


async def test_a_canary_that_does_not_end_in_time_stops_the_rest(
    api: Api, providers: Providers, run_worker: RunWorker, run_system: RunSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workflows.bulk.CANARY_TIME", timedelta(seconds=1))

    async with run_worker(api.history), run_system(api.services.database):
        await dead_jobs(api, providers, 3)
        providers.reader.open.clear()
        done = await over(api, (await start(api, "retry", DEAD, canary=1))["id"])
        providers.reader.open.set()

    assert (done["status"], done["done"]) == ("aborted", 1)
    assert done["lastError"] == "1 of the first 1 jobs did not complete in time"


async def test_a_canary_that_lives_is_followed_by_the_rest(
    api: Api, providers: Providers, run_worker: RunWorker, run_system: RunSystem
) -> None:
    async with run_worker(api.history), run_system(api.services.database):
        ids = await dead_jobs(api, providers, 8)
        done = await over(api, (await start(api, "retry", DEAD, canary=2))["id"])
        jobs = [await ended(api, job_id) for job_id in ids]

    assert (done["status"], counts(done)) == ("completed", (8, 0, 0))
    assert {job["status"] for job in jobs} == {"completed"}


async def test_the_children_of_failed_jobs_are_watched_as_a_canary(
    api: Api, providers: Providers, run_worker: RunWorker, run_system: RunSystem, tmp_path: Path
) -> None:
    async with run_worker(api.history), run_system(api.services.database, data_dir=tmp_path):
        ids = await dead_jobs(api, providers, 4, deaths=2)
        await over(api, (await start(api, "discard", DEAD))["id"])
        await recorded(api, ids, "failed")
        done = await over(api, (await start(api, "retry", FAILED, canary=1))["id"])
        children = (await api.http.get("/v1/jobs", params={"parentJobId": ids[0]})).json()["items"]

    assert (done["status"], done["done"]) == ("aborted", 1)
    assert [child["status"] for child in children] == ["dead"]


# -- crashes ------------------------------------------------------------------------------------------------------


class CutOff(Exception):  # noqa: N818  not an error of ours
    """Stands for a process that is killed."""


class FragileDecisions:
    """Passes decisions on to the real ones, and breaks after some of them, before it could say what came of them."""

    def __init__(self, decisions: JobDecisions, breaks: Mapping[int, Exception]) -> None:
        self._decisions = decisions
        self._breaks = dict(breaks)
        self.asked: list[str] = []

    async def decide(self, order: BulkOrder, target: BulkTarget) -> BulkOutcome:
        self.asked.append(target.job_id)
        outcome = await self._decisions.decide(order, target)
        if error := self._breaks.pop(len(self.asked), None):
            raise error
        return outcome


class DeafDecisions:
    """The real decisions, but for one job of which no answer comes. `at_once`: most that were under way."""

    def __init__(self, decisions: JobDecisions, deaf: str) -> None:
        self._decisions = decisions
        self._deaf = deaf
        self._under_way = self.at_once = 0

    async def decide(self, order: BulkOrder, target: BulkTarget) -> BulkOutcome:
        self._under_way += 1
        self.at_once = max(self.at_once, self._under_way)
        try:
            outcome = await self._decisions.decide(order, target)
        finally:
            self._under_way -= 1
        if target.job_id == self._deaf:
            raise Unavailable("no worker answered in time")
        return outcome


def an_order(action: BulkKind, *ids: str) -> BulkOrder:
    author = BulkAuthor(key_id="admin", role="admin", tenant_id="*", scope="acme")
    now = datetime.now(UTC)
    said = {"filter": BulkFilter(ids=ids), "reason": "the disk is back", "tenant_id": "acme"}
    return BulkOrder(id=f"acme:bulk:{uuid4()}", action=action, author=author, asked_at=now, **said)


async def act_until_done(api: Api, decisions: JobDecisions, order: BulkOrder) -> BulkProgress:
    """Carry a page out in several attempts; each knows only the first heartbeat, all later ones were lost."""
    steps = BulkActivities(BulkActions(api.services.database), decisions)
    beats: list[Any] = []
    while True:
        environment = ActivityEnvironment()
        environment.info = replace(environment.info, heartbeat_details=beats[:1])
        environment.on_heartbeat = lambda *details: beats.append(details[0])
        with suppress(CutOff):
            step = PageInput(order=order, progress=BulkProgress(), limit=50)
            progress: BulkProgress = await environment.run(steps.act, step)
            return progress


BREAKS = {1: CutOff(), 3: CutOff(), 6: CutOff(), 10: CutOff()}
"""After the first job, and then in each attempt one job further."""


async def test_a_page_cut_off_after_each_job_retries_none_twice_and_counts_all(
    api: Api, providers: Providers, run_worker: RunWorker
) -> None:
    fragile = FragileDecisions(api.services.decisions, BREAKS)

    async with run_worker(api.history):
        ids = await dead_jobs(api, providers, 4, deaths=2)
        progress = await act_until_done(api, fragile, an_order(BulkKind.RETRY, *ids))
        for job_id in ids:
            await job_that(api, job_id, "dead")
        events = [(await api.http.get(f"/v1/jobs/{job_id}/events")).json()["items"] for job_id in ids]

    assert fragile.asked == [*ids[:1], *ids[:2], *ids[:3], *ids, *ids]
    assert (progress.done, progress.skipped, progress.failed, progress.over) == (4, 0, 0, True)
    assert [sum(event["kind"] == "retried" for event in job) for job in events] == [1, 1, 1, 1]


async def test_a_page_cut_off_counts_jobs_that_completed_meanwhile(
    api: Api, providers: Providers, run_worker: RunWorker
) -> None:
    async with run_worker(api.history):
        ids = await dead_jobs(api, providers, 2)
        order = an_order(BulkKind.RETRY, *ids)
        targets = await BulkActions(api.services.database).page(order, None, 5)
        await api.services.decisions.decide(order, targets[0])
        await ended(api, ids[0])
        outcomes = [await api.services.decisions.decide(order, target) for target in targets]

    assert [outcome.what for outcome in outcomes] == ["done", "done"]


async def test_a_page_cut_off_starts_no_second_child(api: Api, providers: Providers, run_worker: RunWorker) -> None:
    fragile = FragileDecisions(api.services.decisions, BREAKS)

    async with run_worker(api.history):
        ids = await dead_jobs(api, providers, 4)
        for job_id in ids:
            await api.http.post(f"/v1/jobs/{job_id}/discard", json={"reason": "not now"})
        await recorded(api, ids, "failed")
        progress = await act_until_done(api, fragile, an_order(BulkKind.RETRY, *ids))
        children = [(await api.http.get("/v1/jobs", params={"parentJobId": job_id})).json()["items"] for job_id in ids]

    assert (progress.done, progress.skipped, progress.failed) == (4, 0, 0)
    assert [len(found) for found in children] == [1, 1, 1, 1]


@pytest.mark.parametrize("action", [BulkKind.CANCEL, BulkKind.DISCARD])
async def test_a_page_cut_off_counts_what_it_ended_itself(
    api: Api, providers: Providers, run_worker: RunWorker, action: BulkKind
) -> None:
    fragile = FragileDecisions(api.services.decisions, BREAKS)

    async with run_worker(api.history):
        ids = await dead_jobs(api, providers, 4)
        progress = await act_until_done(api, fragile, an_order(action, *ids))
        ends = [(await ended(api, job_id))["status"] for job_id in ids]

    assert (progress.done, progress.skipped, progress.failed) == (4, 0, 0)
    assert set(ends) == {"cancelled" if action is BulkKind.CANCEL else "failed"}


async def test_a_job_that_does_not_answer_is_tried_three_times_and_holds_up_no_other(
    api: Api, providers: Providers, run_worker: RunWorker, run_system: RunSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = {turn: Unavailable("no worker answered in time") for turn in (1, 2, 3)}
    fragile = FragileDecisions(api.services.decisions, away)
    monkeypatch.setattr("worker.job_decisions", lambda *_: fragile)

    async with run_worker(api.history), run_system(api.services.database):
        ids = await dead_jobs(api, providers, 3)
        done = await over(api, (await start(api, "discard", {"ids": ids}, perSecond=20))["id"])

    assert (done["status"], counts(done)) == ("completed", (2, 0, 1))
    assert done["lastError"] == f"{ids[0]}: no worker answered in time"
    assert fragile.asked == [ids[0]] * 3 + ids[1:]


async def test_a_quick_action_decides_on_several_jobs_at_once_and_passes_over_one_that_does_not_answer(
    api: Api, providers: Providers, run_worker: RunWorker, run_system: RunSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with run_worker(api.history):
        ids = await dead_jobs(api, providers, 12)
        deaf = DeafDecisions(api.services.decisions, ids[4])
        monkeypatch.setattr("worker.job_decisions", lambda *_: deaf)
        async with run_system(api.services.database):
            done = await over(api, (await start(api, "retry", {"ids": ids}, perSecond=200))["id"])

    assert (done["status"], counts(done)) == ("completed", (11, 0, 1))
    assert deaf.at_once == 10


async def test_an_action_goes_on_as_a_new_run_before_its_history_gets_long(
    api: Api,
    client: Client,
    providers: Providers,
    run_worker: RunWorker,
    run_system: RunSystem,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("workflows.bulk.PAGE", 2)
    monkeypatch.setattr("workflows.bulk.PAGES_PER_RUN", 2)

    async with run_worker(api.history), run_system(api.services.database):
        ids = await dead_jobs(api, providers, 9)
        asked = await start(api, "discard", {"ids": ids})
        done = await over(api, asked["id"])
    runs = [run async for run in client.list_workflows(f"WorkflowId = '{asked['id']}'")]
    replayer = Replayer(workflows=[BulkWorkflow], plugins=[queue_plugin(providers.blobs, keys=providers.keys)])
    for run in runs:
        await replayer.replay_workflow(await client.get_workflow_handle(run.id, run_id=run.run_id).fetch_history())

    assert (done["status"], counts(done)) == ("completed", (9, 0, 0))
    assert len(runs) == 3


async def test_a_thousand_ids_are_carried_through_the_workflow(
    api: Api, providers: Providers, run_worker: RunWorker, run_system: RunSystem
) -> None:
    async with run_worker(api.history), run_system(api.services.database):
        (dead,) = await dead_jobs(api, providers, 1)
        others = [f"acme:photo_processing:{uuid4()}-{uuid4()}" for _ in range(999)]
        done = await over(api, (await start(api, "discard", {"ids": [*others, dead]}))["id"])

    assert (done["status"], counts(done), len(done["filter"]["ids"])) == ("completed", (1, 0, 0), 1000)


async def test_jobs_accepted_after_the_action_was_asked_for_are_left_alone(
    api: Api, providers: Providers, run_worker: RunWorker, run_system: RunSystem
) -> None:
    async with run_worker(api.history):
        old = await dead_jobs(api, providers, 1)
        asked = await start(api, "discard", {"tenantId": "acme"})
        new = await dead_jobs(api, providers, 1, correlationId="new")
        async with run_system(api.services.database):
            done = await over(api, asked["id"])
        statuses = [(await api.http.get(f"/v1/jobs/{job_id}")).json()["status"] for job_id in (*old, *new)]

    assert counts(done) == (1, 0, 0)
    assert statuses == ["failed", "dead"]


async def test_an_action_whose_workflow_was_terminated_can_be_closed(api: Api, client: Client) -> None:
    asked = await start(api, "discard", {"tenantId": "acme"})
    await client.get_workflow_handle(asked["id"]).terminate(reason="by hand")

    answer = await api.http.post(f"/v1/bulk-actions/{asked['id']}/abort")
    closed = (await api.http.get(f"/v1/bulk-actions/{asked['id']}")).json()

    assert answer.status_code == 409
    assert (closed["status"], closed["lastError"]) == ("aborted", "its workflow is gone from Temporal")
