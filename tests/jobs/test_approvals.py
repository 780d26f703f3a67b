"""Generations that wait for somebody's approval: decided over HTTP, reminded of, expired, cancelled."""

import asyncio
import gc
import inspect
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client

from activities import budget_renewal
from activities.budget_renewal import BudgetRenewal
from contracts.approvals import ApprovalAsk, Subject
from contracts.budgets import BudgetStanding
from contracts.generation_kinds import GenerationType
from contracts.generation_ports import CallState, ModelCall
from readmodel.approvals import Approvals
from readmodel.budgets import Budgets
from readmodel.database import Database
from readmodel.model_calls import ModelCalls
from temporal.engine import TemporalEngine
from tests.endpoints.test_jobs import ended, new_key
from tests.fixtures_models import Emulator, RunGenerations
from tests.fixtures_queue import Api, RunSystem
from tests.jobs.test_generations import BRIEF, job_in, submit
from workflows import approvals

ASKING = {"generationType": "marketing_copy", "parameters": BRIEF, "approval": {}}


@pytest.fixture
def desk(model_emulator: Emulator, run_generations: RunGenerations, run_system: RunSystem) -> Any:
    """Workers of both queues on the emulator's model that always answers, as `async with desk(api):`."""

    @asynccontextmanager
    async def run(api: Api, **others: object) -> AsyncIterator[None]:
        database = api.services.database
        async with run_generations(database, model_emulator.endpoint("fine"), **others), run_system(database):
            yield

    return run


async def asked(api: Api, job_id: str, round: int = 1) -> dict[str, Any]:
    """Return the job's approval as soon as it asks for that round."""
    async with asyncio.timeout(60):
        while True:
            answer = await api.http.get(f"/v1/jobs/{job_id}/approval")
            if answer.status_code == 200 and answer.json()["round"] == round and answer.json()["status"] == "pending":
                return dict(answer.json())
            await asyncio.sleep(0.05)


async def decide(api: Api, job_id: str, decision: str, **said: Any) -> tuple[int, dict[str, Any]]:
    answer = await api.http.post(f"/v1/jobs/{job_id}/approval", json={"decision": decision, **said})
    return answer.status_code, answer.json()


async def waiting(api: Api) -> list[str]:
    listed = (await api.http.get("/v1/approvals", params={"status": "pending"})).json()["items"]
    return [item["jobId"] for item in listed]


async def test_a_text_is_revised_with_notes_and_then_approved(api: Api, desk: Any, model_emulator: Emulator) -> None:
    async with desk(api):
        job_id = await submit(api, ASKING)
        first = await asked(api, job_id)
        job = (await api.http.get(f"/v1/jobs/{job_id}")).json()
        why = (await api.http.get(f"/v1/jobs/{job_id}/explain")).json()
        listed = await waiting(api)
        revised = await decide(api, job_id, "revision", notes="Name the five litres", round=1)
        second = await asked(api, job_id, 2)
        late = await decide(api, job_id, "approved", round=1)
        approved = await decide(api, job_id, "approved")
        done = await ended(api, job_id)
        again = await decide(api, job_id, "approved")
        against = await decide(api, job_id, "rejected")
    request = (await model_emulator.asked("fine"))[-1]["messages"]
    kinds = [event["kind"] for event in (await api.http.get(f"/v1/jobs/{job_id}/events?limit=200")).json()["items"]]

    assert first["draft"]["content"]["headline"] == "Prickly and proud"
    assert (job["status"], job["approval"]["status"], job["result"]) == ("processing", "pending", None)
    assert (why["reasons"][0]["code"], why["eta"]) == ("waiting_for_approval", None)
    assert listed == [job_id]
    assert (revised[0], second["number"], late[0], approved[0], again[0], against[0]) == (200, 2, 409, 200, 200, 409)
    assert (request[-2]["role"], "Name the five litres" in request[-1]["content"]) == ("assistant", True)
    assert (done["status"], done["result"]["approvalStatus"]) == ("completed", "approved")
    assert done["result"]["reviewNotes"] == ["Name the five litres"]
    assert done["progress"]["done"] == done["progress"]["total"] == 2
    assert [kind for kind in kinds if kind.startswith("approval")] == [
        "approval_requested", "approval_revision", "approval_requested", "approval_approved",
    ]  # fmt: skip
    assert await waiting(api) == []


