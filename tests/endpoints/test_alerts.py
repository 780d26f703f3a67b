"""Alerts over HTTP: who sees them, and who may say that they looked."""

from contracts.alerts import Severity
from tests.endpoints.test_jobs import new_key
from tests.fixtures_queue import ADMIN_KEY, Api


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
