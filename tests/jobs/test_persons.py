"""A person is hidden in lists and streams, and forgotten when that is ordered; the jobs stay, and so do others."""

import asyncio
import json
from typing import Any

import pytest
from sqlalchemy import func, select
from temporalio.client import Client
from temporalio.service import RPCError

from api.masking import personal_marks
from contracts.personal import MASK, masked, names_subject, without_personal, without_subject
from contracts.values import thumbnail_key, upload_key
from readmodel.tables import KeptDraftRow
from temporal.registry import JOB_TYPES
from tests.endpoints.test_jobs import batch, ended
from tests.fixtures_models import Emulator, RunGenerations
from tests.fixtures_queue import Api, Providers, RunSystem, RunWorker

PERSON = "user_7"
HOME = "Home Street 7"


async def forgotten(api: Api, subject: str) -> dict[str, Any]:
    """Order it, and return the order as soon as it is done."""
    asked = await api.http.post("/v1/pii/erase", json={"subject": subject, "reason": "she asked for it"})
    assert (asked.status_code, asked.json()["status"]) == (202, "running"), asked.text
    async with asyncio.timeout(60):
        while True:
            order = (await api.http.get(f"/v1/pii/erase/{asked.json()['id']}")).json()
            if order["status"] != "running":
                return dict(order)
            await asyncio.sleep(0.1)


async def in_temporal(client: Client, job_id: str) -> bool:
    try:
        await client.get_workflow_handle(job_id).describe()
    except RPCError:
        return False
    return True


async def submitted(api: Api, tag: str, location: str, **more: Any) -> dict[str, Any]:
    body = await batch(api, tag)
    body["payload"] |= {"location": location}
    return dict((await api.http.post("/v1/jobs", json=body | more)).json())


@pytest.mark.usefixtures("schedules_ready")
async def test_a_person_is_forgotten_in_the_jobs_that_name_one_and_in_no_others(
    api: Api, client: Client, providers: Providers, run_worker: RunWorker, run_system: RunSystem
) -> None:
    async with run_worker(api.history), run_system(api.services.database):
        by_id = await submitted(api, "one", HOME, userId=PERSON)
        by_field = await submitted(api, "two", PERSON.upper())
        other = await submitted(api, "three", HOME, userId="user_8")
        for job in (by_id, by_field, other):
            await ended(api, job["id"])
        later = await submitted(api, "four", HOME, userId=PERSON, delaySeconds=3600)
        order = await forgotten(api, PERSON)
        again = await forgotten(api, PERSON)
        shown = [(await api.http.get(f"/v1/jobs/{job['id']}")).json() for job in (by_id, by_field, other, later)]
        audit = (await api.http.get("/v1/audit", params={"action": "person.erase"})).text

    assert (order["removed"]["jobs"], order["removed"]["stillOpen"]) == (2, 1)
    assert (again["removed"]["jobs"], again["removed"]["stillOpen"]) == (0, 1)
    assert [job["payload"]["location"] for job in shown] == [None, None, HOME, HOME]
    assert [job["metadata"]["userId"] for job in shown] == [None, None, "user_8", PERSON]
    assert [job["status"] for job in shown] == ["completed"] * 3 + ["pending"]
    files = [job["payload"]["photos"][0]["uploadId"] for job in (by_id, by_field, other)]
    kept = [await providers.blobs.exists(key("acme", sha)) for sha in files for key in (upload_key, thumbnail_key)]
    assert kept == [False] * 4 + [True] * 2
    async with asyncio.timeout(60):  # Temporal removes a history a moment after it was told to
        while await in_temporal(client, by_id["id"]) or await in_temporal(client, by_field["id"]):
            await asyncio.sleep(0.1)
    assert await in_temporal(client, other["id"])
    assert "she asked for it" in audit
    assert PERSON not in audit


async def test_lists_and_streams_mask_what_one_job_shows(api: Api, run_worker: RunWorker) -> None:
    async with run_worker(api.history):
        job = await submitted(api, "one", HOME)
        whole = await ended(api, job["id"])
        [listed] = (await api.http.get("/v1/jobs")).json()["items"]
        told = (await api.http.get(f"/v1/jobs/{job['id']}/stream")).text

    results = [json.loads(line.removeprefix("data: ")) for line in told.splitlines() if '"redacted"' in line]
    assert (whole["payload"]["location"], whole["masked"]) == (HOME, False)
    assert (listed["payload"]["location"], listed["masked"]) == (MASK, True)
    assert [result["status"] for result in results] == ["completed"]
    assert HOME not in told