async def test_a_rejected_text_ends_its_job_as_failed_and_what_waits_for_it_does_not_run(api: Api, desk: Any) -> None:
    async with desk(api):
        job_id = await submit(api, ASKING)
        follower = await submit(api, {"generationType": "marketing_copy", "parameters": BRIEF}, dependsOn=[job_id])
        await asked(api, job_id)
        await decide(api, job_id, "rejected", notes="not our tone")
        rejected, cancelled = await ended(api, job_id), await ended(api, follower)

    assert (rejected["status"], rejected["error"]["type"]) == ("failed", "NotApproved")
    assert "not our tone" in rejected["error"]["message"]
    assert (rejected["approval"]["status"], bool(rejected["approval"]["draft"])) == ("rejected", True)
    assert cancelled["status"] == "cancelled"


PUBLISHING = {
    "name": "approve, then publish",
    "jobs": [
        {"ref": "copy", "jobType": "ai_generation", "payload": ASKING},
        {
            "ref": "post",
            "jobType": "ai_generation",
            "payload": {
                "generationType": "social_content",
                "output": "text",
                "parameters": {"prompt": "Announce: {{copy.result.content.headline}}"},
            },
        },
    ],
}
"""The second job stands for one that publishes: it takes its words from the first one's result."""


async def flow_over(api: Api, flow_id: str) -> dict[str, Any]:
    async with asyncio.timeout(60):
        while (flow := (await api.http.get(f"/v1/flows/{flow_id}")).json())["status"] in {"pending", "processing"}:
            await asyncio.sleep(0.05)
    return {"status": flow["status"], "jobs": {job["ref"]: job["status"] for job in flow["jobs"]}}


async def test_a_flow_publishes_what_was_approved_after_its_revisions_and_nothing_that_was_rejected(
    api: Api, desk: Any, model_emulator: Emulator
) -> None:
    def announced(requests: list[dict[str, Any]]) -> int:
        return sum(request["messages"][-1]["content"].startswith("Announce: Prickly and proud") for request in requests)

    before = announced(await model_emulator.asked("fine"))
    async with desk(api):
        flow = (await api.http.post("/v1/flows", json=PUBLISHING)).json()
        await asked(api, flow["jobs"]["copy"])
        await decide(api, flow["jobs"]["copy"], "revision", notes="Name the five litres")
        await asked(api, flow["jobs"]["copy"], 2)
        waits = (await api.http.get(f"/v1/jobs/{flow['jobs']['post']}")).json()["status"]
        too_early = announced(await model_emulator.asked("fine")) - before
        await decide(api, flow["jobs"]["copy"], "approved")
        published = await flow_over(api, flow["id"])
        once = announced(await model_emulator.asked("fine")) - before
        other = (await api.http.post("/v1/flows", json=PUBLISHING)).json()
        await asked(api, other["jobs"]["copy"])
        await decide(api, other["jobs"]["copy"], "rejected")
        rejected = await flow_over(api, other["id"])
        still_once = announced(await model_emulator.asked("fine")) - before

    assert (waits, too_early) == ("pending", 0)
    assert published == {"status": "completed", "jobs": {"copy": "completed", "post": "completed"}}
    assert rejected == {"status": "failed", "jobs": {"copy": "failed", "post": "cancelled"}}
    assert (once, still_once) == (1, 1)


async def test_who_must_decide_is_reminded_and_nobody_in_time_ends_it(api: Api, desk: Any) -> None:
    hurry = ASKING | {"approval": {"remindAfterSeconds": 1, "expiresAfterSeconds": 3}}

    async with desk(api):
        job_id = await submit(api, hurry)
        async with asyncio.timeout(60):
            while not (alerts := (await api.http.get("/v1/alerts?kind=approval_waiting")).json()["items"]):
                await asyncio.sleep(0.05)
        job = await ended(api, job_id)
        async with asyncio.timeout(60):
            while not (await api.http.get("/v1/alerts?kind=approval_waiting")).json()["items"][0]["resolvedAt"]:
                await asyncio.sleep(0.05)

    assert alerts[0]["details"] == {"jobId": job_id, "round": 1}
    assert (job["status"], job["error"]["message"]) == ("failed", "not approved: nobody decided")
    assert job["approval"]["status"] == "expired"


async def test_a_cancelled_job_waits_for_nobody(api: Api, desk: Any) -> None:
    async with desk(api):
        job_id = await submit(api, ASKING)
        await asked(api, job_id)
        await api.http.post(f"/v1/jobs/{job_id}/cancel")
        job = await ended(api, job_id)
        late = await decide(api, job_id, "approved")

    assert (job["status"], late[0]) == ("cancelled", 409)
    assert (await api.http.get(f"/v1/jobs/{job_id}/approval")).json()["status"] == "withdrawn"


