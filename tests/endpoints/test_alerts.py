"""Alerts over HTTP: who sees them, and who may say that they looked."""

import asyncio
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

import pytest
from temporalio.client import Client

from contracts.alerts import Severity
from contracts.history import JobChange
from contracts.jobs import JobStatus
from temporal.schedules import schedule_upkeep
from tests.endpoints.test_jobs import new_key
from tests.fixtures_mail import MailServer
from tests.fixtures_queue import ADMIN_KEY, Api, RunSystem
from tests.projections.samples import OUT_OF_TIME, make_header


async def raised(api: Api, key: str, kind: str = "test", tenant_id: str | None = None) -> None:
    await api.services.alerts.raise_alert(key, kind, Severity.CRITICAL, f"look at {key}", tenant_id)


async def test_the_platform_sees_all_alerts_and_a_tenant_its_own(api: Api) -> None:
    for key, tenant_id in (("a", "acme"), ("o", "other"), ("p", None)):
        await raised(api, key, tenant_id=tenant_id)

    async with api.with_key(ADMIN_KEY) as platform, api.with_key(await new_key(api, "acme", "viewer")) as tenant:
        everything = (await platform.get("/v1/alerts")).json()["items"]
        named = (await platform.get("/v1/alerts", params={"tenantId": "other"})).json()["items"]
        own = (await tenant.get("/v1/alerts")).json()["items"]
        theirs = (await tenant.get("/v1/alerts", params={"tenantId": "other"})).json()["items"]

    assert [alert["key"] for alert in everything] == ["p", "o", "a"]
    assert ([alert["key"] for alert in named], [alert["key"] for alert in own], theirs) == (["o"], ["a"], [])
    assert (own[0]["message"], own[0]["severity"], own[0]["acknowledgedAt"]) == ("look at a", "critical", None)


async def test_an_acknowledged_alert_leaves_the_list_of_open_ones(api: Api) -> None:
    await raised(api, "a", "one", "acme")
    await raised(api, "b", "two", "acme")
    newest = (await api.http.get("/v1/alerts", params={"limit": 1})).json()
    alert = newest["items"][0]

    done = await api.http.post(f"/v1/alerts/{alert['id']}/acknowledge")
    again = await api.http.post(f"/v1/alerts/{alert['id']}/acknowledge")
    still_open = (await api.http.get("/v1/alerts", params={"acknowledged": "false"})).json()["items"]
    closed = (await api.http.get("/v1/alerts", params={"acknowledged": "true", "kind": "two"})).json()["items"]
    rest = (await api.http.get("/v1/alerts", params={"cursor": newest["nextCursor"]})).json()["items"]

    assert (done.status_code, done.json()["acknowledgedBy"]) == (200, "key:admin")
    assert again.json() == done.json()
    assert [entry["key"] for entry in still_open] == ["a"]
    assert closed == [done.json()]
    assert [entry["key"] for entry in rest] == ["a"]


async def test_only_who_decides_on_jobs_may_acknowledge_and_only_in_its_scope(api: Api) -> None:
    await raised(api, "a", tenant_id="acme")
    await raised(api, "o", tenant_id="other")
    async with api.with_key(ADMIN_KEY) as platform:
        theirs, own = (await platform.get("/v1/alerts")).json()["items"]

    async with (
        api.with_key(await new_key(api, "acme", "submitter")) as submitter,
        api.with_key(await new_key(api, "acme", "operator")) as operator,
    ):
        forbidden = await submitter.post(f"/v1/alerts/{own['id']}/acknowledge")
        unseen = await operator.post(f"/v1/alerts/{theirs['id']}/acknowledge")
        missing = await operator.post("/v1/alerts/alert_none/acknowledge")
        done = await operator.post(f"/v1/alerts/{own['id']}/acknowledge")

    assert (forbidden.status_code, unseen.status_code, missing.status_code, done.status_code) == (403, 404, 404, 200)
    assert unseen.json()["detail"] == f"no alert '{theirs['id']}'"
    assert done.json()["tenantId"] == "acme"


DEAD = {"kind": "dead_letters", "threshold": 1, "clear": 0, "forSeconds": 0, "clearForSeconds": 0}


