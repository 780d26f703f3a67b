"""Jobs that wait for jobs, on a real server: told by signals, also when the other one could not tell."""

import asyncio
from typing import Any

import pytest
from temporalio.client import Client

from contracts.dependencies import filled, references, renamed
from contracts.errors import InvalidInput, NotFound
from readmodel.columns import utc_now
from temporal.dependencies import TemporalJobs
from tests.endpoints.test_jobs import batch, ended, job_that, new_key
from tests.fixtures_queue import Api, Providers, RunSystem, RunWorker


async def submit(api: Api, *tags: str, **more: Any) -> dict[str, Any]:
    answer = await api.http.post("/v1/jobs", json=await batch(api, *tags) | more)
    assert answer.status_code == 202, answer.text
    return dict(answer.json())


async def begun(providers: Providers, tag: str) -> None:
    async with asyncio.timeout(20):
        assert await providers.reader.reading.get() == tag


async def kinds(client: Client, job_id: str) -> list[str]:
    """Return the kinds of activity a job's workflow has asked for, in order."""
    history = await client.get_workflow_handle(job_id).fetch_history()
    return [
        event.activity_task_scheduled_event_attributes.activity_type.name
        for event in history.events
        if event.HasField("activity_task_scheduled_event_attributes")
    ]


async def test_a_job_begins_when_the_one_it_waits_for_is_done(
    api: Api, client: Client, providers: Providers, run_worker: RunWorker, run_system: RunSystem
) -> None:
    providers.reader.open.clear()

    async with run_worker(api.history), run_system(api.services.database):
        first = await submit(api, "one")
        second = await submit(api, "two", dependsOn=[first["id"]])
        await begun(providers, "one")
        waiting = (await api.http.get(f"/v1/jobs/{second['id']}")).json()
        providers.reader.open.set()
        done = await ended(api, second["id"])

    assert (waiting["status"], waiting["dependsOn"]) == ("pending", [first["id"]])
    assert done["status"] == "completed"
    assert await kinds(client, second["id"]) == ["dependencies.watch", "photos.read"]  # asked once, then told


async def test_a_job_may_wait_for_one_that_has_ended(api: Api, run_worker: RunWorker, run_system: RunSystem) -> None:
    async with run_worker(api.history), run_system(api.services.database):
        first = await submit(api, "one")
        await ended(api, first["id"])
        second = await submit(api, "two", dependsOn=[first["id"], first["id"]])
        done = await ended(api, second["id"])

    assert done["status"] == "completed"


@pytest.mark.parametrize(("policy", "outcome"), [("cancel", "cancelled"), ("run", "completed")])
async def test_what_becomes_of_a_job_whose_dependency_was_cancelled(
    api: Api, providers: Providers, run_worker: RunWorker, run_system: RunSystem, policy: str, outcome: str
) -> None:
    providers.reader.open.clear()

    async with run_worker(api.history), run_system(api.services.database):
        first = await submit(api, "one")
        second = await submit(api, "two", dependsOn=[first["id"]], onDependencyFailure=policy)
        third = await submit(api, "three", dependsOn=[second["id"]])
        await begun(providers, "one")
        await api.http.post(f"/v1/jobs/{first['id']}/cancel")
        providers.reader.open.set()
        told = [await ended(api, job["id"]) for job in (second, third)]

    assert [job["status"] for job in told] == [outcome, outcome]
    if policy == "cancel":
        assert told[0]["error"]["type"] == "DependencyFailed"
        assert first["id"] in told[0]["error"]["message"]


async def test_a_dead_dependency_keeps_its_dependant_waiting_until_it_is_decided(
    api: Api, providers: Providers, run_worker: RunWorker, run_system: RunSystem
) -> None:
    providers.reader.errors["one"] = [OSError("disk")]

    async with run_worker(api.history), run_system(api.services.database):
        first = await submit(api, "one", maxAttempts=1)
        second = await submit(api, "two", dependsOn=[first["id"]])
        await job_that(api, first["id"], "dead")
        waiting = (await api.http.get(f"/v1/jobs/{second['id']}")).json()
        await api.http.post(f"/v1/jobs/{first['id']}/retry")
        done = await ended(api, second["id"])

    assert (waiting["status"], done["status"]) == ("pending", "completed")


async def test_a_terminated_job_tells_nobody_and_the_repair_does(
    api: Api, client: Client, providers: Providers, run_worker: RunWorker, run_system: RunSystem
) -> None:
    providers.reader.open.clear()

    async with run_worker(api.history), run_system(api.services.database):
        first = await submit(api, "one")
        second = await submit(api, "two", dependsOn=[first["id"]])
        await begun(providers, "one")
        await client.get_workflow_handle(first["id"]).terminate(reason="by hand")
        await ended(api, first["id"])
        queries = api.services.queries
        async with asyncio.timeout(10):
            while not (unheard := await queries.unheard(utc_now(), 10)):
                await asyncio.sleep(0.05)
        for waiting, end in unheard:
            await TemporalJobs(client, queries).tell(waiting, end)
        done = await ended(api, second["id"])
        providers.reader.open.set()

    assert [(waiting, end.job_id) for waiting, end in unheard] == [(second["id"], first["id"])]
    assert done["status"] == "cancelled"