async def test_only_who_may_decides_and_only_who_may_read_sees_the_draft(api: Api, desk: Any) -> None:
    async with desk(api):
        job_id = await submit(api, ASKING)
        await asked(api, job_id)
        async with api.with_key(await new_key(api, "acme", "viewer")) as viewer:
            seen = (await viewer.get(f"/v1/jobs/{job_id}/approval")).json()
            job = (await viewer.get(f"/v1/jobs/{job_id}")).json()
            told = (await viewer.get(f"/v1/jobs/{job_id}/events?limit=200")).text
            refused = await viewer.post(f"/v1/jobs/{job_id}/approval", json={"decision": "approved"})
        async with api.with_key(await new_key(api, "other", "operator")) as stranger:
            nothing = await stranger.post(f"/v1/jobs/{job_id}/approval", json={"decision": "approved"})
            theirs = (await stranger.get("/v1/approvals")).json()["items"]
        wrong = [
            await decide(api, job_id, decision, **said)
            for decision, said in (("revision", {}), ("pending", {}), ("maybe", {}), ("approved", {"why": "x"}))
        ]
        await decide(api, job_id, "approved")
        await ended(api, job_id)

    assert (seen["status"], seen["draft"], job["approval"]["draft"]) == ("pending", None, None)
    assert "Prickly" not in told
    assert (refused.status_code, nothing.status_code, theirs) == (403, 404, [])
    assert [status for status, _ in wrong] == [422] * 4


async def test_a_worker_that_stops_while_a_job_asks_forgets_it_without_a_word(api: Api, desk: Any) -> None:
    stories = str(Path(approvals.__file__).parent)

    async with desk(api):
        await asked(api, await submit(api, ASKING))
        there = [thing for thing in gc.get_objects() if inspect.iscoroutine(thing)]
        mine = [coroutine for coroutine in there if coroutine.cr_code.co_filename.startswith(stories)]
    for coroutine in mine:
        coroutine.close()  # as the collector does, at any time and in any thread

    assert "ApprovalGate.decision" in {coroutine.__qualname__ for coroutine in mine}


async def test_without_a_wish_nobody_is_asked(api: Api, desk: Any) -> None:
    async with desk(api):
        job_id = await submit(api, {key: ASKING[key] for key in ("generationType", "parameters")})
        job = await job_in(api, job_id, "completed")

    assert (job["result"]["approvalStatus"], job["approval"]) == (None, None)
    assert (await api.http.get(f"/v1/jobs/{job_id}/approval")).status_code == 404


async def test_a_spent_budget_is_told_at_80_percent_and_asks_the_platform_at_100(api: Api, desk: Any) -> None:
    plain = {key: ASKING[key] for key in ("generationType", "parameters")}
    await api.http.put("/v1/tenants/acme/limits", json={"aiTokensPerDay": 150, "aiCostMicrosPerDay": 10_000_000})

    async with desk(api):
        first = await ended(api, await submit(api, plain))  # 120 tokens
        second = await ended(api, await submit(api, plain))  # begins below the budget, and overdraws it
        alerts = (await api.http.get("/v1/alerts?kind=ai_budget")).json()["items"]
        third = await submit(api, plain)
        budget = await asked(api, third)
        why = (await api.http.get(f"/v1/jobs/{third}/explain")).json()["summary"]
        async with api.with_key(await new_key(api, "acme", "admin")) as own:
            refused = await own.post(f"/v1/jobs/{third}/approval", json={"decision": "approved"})
        revised = await decide(api, third, "revision", notes="more")
        approved = await decide(api, third, "approved")
        done = await ended(api, third)
        fourth = await submit(api, plain)
        await asked(api, fourth)
        await decide(api, fourth, "rejected")
        rejected = await ended(api, fourth)

    assert (first["status"], second["status"]) == ("completed", "completed")
    assert [alert["count"] for alert in alerts] == [2], "it is told once a day, however many jobs see it"
    assert "240 of 150 tokens" in alerts[0]["message"]
    assert (budget["subject"], budget["draft"]) == ("budget", None)
    assert budget["expiresAt"].endswith("T00:00:00.000Z")
    assert "240 of 150 tokens" in why
    assert (refused.status_code, revised[0], approved[0]) == (403, 409, 200)
    assert (done["status"], done["result"]["approvalStatus"]) == ("completed", None)
    assert (rejected["status"], rejected["error"]["type"]) == ("failed", "NotApproved")