async def test_rules_are_data_with_defaults_that_only_the_platforms_admin_replaces(api: Api) -> None:
    async with (
        api.with_key(ADMIN_KEY) as platform,
        api.with_key(await new_key(api, "acme", "viewer")) as viewer,
        api.with_key(await new_key(api, "acme", "admin")) as tenant,
    ):
        before = (await viewer.get("/v1/alerts/rules")).json()
        put = await platform.put("/v1/alerts/rules", json={"rules": [DEAD]})
        after = (await viewer.get("/v1/alerts/rules")).json()
        refused = [
            await viewer.put("/v1/alerts/rules", json={"rules": []}),
            await tenant.put("/v1/alerts/rules", json={"rules": []}),
        ]

    changed = [rule for rule in after["rules"] if rule not in before["rules"]]
    assert (before["updatedAt"], before["updatedBy"]) == (None, None)
    assert put.json() == after
    assert after["updatedBy"] == "key:admin"
    assert [(rule["kind"], rule["threshold"], rule["severity"]) for rule in changed] == [("dead_letters", 1, "warning")]
    assert [answer.status_code for answer in refused] == [403, 403]


@pytest.mark.parametrize(
    ("rule", "path"),
    [
        ({**DEAD, "clear": 2}, "rules.0"),
        ({**DEAD, "kind": "none"}, "rules.0.kind"),
        ({**DEAD, "threshold": -1}, "rules.0.threshold"),
        ({**DEAD, "jobTypes": ["none"]}, "rules"),
        ({**DEAD, "color": "red"}, "rules.0.color"),
        ({**DEAD, "kind": "circuit_open"}, "rules.0.kind"),
    ],
)
async def test_a_rule_that_makes_no_sense_is_refused_by_field(api: Api, rule: dict[str, Any], path: str) -> None:
    answer = await api.http.put("/v1/alerts/rules", json={"rules": [rule]})

    assert (answer.status_code, answer.json()["errors"][0]["path"]) == (422, path)


async def test_two_rules_of_a_kind_are_refused(api: Api) -> None:
    answer = await api.http.put("/v1/alerts/rules", json={"rules": [DEAD, DEAD]})

    assert (answer.status_code, answer.json()["errors"][0]["message"]) == (422, "there is one rule of each kind")


async def mailed(mail_server: MailServer, words: str) -> EmailMessage:
    """Return the first e-mail whose subject has these words, as soon as it is there."""
    async with asyncio.timeout(60):
        while True:
            for mail in mail_server.taken:
                if words in mail["subject"]:
                    return mail
            await asyncio.sleep(0.05)


async def test_an_incident_is_mailed_when_it_begins_and_when_it_is_over(
    api: Api, client: Client, run_system: RunSystem, mail_server: MailServer
) -> None:
    header = make_header(created_at=datetime.now(UTC))
    change = {"job_id": header.id, "tenant_id": "acme", "job_type": "photo_processing", "header": header}
    dead = JobChange(**change, at=datetime.now(UTC), status=JobStatus.DEAD, error=OUT_OF_TIME)
    await api.http.put("/v1/alerts/rules", json={"rules": [DEAD]})

    async with run_system(api.services.database, smtp_url=mail_server.url, alert_email_to="ops@shop.example"):
        await schedule_upkeep(client)
        await api.history.apply([dead])
        begun = await mailed(mail_server, "[WARNING] 1 jobs of photo_processing are dead")
        failed = {"at": datetime.now(UTC), "status": JobStatus.FAILED}
        await api.history.apply([dead.model_copy(update=failed)])
        over = await mailed(mail_server, "[RESOLVED] 1 jobs of photo_processing are dead")
    async with api.with_key(ADMIN_KEY) as platform:
        open_ones = (await platform.get("/v1/alerts", params={"resolved": "false", "kind": "dead_letters"})).json()
        closed = (await platform.get("/v1/alerts", params={"resolved": "true", "kind": "dead_letters"})).json()

    assert begun["to"] == "ops@shop.example"
    assert begun["message-id"] != over["message-id"]
    assert open_ones["items"] == []
    assert len(closed["items"]) == 1
