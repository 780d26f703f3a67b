"""Flows on a real server: jobs in their order, results passed on, cancelled as a whole, many at once."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from api.flow_requests import FlowRequest, drafted_flow
from api.identity import Caller
from contracts.errors import Conflict, InvalidInput
from contracts.flows import (
    FlowEdge,
    FlowJob,
    FlowNode,
    FlowStatus,
    FlowView,
    dependencies_of,
    flow_status,
    jobs_to_start_anew,
    waves_of,
)
from contracts.jobs import JobFailure, JobStatus, Progress
from readmodel.flows import Flows
from tests.endpoints.test_jobs import job_that, upload
from tests.fixtures_queue import Api, Providers, RunSystem, RunWorker


async def a_job(api: Api, ref: str, *depends_on: str, **more: Any) -> dict[str, Any]:
    """Return a job of a flow that reads the photo named like it."""
    payload = {"photos": [{"uploadId": await upload(api, ref)}]}
    return {"ref": ref, "jobType": "photo_processing", "payload": payload, "dependsOn": depends_on} | more


async def submit(api: Api, *jobs: dict[str, Any], **more: Any) -> dict[str, Any]:
    answer = await api.http.post("/v1/flows", json={"name": "a flow", "jobs": jobs} | more)
    assert answer.status_code == 202, answer.text
    return dict(answer.json())


async def flow_that(api: Api, flow_id: str, *statuses: str, seconds: float = 40) -> dict[str, Any]:
    """Return the flow as soon as it has one of the statuses."""
    async with asyncio.timeout(seconds):
        while True:
            flow = (await api.http.get(f"/v1/flows/{flow_id}")).json()
            if flow["status"] in statuses:
                return dict(flow)
            await asyncio.sleep(0.05 if len(flow["jobs"]) < 20 else 0.5)


async def over(api: Api, flow_id: str, seconds: float = 40) -> dict[str, Any]:
    return await flow_that(api, flow_id, "completed", "failed", "cancelled", seconds=seconds)


def standings(flow: dict[str, Any]) -> dict[str, str]:
    return {job["ref"]: job["status"] for job in flow["jobs"]}


async def test_a_diamond_runs_in_its_order_and_says_how_far_it_is(
    api: Api, providers: Providers, run_worker: RunWorker, run_system: RunSystem
) -> None:
    async with run_worker(api.history), run_system(api.services.database):
        jobs = [
            await a_job(api, "join", "left", "right"),
            await a_job(api, "right", "root"),
            await a_job(api, "left", "root"),
            await a_job(api, "root"),
        ]
        flow = await submit(api, *jobs, tags=["winter"], priority="high")
        done = await over(api, flow["id"])
        listed = (await api.http.get("/v1/jobs", params={"flowId": flow["id"]})).json()["items"]
    order = [providers.reader.reading.get_nowait() for _ in range(4)]
    at = {job["ref"]: job for job in done["jobs"]}

    assert (order[0], set(order[1:3]), order[3]) == ("root", {"left", "right"}, "join")
    assert (done["status"], done["progress"]) == ("completed", {"done": 4, "total": 4, "unit": "job", "message": ""})
    assert done["counts"] == {"completed": 4}
    assert done["endedAt"] == max(job["completedAt"] for job in done["jobs"])
    assert done["jobs"][0]["ref"] == "root"
    assert {(edge["from"], edge["to"]) for edge in done["edges"]} == {
        ("root", "left"), ("root", "right"), ("left", "join"), ("right", "join"),
    }  # fmt: skip
    assert at["join"]["processedAt"] >= max(at["left"]["completedAt"], at["right"]["completedAt"])
    assert {job["id"] for job in listed} == set(flow["jobs"].values())
    assert {(job["priority"], *job["tags"]) for job in listed} == {("high", "winter")}


@pytest.mark.parametrize(
    ("policy", "middle", "last", "outcome"),
    [("cancel", "failed", "cancelled", "failed"), ("run", "failed", "completed", "failed")],
)
async def test_what_follows_a_job_that_failed_in_the_middle(
    api: Api,
    providers: Providers,
    run_worker: RunWorker,
    run_system: RunSystem,
    policy: str,
    middle: str,
    last: str,
    outcome: str,
) -> None:
    providers.reader.errors["middle"] = [OSError("disk")]

    async with run_worker(api.history), run_system(api.services.database):
        jobs = [
            await a_job(api, "first"),
            await a_job(api, "middle", "first", maxAttempts=1),
            await a_job(api, "last", "middle"),
            await a_job(api, "beside", "first"),
        ]
        flow = await submit(api, *jobs, onDependencyFailure=policy)
        dead = await flow_that(api, flow["id"], "dead")
        await api.http.post(f"/v1/jobs/{flow['jobs']['middle']}/discard", json={"reason": "no use"})
        done = await over(api, flow["id"])

    assert standings(dead)["last"] == "pending"
    assert standings(done) == {"first": "completed", "middle": middle, "last": last, "beside": "completed"}
    assert (done["status"], done["progress"]["done"]) == (outcome, 4)


async def test_a_flow_goes_on_from_a_failed_job_that_is_retried(
    api: Api, providers: Providers, run_worker: RunWorker, run_system: RunSystem
) -> None:
    providers.reader.errors["middle"] = [OSError("disk")]
    taken = {"photos": ["{{middle.result.photos.0.source}}"], "description": "{{middle.result.counts.read}} read"}
    once = {"Idempotency-Key": "again"}

    async with run_worker(api.history), run_system(api.services.database):
        jobs = [
            await a_job(api, "first"),
            await a_job(api, "middle", "first", maxAttempts=1),
            {"ref": "last", "jobType": "photo_processing", "payload": taken},
            await a_job(api, "beside", "first"),
            await a_job(api, "end", "last", "beside"),
        ]
        flow = await submit(api, *jobs)
        failed = flow["jobs"]["middle"]
        await flow_that(api, flow["id"], "dead")
        await api.http.post(f"/v1/jobs/{failed}/discard", json={"reason": "no use"})
        before = await over(api, flow["id"])
        too_late = await api.http.post(f"/v1/jobs/{flow['jobs']['last']}/retry")
        answers = [await api.http.post(f"/v1/jobs/{failed}/retry", headers=once) for _ in range(2)]
        after = await over(api, flow["id"])
        again = await api.http.post(f"/v1/jobs/{failed}/retry")
        listed = (await api.http.get("/v1/flows")).json()["items"]
        present = {job["ref"]: job for job in after["jobs"]}
        last = (await api.http.get(f"/v1/jobs/{present['last']['id']}")).json()
        done = await api.http.post(f"/v1/jobs/{flow['jobs']['first']}/retry")

    assert standings(before) | {"end": "cancelled", "last": "cancelled", "middle": "failed"} == standings(before)
    assert (too_late.status_code, "needs 'middle', which is failed" in too_late.json()["detail"]) == (409, True)
    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[1].headers["idempotent-replayed"] == "true"
    assert answers[0].json()["id"] == answers[1].json()["id"] == present["middle"]["id"]
    assert answers[0].json()["metadata"]["parentJobId"] == failed
    assert (after["status"], set(standings(after).values())) == ("completed", {"completed"})
    assert {ref: job["earlier"] for ref, job in present.items()} == {
        ref: [job_id] if ref in {"middle", "last", "end"} else [] for ref, job_id in flow["jobs"].items()
    }
    assert after["edges"] == before["edges"]
    assert (listed[0]["status"], listed[0]["counts"]) == ("completed", {"completed": 5})
    assert (last["payload"]["description"], last["dependsOn"]) == ("1 read", [present["middle"]["id"]])
    assert (again.status_code, present["middle"]["id"] in again.json()["detail"]) == (409, True)
    assert (done.status_code, done.json()["flowId"]) == (202, None)


async def test_a_job_may_say_otherwise_than_its_flow(
    api: Api, providers: Providers, run_worker: RunWorker, run_system: RunSystem
) -> None:
    async with run_worker(api.history), run_system(api.services.database):
        jobs = [
            await a_job(api, "first", delaySeconds=600),
            await a_job(api, "clean", "first", onDependencyFailure="run", priority="low"),
            await a_job(api, "print", "first"),
        ]
        flow = await submit(api, *jobs, priority="critical")
        await api.http.post(f"/v1/jobs/{flow['jobs']['first']}/cancel")
        done = await over(api, flow["id"])

    assert standings(done) == {"first": "cancelled", "clean": "completed", "print": "cancelled"}
    assert {job["ref"]: job["priority"] for job in done["jobs"]} == {
        "first": "critical", "clean": "low", "print": "critical",
    }  # fmt: skip


async def test_results_are_passed_on_whole_and_as_text_and_imply_the_dependency(
    api: Api, providers: Providers, run_worker: RunWorker, run_system: RunSystem
) -> None:
    async with run_worker(api.history), run_system(api.services.database):
        first = await a_job(api, "result")
        second = {
            "ref": "copy",
            "jobType": "photo_processing",
            "payload": {
                "photos": ["{{ result.result.photos.0.source }}"],
                "description": "{{result.result.counts.read}} of {{result.result.counts.photos}} read",
            },
        }
        flow = await submit(api, second, first)
        done = await over(api, flow["id"])
        copy = (await api.http.get(f"/v1/jobs/{flow['jobs']['copy']}")).json()

    assert done["edges"] == [{"from": "result", "to": "copy"}]
    assert (copy["status"], copy["dependsOn"]) == ("completed", [flow["jobs"]["result"]])
    assert copy["payload"]["photos"] == [first["payload"]["photos"][0] | {"url": None}]
    assert copy["payload"]["description"] == "1 of 1 read"


async def test_a_key_with_the_word_result_in_it_confuses_no_reference(
    api: Api, run_worker: RunWorker, run_system: RunSystem
) -> None:
    async with run_worker(api.history), run_system(api.services.database):
        first = await a_job(api, "a")
        payload = {"photos": ["{{a.result.photos.0.source}}"]}
        jobs = [first, {"ref": "b", "jobType": "photo_processing", "payload": payload}]
        headers = {"Idempotency-Key": "shop.result.7"}
        flow = (await api.http.post("/v1/flows", json={"name": "x", "jobs": jobs}, headers=headers)).json()
        done = await over(api, flow["id"])

    assert flow["id"] == "acme:flow:shop.result.7"
    assert done["status"] == "completed"


async def test_a_flow_is_cancelled_as_a_whole_and_nothing_begins_meanwhile(
    api: Api, providers: Providers, run_worker: RunWorker, run_system: RunSystem
) -> None:
    providers.reader.open.clear()

    async with run_worker(api.history), run_system(api.services.database):
        jobs = [
            await a_job(api, "first"),
            await a_job(api, "second", "first"),
            await a_job(api, "third", "second"),
            await a_job(api, "later", delaySeconds=600),
        ]
        flow = await submit(api, *jobs, onDependencyFailure="run")  # each would run when the one before is cancelled
        await job_that(api, flow["jobs"]["first"], "processing")
        answer = await api.http.post(f"/v1/flows/{flow['id']}/cancel")
        done = await over(api, flow["id"])
        again = await api.http.post(f"/v1/flows/{flow['id']}/cancel")
        events = (await api.http.get(f"/v1/jobs/{flow['jobs']['third']}/events")).json()["items"]
        providers.reader.open.set()

    assert (answer.status_code, again.status_code) == (202, 409)
    assert set(standings(done).values()) == {"cancelled"}
    assert [job["ref"] for job in done["jobs"] if job["processedAt"]] == ["first"]
    assert {"cancel_requested"} < {event["kind"] for event in events}


async def test_a_flow_is_cancelled_before_any_worker_has_seen_it(
    api: Api, run_worker: RunWorker, run_system: RunSystem
) -> None:
    flow = await submit(api, await a_job(api, "first"), await a_job(api, "second", "first"))
    answer = await api.http.post(f"/v1/flows/{flow['id']}/cancel")
    async with run_worker(api.history), run_system(api.services.database):
        done = await over(api, flow["id"])

    assert answer.status_code == 202
    assert standings(done) == {"first": "cancelled", "second": "cancelled"}


async def test_a_flow_that_was_only_written_down_is_started_by_the_relay(
    api: Api, run_worker: RunWorker, run_system: RunSystem
) -> None:
    request = FlowRequest.model_validate(
        {"name": "x", "jobs": [await a_job(api, "first"), await a_job(api, "second", "first")]}
    )
    flow, drafts = drafted_flow(Caller("k", "submitter", "acme"), "acme", request, None)

    # as if the process had been killed right after the commit
    await Flows(api.services.database).accept(flow, [draft.submission for draft in drafts.values()])
    async with run_worker(api.history), run_system(api.services.database):
        done = await over(api, flow.id)

    assert standings(done) == {"first": "completed", "second": "completed"}


async def test_sixty_jobs_fan_out_and_in(
    api: Api, providers: Providers, run_worker: RunWorker, run_system: RunSystem
) -> None:
    shared = await a_job(api, "shared")
    leaves = [shared | {"ref": f"leaf-{place}", "dependsOn": ["root"]} for place in range(58)]
    jobs = [
        shared | {"ref": "root"},
        *leaves,
        shared | {"ref": "end", "dependsOn": [leaf["ref"] for leaf in leaves]},
    ]

    async with run_worker(api.history), run_system(api.services.database):
        began = time.monotonic()
        flow = await submit(api, *jobs)
        accepted = time.monotonic() - began
        done = await over(api, flow["id"], seconds=150)
        took = time.monotonic() - began

    print(f"60 jobs: accepted in {accepted:.2f} s, done in {took:.1f} s")
    assert (done["status"], done["counts"]) == ("completed", {"completed": 60})
    assert len(done["edges"]) == 2 * 58
    assert providers.reader.read_count == {"shared": 60}


# -- rules --------------------------------------------------------------------------------------------------------

PENDING, PROCESSING, RETRYING, DEAD = JobStatus.PENDING, JobStatus.PROCESSING, JobStatus.RETRYING, JobStatus.DEAD
COMPLETED, FAILED, CANCELLED = JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED


@pytest.mark.parametrize(
    ("statuses", "standing"),
    [
        ([], FlowStatus.COMPLETED),
        ([PENDING], FlowStatus.PENDING),
        ([PENDING, PENDING], FlowStatus.PENDING),
        ([PENDING, PROCESSING], FlowStatus.PROCESSING),
        ([PENDING, RETRYING], FlowStatus.PROCESSING),
        ([PENDING, COMPLETED], FlowStatus.PROCESSING),
        ([PENDING, FAILED], FlowStatus.PROCESSING),
        ([PROCESSING, CANCELLED], FlowStatus.PROCESSING),
        ([PENDING, DEAD], FlowStatus.DEAD),
        ([PROCESSING, DEAD, FAILED], FlowStatus.DEAD),
        ([COMPLETED, DEAD], FlowStatus.DEAD),
        ([COMPLETED, COMPLETED], FlowStatus.COMPLETED),
        ([COMPLETED, CANCELLED], FlowStatus.CANCELLED),
        ([COMPLETED, CANCELLED, FAILED], FlowStatus.FAILED),
        ([FAILED], FlowStatus.FAILED),
    ],
)
def test_where_a_flow_stands_follows_from_its_jobs(statuses: list[JobStatus], standing: FlowStatus) -> None:
    assert flow_status(statuses) is standing
    assert standing.ended is all(status.ended for status in statuses)


def test_dependencies_are_those_named_and_those_taken_from_each_once() -> None:
    nodes = [
        FlowNode("c", ("a", "b", "a"), {"x": ["{{b.result}}", "{{ d.result.y }} and {{a.result.z}}"]}),
        FlowNode("b", ("a",)),
        FlowNode("a"),
        FlowNode("d"),
    ]

    needed = dependencies_of(nodes)

    assert needed == {"a": (), "d": (), "b": ("a",), "c": ("a", "b", "d")}
    assert [set(wave) for wave in waves_of(needed)] == [{"a", "d"}, {"b"}, {"c"}]
    assert list(needed)[-1] == "c"


def a_flow_of(*jobs: FlowJob) -> FlowView:
    edges = tuple(FlowEdge(from_=other, to=job.ref) for job in jobs for other in job.depends_on)
    return FlowView(
        **{"id": "acme:flow:f", "name": "f", "tenant_id": "acme", "actor": "key:a", "status": FlowStatus.FAILED},
        created_at=datetime.now(UTC),
        progress=Progress(done=0, total=len(jobs), unit="job"),
        counts={},
        jobs=jobs,
        edges=edges,
    )


def in_flow(ref: str, status: JobStatus, *depends_on: str, fell: bool = False, undoes: bool = False) -> FlowJob:
    error = JobFailure(type="DependencyFailed", message=None, retryable=False) if fell else None
    same = {"id": f"acme:photo_processing:{ref}", "job_type": "photo_processing", "error": error}
    return FlowJob(ref=ref, status=status, depends_on=depends_on, compensates=undoes, **same)


@pytest.mark.parametrize(
    ("others", "unneeded", "anew"),
    [
        ([in_flow("ship", CANCELLED, "pay", fell=True)], [], {"pay", "ship"}),
        ([in_flow("ship", CANCELLED, "pay")], [], {"pay"}),
        ([in_flow("ship", COMPLETED, "pay")], [], {"pay"}),
        ([in_flow("ship", PROCESSING, "pay")], [], {"pay"}),
        ([in_flow("cut", FAILED), in_flow("ship", CANCELLED, "pay", "cut", fell=True)], [], {"pay"}),
        ([in_flow("cut", PENDING), in_flow("ship", CANCELLED, "pay", "cut", fell=True)], [], {"pay", "ship"}),
        (
            [
                in_flow("ship", CANCELLED, "pay", fell=True),
                in_flow("refund", COMPLETED, "ship", "pay", undoes=True),
            ],
            ["refund"],
            {"pay", "ship", "refund"},
        ),
        ([in_flow("ship", PENDING, "pay", "cut"), in_flow("cut", PROCESSING)], [], "waits for 'pay' and others still"),
        ([in_flow("refund", COMPLETED, "pay", undoes=True)], [], "'refund' (completed) makes up for what the flow did"),
        ([in_flow("refund", PENDING, "pay", undoes=True)], [], "'refund' (pending) makes up for what the flow did"),
    ],
)
def test_what_starts_anew_with_a_failed_job(others: list[FlowJob], unneeded: list[str], anew: set[str] | str) -> None:
    root = in_flow("pay", FAILED)

    try:
        found: set[str] | str = {job.ref for job in jobs_to_start_anew(a_flow_of(root, *others), root, unneeded)}
    except Conflict as error:
        found = str(error)

    assert found == anew if isinstance(anew, set) else anew in str(found)


@pytest.mark.parametrize(
    ("nodes", "fields"),
    [
        (
            [FlowNode("cut", ("print",)), FlowNode("print", ("cut",))],
            [("jobs", "the jobs wait for each other in a circle: cut → print → cut")],
        ),
        ([FlowNode("a", ("a",))], [("jobs", "the jobs wait for each other in a circle: a → a")]),
        ([FlowNode("a", (), "{{a.result}}")], [("jobs", "the jobs wait for each other in a circle: a → a")]),
        (
            [FlowNode("a"), FlowNode("b"), FlowNode("a"), FlowNode("a")],
            [("jobs.2.ref", "the ref 'a' is used twice"), ("jobs.3.ref", "the ref 'a' is used twice")],
        ),
        ([FlowNode("a", ("b", "c")), FlowNode("b")], [("jobs.0.dependsOn.1", "no job 'c' in this flow")]),
        (
            [FlowNode("a", (), {"x": "{{other.result.y}}"})],
            [("jobs.0.payload", "no job 'other' in this flow, from whose result to take a value")],
        ),
    ],
)
def test_a_graph_that_cannot_run_is_refused_with_its_fault(
    nodes: list[FlowNode], fields: list[tuple[str, str]]
) -> None:
    with pytest.raises(InvalidInput) as error:
        dependencies_of(nodes)

    assert list(error.value.fields) == fields