async def test_a_person_in_the_middle_of_a_prompt_is_hidden_in_lists_and_forgotten_with_what_was_written(
    api: Api, model_emulator: Emulator, run_generations: RunGenerations, run_system: RunSystem
) -> None:
    name, database = "xyzzyplanted", api.services.database
    parameters = {"prompt": f"A card for {name.upper()}, our gardener"}
    payload = {"generationType": "blog_post", "parameters": parameters, "output": "text", "cache": True, "approval": {}}

    async with run_generations(database, model_emulator.endpoint("echo")), run_system(database):
        job_id = (await api.http.post("/v1/jobs", json={"jobType": "ai_generation", "payload": payload})).json()["id"]
        async with asyncio.timeout(60):
            while (await api.http.get(f"/v1/jobs/{job_id}/approval")).status_code != 200:
                await asyncio.sleep(0.05)
        await api.http.post(f"/v1/jobs/{job_id}/approval", json={"decision": "approved"})
        before = await ended(api, job_id)
        [listed] = (await api.http.get("/v1/jobs")).json()["items"]
        order = await forgotten(api, name)
        after = (await api.http.get(f"/v1/jobs/{job_id}")).json()
        approval = (await api.http.get(f"/v1/jobs/{job_id}/approval")).json()
    async with database.read() as connection:
        kept = await connection.scalar(select(func.count()).select_from(KeptDraftRow))

    assert name in before["result"]["generatedText"]
    assert (listed["payload"]["parameters"]["prompt"], listed["masked"]) == (MASK, True)
    assert order["removed"]["jobs"] == 1
    assert (after["payload"]["parameters"]["prompt"], after["result"]["generatedText"]) == (None, None)
    assert (approval["status"], approval["draft"], kept) == ("approved", None, 0)


def test_personal_fields_are_found_at_any_depth() -> None:
    marks = {"who": None, "inside": {"email": None}}
    value = {"who": {"name": "Ada"}, "inside": [{"email": "a@b.example", "n": 1}, {"email": None}], "other": "Ada"}

    hidden, gone = masked(value, marks), without_personal(value, marks)

    assert hidden == {"who": MASK, "inside": [{"email": MASK, "n": 1}, {"email": None}], "other": "Ada"}
    assert gone == {"who": None, "inside": [{"email": None, "n": 1}, {"email": None}], "other": "Ada"}
    assert [text for text in ("ADA", "A@b.example", "1", "a@b") if names_subject(value, marks, text)] == [
        "ADA",
        "A@b.example",
    ]


def test_a_person_is_found_as_words_of_a_text_and_every_text_that_has_them_goes() -> None:
    value = {"said": ["Happy birthday, ADA LOVELACE!", "Adas Lovelace", 7], "Ada Lovelace": {"n": None}, "kept": "Ada"}

    gone = without_subject(value, "Ada Lovelace")

    assert names_subject(value, {}, "ada lovelace")
    assert gone == {"said": [None, "Adas Lovelace", 7], MASK: {"n": None}, "kept": "Ada"}
    assert not names_subject(gone, {}, "Ada Lovelace")
    assert (without_subject(value, "Ada"), names_subject(value, {}, "Ada")) == (value, False), "too short for texts"
    assert without_subject("all (or .*) of it", ".*.*.*") == "all (or .*) of it"


@pytest.mark.parametrize(
    ("job_type", "payload", "inside"),
    [
        ("photo_processing", {"location", "description"}, {"gps", "vins"}),
        ("payment_processing", {"customerId", "paymentMethod"}, set()),
        ("ai_generation", {"sourceData", "parameters"}, set()),
    ],
)
def test_what_is_personal_in_a_job_type_is_marked(job_type: str, payload: set[str], inside: set[str]) -> None:
    of_payload, of_result = personal_marks(JOB_TYPES[job_type])

    assert of_payload.keys() == payload
    assert of_result.get("photos", {}).get("analysis", {}).keys() == inside
