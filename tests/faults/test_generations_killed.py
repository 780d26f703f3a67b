"""A worker killed in the middle of a model's answer costs that answer, which is counted as lost, and nothing else."""

import asyncio
import json

from tests.fixtures_models import AIMOCK_KEY, PRICES, Emulator
from tests.fixtures_processes import Machine

PAYLOAD = {"generationType": "blog_post", "parameters": {"prompt": "Soil for cacti"}, "output": "text"}


async def test_a_worker_killed_in_mid_answer_is_replaced_and_what_was_heard_is_counted(
    machine: Machine, model_emulator: Emulator
) -> None:
    provider = {"url": model_emulator.url, "key": AIMOCK_KEY, "model": "once-slow", "prices": {"once-slow": PRICES}}
    settings = {"SPACES_AI_PROVIDERS": json.dumps([provider])}
    await machine.api()
    killed = await machine.worker("--queues", "ai_generation", **settings)
    job_id = (await machine.http.post("/v1/jobs", json={"jobType": "ai_generation", "payload": PAYLOAD})).json()["id"]
    async with asyncio.timeout(60):
        while len(await pieces(machine, job_id)) < 5:  # more than a second of it
            await asyncio.sleep(0.05)

    await killed.kill()
    await machine.worker("--queues", "ai_generation", **settings)
    async with asyncio.timeout(90):
        while (job := (await machine.http.get(f"/v1/jobs/{job_id}")).json())["status"] != "completed":
            await asyncio.sleep(0.1)
    stream = (await machine.http.get(f"/v1/jobs/{job_id}/stream")).text

    used = job["result"]["processingMetadata"]["used"]
    assert (job["attempts"], job["result"]["generatedText"]) == (2, "Here it is, at last.")
    assert (used["calls"], used["lostCalls"]) == (2, 1)
    assert used["lostTokens"] > 20
    assert 0 < used["lostCostMicros"] < used["costMicros"]
    told = [json.loads(line.removeprefix("data: ")) for line in stream.splitlines() if '"offset"' in line]
    assert [piece["attempt"] for piece in told] == sorted(piece["attempt"] for piece in told)
    assert "".join(piece["text"] for piece in told if piece["attempt"] == 2) == "Here it is, at last."
    assert told[0]["text"] == "One two three four f"[: len(told[0]["text"])]


async def pieces(machine: Machine, job_id: str) -> list[object]:
    events = (await machine.http.get(f"/v1/jobs/{job_id}/events", params={"limit": 200})).json()["items"]
    return [event for event in events if event["kind"] == "tokens"]