class LateInTheDay:
    """The budgets as they are two seconds before midnight, whenever they are asked for first."""

    def __init__(self, budgets: Budgets) -> None:
        self._budgets = budgets
        self._ahead: timedelta | None = None

    async def standing(self, tenant_id: str, now: datetime) -> BudgetStanding:
        """Return where a tenant stands by that clock; its midnight is told by ours."""
        if self._ahead is None:
            midnight = (await self._budgets.standing(tenant_id, now)).renewed_at
            self._ahead = midnight - timedelta(seconds=2) - now
        found = await self._budgets.standing(tenant_id, now + self._ahead)
        return found.model_copy(update={"renewed_at": found.renewed_at - self._ahead})


async def test_a_job_that_waits_for_its_budget_goes_on_at_midnight(api: Api, desk: Any) -> None:
    plain = {key: ASKING[key] for key in ("generationType", "parameters")}
    database = api.services.database
    await spend(database, 200)
    await api.http.put("/v1/tenants/acme/limits", json={"aiTokensPerDay": 150})

    async with desk(api, budgets=LateInTheDay(Budgets(database))):
        job_id = await submit(api, plain)
        job = await ended(api, job_id)

    assert (job["status"], job["result"]["content"]["headline"]) == ("completed", "Prickly and proud")
    assert (job["approval"]["subject"], job["approval"]["status"]) == ("budget", "expired")


async def test_jobs_that_wait_for_their_budget_go_on_when_it_is_raised_and_no_others_do(
    api: Api, client: Client, desk: Any
) -> None:
    database, plain = api.services.database, {key: ASKING[key] for key in ("generationType", "parameters")}

    async with desk(api):
        made = await submit(api, ASKING)
        await asked(api, made)
        await api.http.put("/v1/tenants/acme/limits", json={"aiTokensPerDay": 100})
        waits = [await submit(api, plain) for _ in range(2)]
        for job_id in waits:
            await asked(api, job_id)
        renewal = BudgetRenewal(Approvals(database), Budgets(database), TemporalEngine(client))
        too_early = await renewal.turn(datetime.now(UTC))
        await api.http.put("/v1/tenants/acme/limits", json={"aiTokensPerDay": 100_000})
        woken = await renewal.turn(datetime.now(UTC))
        done = [await ended(api, job_id) for job_id in waits]
        still = await waiting(api)

    assert (too_early, woken) == (0, 2)
    assert [(job["status"], job["approval"]["status"]) for job in done] == [("completed", "withdrawn")] * 2
    assert still == [made]


async def test_a_job_that_does_not_wait_any_more_keeps_nobody_behind_it_from_going_on(
    api: Api, client: Client, desk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budget_renewal, "AT_ONCE", 1)
    database, plain = api.services.database, {key: ASKING[key] for key in ("generationType", "parameters")}

    async with desk(api):
        stale = await submit(api, ASKING)
        asking = await asked(api, stale)
        await api.http.put("/v1/tenants/acme/limits", json={"aiTokensPerDay": 100})
        behind = await submit(api, plain)
        await asked(api, behind)
        missed = {"number": 2, "round": 1, "subject": Subject.BUDGET}  # the job never asked this, or has its answer
        times = {"asked_at": asking["createdAt"], "expires_at": datetime.now(UTC) + timedelta(days=1)}
        whose = {"job_id": stale, "tenant_id": "acme", "job_type": "ai_generation"}
        await Approvals(database).ask(ApprovalAsk.model_validate(whose | missed | times))
        await api.http.put("/v1/tenants/acme/limits", json={"aiTokensPerDay": 100_000})
        renewal, now = BudgetRenewal(Approvals(database), Budgets(database), TemporalEngine(client)), datetime.now(UTC)
        woken = [await renewal.turn(now + timedelta(seconds=after)) for after in (0, 9, 10, 11)]
        done = await ended(api, behind)

    assert woken == [0, 0, 0, 1]
    assert done["status"] == "completed"


async def spend(database: Database, tokens: int) -> None:
    """Note that acme's models took so many tokens today."""
    call = ModelCall(
        key="earlier", job_id="acme:ai_generation:earlier", tenant_id="acme", at=datetime.now(UTC),
        generation_type=GenerationType.BLOG_POST, provider="fine", model="fine", input_tokens=tokens, output_tokens=0,
        cost_micros=0, state=CallState.DONE,
    )  # fmt: skip
    await ModelCalls(database).note(call)
