"""Every route of the API's own description, with every role, asked for another tenant's things.

A new route is walked by itself. It needs its right in api/access.py, and when it takes a body an example here.
"""

import re
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from fastapi import APIRouter
from sqlalchemy import event

from api.access import ROUTES, check_routes
from api.app import create_app
from api.identity import ROLES, Right
from contracts.alerts import Severity
from readmodel.database import Database
from readmodel.filters import JobFilter
from tests.endpoints.test_jobs import new_key
from tests.fixtures_queue import ADMIN_KEY, Api, RunApi

FOREIGN = "zeta-shop"
JOB = {"jobType": "photo_processing", "payload": {"photos": [{"url": "https://a.example/1.jpg"}]}}
SCHEDULE = {**JOB, "cron": "0 6 * * *"}
SPAN = {"start": "2026-11-20T00:00:00Z", "end": "2026-11-21T00:00:00Z"}

BODIES: Mapping[str, Any] = {
    "POST /v1/jobs": JOB,
    "POST /v1/jobs/{id}/discard": {"reason": "x"},
    "POST /v1/jobs/{id}/approval": {"decision": "approved"},
    "POST /v1/bulk-actions": {"action": "cancel", "filter": {"tenantId": FOREIGN}, "reason": "x"},
    "POST /v1/flows": {"name": "f", "jobs": [{**JOB, "ref": "a"}]},
    "POST /v1/queues/{jobType}/pause": {"reason": "x"},
    "POST /v1/queues/{jobType}/resume": {"reason": "x"},
    "POST /v1/queues/{jobType}/clean": {"olderThan": "30d"},
    "POST /v1/schedules": SCHEDULE,
    "PATCH /v1/schedules/{id}": {"paused": True},
    "POST /v1/schedules/{id}/backfill": SPAN,
    "PUT /v1/tenants/{id}/limits": {"weight": 2},
    "POST /v1/tenants/{id}/erase": {"confirm": FOREIGN, "reason": "x"},
    "POST /v1/pii/erase": {"subject": "nobody", "reason": "x"},
    "POST /v1/codec/decode": {"payloads": []},
    "POST /v1/codec/encode": {"payloads": []},
    "PUT /v1/dead-letters/{fingerprint}/mark": {"mark": "resolved"},
    "PUT /v1/alerts/rules": {"rules": []},
    "POST /v1/webhooks": {"url": "https://93.184.215.14/hook"},
    "PUT /v1/social-accounts/{platform}/{account}": {"server": "https://93.184.215.14", "secret": "token"},
    "POST /v1/keys": {"role": "viewer", "name": "n"},
}
"""What to send where a body is needed; `tenantId` is added where the description has it."""

EACH_BY_ITSELF = {"POST /v1/jobs/bulk"}
"""Routes that refuse item by item: see the test of its own."""


@dataclass(frozen=True)
class Operation:
    """A route as the description has it. `in_query`, `in_body`: where a caller can name a tenant."""

    method: str
    path: str
    right: Right | None
    in_query: bool
    in_body: bool

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def names_tenant(self) -> bool:
        """Whether a caller can name a tenant in query or body."""
        return self.in_query or self.in_body or "tenantId" in str(BODIES.get(self.name))

    @property
    def owned(self) -> bool:
        """Whether the path names a thing of some tenant."""
        return "{id}" in self.path


def operations(description: Mapping[str, Any]) -> list[Operation]:
    found = []
    for path, methods in description["paths"].items():
        for method, said in methods.items():
            asked = {parameter["name"] for parameter in said.get("parameters", ()) if parameter["in"] == "query"}
            right = Right(said["x-right"]) if said["x-right"] else None
            found.append(Operation(method.upper(), path, right, "tenantId" in asked, _names_tenant(description, said)))
    return found


def _names_tenant(description: Mapping[str, Any], said: Mapping[str, Any]) -> bool:
    schema = said.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    for option in (schema, *schema.get("anyOf", ())):
        named = option.get("$ref", "").rpartition("/")[2]
        if "tenantId" in description["components"]["schemas"].get(named, {}).get("properties", {}):
            return True
    return False