async def test_a_waiting_job_can_be_cancelled(
    api: Api, providers: Providers, run_worker: RunWorker, run_system: RunSystem
) -> None:
    providers.reader.open.clear()

    async with run_worker(api.history), run_system(api.services.database):
        first = await submit(api, "one")
        second = await submit(api, "two", dependsOn=[first["id"]])
        await begun(providers, "one")
        await api.http.post(f"/v1/jobs/{second['id']}/cancel")
        cancelled = await ended(api, second["id"])
        providers.reader.open.set()
        done = await ended(api, first["id"])

    assert (cancelled["status"], done["status"]) == ("cancelled", "completed")
    assert providers.reader.read_count == {"one": 1}


async def test_a_payload_takes_values_from_the_result_it_waited_for(
    api: Api, providers: Providers, run_worker: RunWorker, run_system: RunSystem
) -> None:
    async with run_worker(api.history), run_system(api.services.database):
        first = await submit(api, "one", "two")
        reference = f"{{{{{first['id']}.result.photos.1.source}}}}"
        body = {"jobType": "photo_processing", "payload": {"photos": [reference]}, "dependsOn": [first["id"]]}
        second = (await api.http.post("/v1/jobs", json=body)).json()
        done = await ended(api, second["id"])

    assert second["payload"] == body["payload"]
    assert done["status"] == "completed"
    assert done["payload"] == {"photos": [first["payload"]["photos"][1] | {"url": None}]}
    assert done["progress"]["total"] == 1


@pytest.mark.parametrize(
    ("reference", "words"),
    [("result.photos.9.source", "no 'photos.9.source' in the result"), ("result.summary", "the payload is not valid")],
)
async def test_a_payload_that_cannot_be_filled_fails_its_job_with_the_reason(
    api: Api, run_worker: RunWorker, run_system: RunSystem, reference: str, words: str
) -> None:
    async with run_worker(api.history), run_system(api.services.database):
        first = await submit(api, "one")
        body = {
            "jobType": "photo_processing",
            "payload": {"photos": [f"{{{{{first['id']}.{reference}}}}}"]},
            "dependsOn": [first["id"]],
        }
        second = (await api.http.post("/v1/jobs", json=body)).json()
        done = await ended(api, second["id"])

    assert (done["status"], done["error"]["type"]) == ("failed", "InvalidInput")
    assert words in done["error"]["message"]


async def test_a_job_waits_only_for_jobs_that_its_tenant_has(api: Api) -> None:
    mine = await submit(api, "one")
    async with api.with_key(await new_key(api, "other", "submitter")) as theirs:
        photos = {"photos": [{"url": "https://shop.example/a.png"}]}
        body = {"jobType": "photo_processing", "payload": photos, "dependsOn": [mine["id"]]}
        refused = await theirs.post("/v1/jobs", json=body)
    unknown = await api.http.post("/v1/jobs", json=body | {"dependsOn": [mine["id"], "acme:photo_processing:none"]})

    assert refused.status_code == 422
    assert refused.json()["errors"] == [{"path": "dependsOn.0", "message": f"no job '{mine['id']}'"}]
    assert unknown.json()["errors"] == [{"path": "dependsOn.1", "message": "no job 'acme:photo_processing:none'"}]


# -- templates ----------------------------------------------------------------------------------------------------


def test_a_lone_reference_keeps_its_type_and_one_in_a_text_becomes_text() -> None:
    results = {"a": {"n": 3, "list": [{"x": "y"}], "name": "cup"}}

    assert filled({"n": "{{a.result.n}}", "l": ["{{ a.result.list.0 }}"]}, results) == {"n": 3, "l": [{"x": "y"}]}
    assert filled("{{a.result.name}} x {{a.result.n}}", results) == "cup x 3"
    assert filled("{{a.result}}", results) == results["a"]
    assert filled({"plain": "{{ not one }}", "n": 1}, results) == {"plain": "{{ not one }}", "n": 1}


@pytest.mark.parametrize("path", ["missing", "list.7", "list.x", "n.deeper", "name.0"])
def test_a_reference_that_leads_nowhere_is_named(path: str) -> None:
    results = {"a": {"n": 3, "list": [1], "name": "cup"}}

    with pytest.raises(InvalidInput, match=f"no '{path}' in the result of job 'a'"):
        filled(f"{{{{a.result.{path}}}}}", results)


def test_names_become_ids_and_values_are_not_filled_twice() -> None:
    template = {"deep": [{"x": "{{cut.result.a}} and {{print.result}}"}]}
    ids = {"cut": "acme:t:1.5", "print": "acme:t:2"}

    assert sorted(references(template)) == ["cut", "print"]
    assert filled(renamed(template, ids), {"acme:t:1.5": {"a": "{{print.result}}"}, "acme:t:2": 5}) == {
        "deep": [{"x": "{{print.result}} and 5"}]
    }


async def test_a_job_that_nobody_knows_counts_as_failed(api: Api, client: Client) -> None:
    others = TemporalJobs(client, api.services.queries)

    end = await others.watch("acme:photo_processing:gone", "acme:photo_processing:x")

    assert end is not None
    assert end.status == "failed"
    with pytest.raises(NotFound):
        await api.services.engine.cancel("acme:photo_processing:gone")