async def foreign_things(api: Api) -> dict[str, str]:
    """Make one of everything for the other tenant; return its id by the first part of its path."""
    things = {"tenants": FOREIGN}
    async with api.with_key(ADMIN_KEY, **{"X-Tenant-Id": FOREIGN}) as theirs:
        made = {
            "jobs": await theirs.post("/v1/jobs", json=JOB),
            "flows": await theirs.post("/v1/flows", json=BODIES["POST /v1/flows"]),
            "schedules": await theirs.post("/v1/schedules", json=SCHEDULE | {"paused": True}),
            "webhooks": await theirs.post("/v1/webhooks", json=BODIES["POST /v1/webhooks"]),
            "bulk-actions": await theirs.post(
                "/v1/bulk-actions", json={"action": "discard", "filter": {"tag": ["none"]}, "reason": "x"}
            ),
            "pii": await theirs.post("/v1/pii/erase", json=BODIES["POST /v1/pii/erase"]),
            "keys": await theirs.post("/v1/keys", json={"tenantId": FOREIGN, "role": "viewer", "name": "theirs"}),
        }
        assert all(answer.is_success for answer in made.values()), {k: a.text for k, a in made.items()}
        await api.services.alerts.raise_alert("k", "kind", Severity.WARNING, "theirs", FOREIGN)
        ((alert,), _) = await api.services.alerts.list(FOREIGN, 1)
    return things | {"alerts": alert.id} | {kind: answer.json()["id"] for kind, answer in made.items()}


async def ask(http: httpx.AsyncClient, route: Operation, a_path: str, *, named: bool = False) -> httpx.Response:
    """Ask for a path of the route; `named` names the other tenant wherever a caller can."""
    body = BODIES.get(route.name)
    if route.in_body and (named or route.name == "POST /v1/keys"):
        body = {**(body or {}), "tenantId": FOREIGN}
    params = {"tenantId": FOREIGN} if route.in_query and named else {}
    sent = {"json": body} if body is not None else {}
    request = http.build_request(route.method, a_path, params=params, **sent)
    answer = await http.send(request, stream=True)  # a stream that was let in would have no end
    if not answer.headers.get("content-type", "").startswith("text/event-stream"):
        await answer.aread()
    await answer.aclose()
    return answer


def concrete(route: Operation, thing: str) -> str:
    path = route.path.replace("{id}", thing).replace("{jobType}", "photo_processing").replace("{platform}", "mastodon")
    return re.sub(r"\{\w+\}", "msg_none", path)


def kind_of(route: Operation) -> str:
    return route.path.split("/")[2]


async def test_no_role_reaches_another_tenants_things_on_any_route(schedules_ready: None, api: Api) -> None:
    things, wrong, cells = await foreign_things(api), [], 0
    routes = [route for route in operations((await api.http.get("/openapi.json")).json()) if route.right]
    owned = [route for route in routes if route.owned]
    for role in ROLES:
        async with api.with_key(await new_key(api, "acme", role)) as http:
            for route in owned:
                there = await ask(http, route, concrete(route, things[kind_of(route)]))
                nowhere = await ask(http, route, concrete(route, things[kind_of(route)][:-3] + "000"))
                same = there.text.replace(things[kind_of(route)], "") == nowhere.text.replace(
                    things[kind_of(route)][:-3] + "000", ""
                )
                expected = 404 if route.right in ROLES[role] else 403
                cells += 2
                if (there.status_code, nowhere.status_code, same) != (expected, expected, True):
                    wrong.append((role, route.name, there.status_code, nowhere.status_code, there.text[:200]))

    assert wrong == []
    assert cells == 2 * len(ROLES) * len(owned)
    print(f"things of another tenant: {cells} cells ({len(owned)} routes x {len(ROLES)} roles x there or nowhere)")
    assert len(owned) > 20
    async with api.with_key(ADMIN_KEY, **{"X-Tenant-Id": FOREIGN}) as theirs:
        left = {kind: await theirs.get(f"/v1/{kind}") for kind in things if kind not in {"tenants", "pii"}}
    assert {kind: [things[kind]] for kind in left if kind not in {"jobs", "alerts"}} == {
        kind: [item["id"] for item in answer.json()["items"]]
        for kind, answer in left.items()
        if kind not in {"jobs", "alerts"}
    }
    assert {item["status"] for item in left["jobs"].json()["items"]} == {"pending"}
    assert left["alerts"].json()["items"][0]["acknowledgedAt"] is None


async def test_another_tenants_thing_is_looked_for_as_one_that_is_not_there(schedules_ready: None, api: Api) -> None:
    things, database = await foreign_things(api), api.services.database
    sent: ContextVar[list[str]] = ContextVar("sent")

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        if not statement.startswith(("BEGIN", "PRAGMA")) and (mine := sent.get(None)) is not None:
            mine.append(statement)

    async def statements(http: httpx.AsyncClient, route: Operation, thing: str) -> list[str]:
        asked: list[str] = []
        sent.set(asked)
        await ask(http, route, concrete(route, thing))
        return asked

    headers = {"Authorization": f"Bearer {await new_key(api, 'acme', 'admin')}"}
    routes = operations((await api.http.get("/openapi.json")).json())
    event.listen(database._engine.sync_engine, "before_cursor_execute", note)
    transport = httpx.ASGITransport(create_app(api.services))
    async with httpx.AsyncClient(transport=transport, base_url="http://queue", headers=headers, timeout=30) as http:
        await http.get("/v1/jobs")  # the key is looked up once
        differing, seen = [], 0
        for route in (route for route in routes if route.right and route.owned):
            thing = things[kind_of(route)]
            ways = [await statements(http, route, name) for name in (thing, thing[:-3] + "000")]
            seen += len(ways[0])
            if ways[0] != ways[1]:
                differing.append((route.name, *ways))
    event.remove(database._engine.sync_engine, "before_cursor_execute", note)

    assert differing == []
    assert seen > 10


async def test_no_role_names_another_tenant_on_any_route(schedules_ready: None, api: Api) -> None:
    await foreign_things(api)
    wrong, cells = [], 0
    routes = [route for route in operations((await api.http.get("/openapi.json")).json()) if route.right]
    for role in ROLES:
        key = await new_key(api, "acme", role)
        async with api.with_key(key) as http, api.with_key(key, **{"X-Tenant-Id": FOREIGN}) as pretending:
            for route in routes:
                path = concrete(route, "acme:photo_processing:none")
                by_header = await ask(pretending, route, path)
                cells += 1
                if by_header.status_code != 403:
                    wrong.append((role, route.name, "by header", by_header.status_code, ""))
                if route.owned or route.name in EACH_BY_ITSELF or not route.names_tenant:
                    continue
                named = await ask(http, route, path, named=True)
                cells += 1
                may, said = route.right in ROLES[role], named.status_code
                lets_out = said == 200 and (route.method != "GET" or FOREIGN in _text(named))
                if said >= 500 or said in {201, 202, 422} or lets_out or (not may and said != 403):
                    wrong.append((role, route.name, "named", said, _text(named)[:200]))

    assert wrong == []
    assert cells > len(ROLES) * len(routes)
    print(f"another tenant named: {cells} cells ({len(routes)} routes x {len(ROLES)} roles, by header and by name)")


async def test_in_a_bulk_request_each_job_of_another_tenant_is_refused(api: Api) -> None:
    async with api.with_key(await new_key(api, "acme", "admin")) as http:
        answer = await http.post("/v1/jobs/bulk", json={"jobs": [{**JOB, "tenantId": FOREIGN}, JOB]})

    items = answer.json()["items"]
    assert (answer.json()["accepted"], items[0]["error"]["status"]) == (1, 403)


@pytest.mark.parametrize("key", ["", "sq_wrong", "not a key"])
async def test_without_a_valid_key_no_route_answers_but_those_for_everybody(api: Api, key: str) -> None:
    routes = operations((await api.http.get("/openapi.json")).json())
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    wrong = []
    async with httpx.AsyncClient(timeout=30, base_url=api.url, headers=headers) as nobody:
        for route in routes:
            answer = await ask(nobody, route, concrete(route, "acme:photo_processing:none"))
            if (answer.status_code == 401) is not (route.right is not None):
                wrong.append((route.name, answer.status_code))

    assert wrong == []
    print(f"no valid key ({key!r}): {len(routes)} routes")


def test_a_route_without_a_declared_right_cannot_be_served() -> None:
    router = APIRouter()

    @router.get("/v1/secrets")
    async def secrets() -> None:
        pass

    with pytest.raises(LookupError, match="'GET /v1/secrets'"):
        check_routes(router.routes)


async def test_the_table_of_rights_names_only_routes_that_there_are(api: Api) -> None:
    described = {route.name for route in operations((await api.http.get("/openapi.json")).json())}

    assert described <= ROUTES.keys()
    assert ROUTES.keys() - described <= {"GET /"}


def _text(answer: httpx.Response) -> str:
    return answer.text if answer.is_closed and hasattr(answer, "_content") else ""


@pytest.mark.postgres
async def test_a_list_that_forgot_its_tenant_is_held_to_it_by_postgresql(
    run_api: RunApi, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await Database(postgres_url).migrate()
    async with run_api(database_url=postgres_url) as api:
        for tenant_id in ("acme", FOREIGN):
            async with api.with_key(ADMIN_KEY, **{"X-Tenant-Id": tenant_id}) as theirs:
                assert (await theirs.post("/v1/jobs", json=JOB)).status_code == 202
        monkeypatch.setattr(JobFilter, "conditions", lambda _: iter(()))

        async with api.with_key(await new_key(api, "acme", "viewer")) as ours, api.with_key(ADMIN_KEY) as platform:
            seen = {job["tenantId"] for job in (await ours.get("/v1/jobs")).json()["items"]}
            every = {job["tenantId"] for job in (await platform.get("/v1/jobs")).json()["items"]}

    assert (seen, every) == ({"acme"}, {"acme", FOREIGN})
