"""Who may come in, and what a browser is told: over plain HTTP, as an attacker's program would ask."""

import asyncio

import httpx
import pytest

from dashboard.sessions import COOKIE, FAILURES_PER_MINUTE
from tests.browser.conftest import Visitor, new_key, reaches, submit
from tests.fixtures_processes import Machine
from tests.fixtures_queue import ADMIN_KEY

PAYLOADS = {"payloads": [{"metadata": {"encoding": "anNvbi9wbGFpbg=="}, "data": "IngiCg=="}]}
SOCKET = "/dashboard/_nicegui_ws/socket.io/?EIO=4&transport=polling&client_id=nobody"


def browserless(site: Machine) -> httpx.AsyncClient:
    return httpx.AsyncClient(timeout=30, base_url=site.url)


async def test_without_a_session_every_page_leads_to_the_sign_in_and_back(site: Machine) -> None:
    async with browserless(site) as http:
        refused = await http.get("/dashboard/jobs?q=status:dead")
        signed = await http.post("/dashboard/sign-in", data={"key": ADMIN_KEY, "next": "/dashboard/jobs?q=status:dead"})
        page = await http.get(signed.headers["location"])

    assert (refused.status_code, signed.status_code) == (303, 303)
    assert refused.headers["location"] == "/dashboard/sign-in?next=%2Fdashboard%2Fjobs%3Fq%3Dstatus%3Adead"
    assert signed.headers["location"] == "/dashboard/jobs?q=status:dead"
    assert page.status_code == 200


async def test_the_cookie_is_out_of_reach_for_scripts_and_holds_no_key(site: Machine) -> None:
    async with browserless(site) as http:
        signed = await http.post("/dashboard/sign-in", data={"key": ADMIN_KEY})

    cookie = signed.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=lax", "Path=/dashboard"} <= {part.strip() for part in cookie.split(";")}
    assert ADMIN_KEY not in cookie


@pytest.mark.parametrize(
    "wanted", ["https://evil.example/", "//evil.example", "/\\evil.example", "/v1/jobs", "\n/dashboard/"]
)
async def test_no_link_leads_through_the_sign_in_to_another_place(site: Machine, wanted: str) -> None:
    async with browserless(site) as http:
        signed = await http.post("/dashboard/sign-in", data={"key": ADMIN_KEY, "next": wanted})

    assert signed.headers["location"] == "/dashboard/"


async def test_another_sites_page_can_neither_sign_in_nor_out_nor_connect(site: Machine) -> None:
    foreign = {"Origin": "https://evil.example"}
    async with browserless(site) as http:
        await http.post("/dashboard/sign-in", data={"key": ADMIN_KEY})
        signed = await http.post("/dashboard/sign-in", data={"key": ADMIN_KEY}, headers=foreign)
        out = await http.post("/dashboard/sign-out", headers=foreign)
        connected = await http.get(SOCKET, headers=foreign)
        without_origin = await http.get(SOCKET)
        still_in = await http.get("/dashboard/")

    assert (signed.status_code, out.status_code) == (403, 403)
    assert (connected.status_code, without_origin.status_code) == (403, 403)
    assert still_in.status_code == 200


async def test_nobody_connects_without_a_session(site: Machine) -> None:
    async with browserless(site) as http:
        connected = await http.get(SOCKET, headers={"Origin": site.url})

    assert connected.status_code == 401


async def test_a_forged_or_ended_session_is_none(site: Machine) -> None:
    async with browserless(site) as http:
        await http.post("/dashboard/sign-in", data={"key": ADMIN_KEY})
        copied = http.cookies[COOKIE]
        await http.post("/dashboard/sign-out")
        ended = await http.get("/dashboard/", headers={"Cookie": f"{COOKIE}={copied}"})
        forged = await http.get("/dashboard/", headers={"Cookie": f"{COOKIE}={copied[:-2]}xx"})

    assert (ended.status_code, forged.status_code) == (303, 303)


async def test_wrong_keys_are_refused_and_soon_not_even_tried(site: Machine) -> None:
    transport = httpx.AsyncHTTPTransport(local_address="127.0.0.2")
    async with httpx.AsyncClient(timeout=30, base_url=site.url, transport=transport) as http:
        answers = [
            (await http.post("/dashboard/sign-in", data={"key": f"sq_wrong-{number}"})).status_code
            for number in range(FAILURES_PER_MINUTE + 1)
        ]

    assert answers == [401] * FAILURES_PER_MINUTE + [429]


async def test_pages_allow_no_script_but_their_own(site: Machine) -> None:
    async with browserless(site) as http:
        await http.post("/dashboard/sign-in", data={"key": ADMIN_KEY})
        page = await http.get("/dashboard/")

    policy = page.headers["content-security-policy"]
    nonce = policy.partition("'nonce-")[2].partition("'")[0]
    assert len(nonce) > 16
    assert "'unsafe-inline'" not in policy.partition("script-src")[2].partition(";")[0]
    assert "frame-ancestors 'none'" in policy
    assert page.text.count("<script") == page.text.count(f'<script nonce="{nonce}"')


async def test_a_revoked_key_ends_its_sessions(site: Machine, visitor: Visitor) -> None:
    key_id, key = await new_key(site, "acme", "operator")
    await visitor.sign_in(key)
    await visitor.open("/queues")

    await site.http.delete(f"/v1/keys/{key_id}")

    await visitor.page.wait_for_url(lambda url: "sign-in" in url, timeout=60_000)


async def test_a_shop_sees_its_own_jobs_and_no_other(site: Machine, visitor: Visitor) -> None:
    _, key = await new_key(site, "acme", "viewer")
    own, other = await asyncio.gather(
        submit(site, {"url": "http://127.0.0.1:9/own.jpg"}, delaySeconds=3600),
        submit(site, {"url": "http://127.0.0.1:9/other.jpg"}, tenant="rival", delaySeconds=3600),
    )
    await reaches(site, other, "pending")
    await visitor.sign_in(key)

    await visitor.open("/jobs")
    shown = await visitor.page.locator("tbody tr").evaluate_all("rows => rows.map(row => row.dataset.id)")
    await visitor.open_job(other)

    assert own in shown
    assert {name.split(":")[0] for name in shown} == {"acme"}
    assert await visitor.page.get_by_text(f"no job '{other}'").is_visible()
    assert not await visitor.page.get_by_role("button", name="Cancel").count()


async def test_the_web_ui_reads_payloads_with_the_session_and_nobody_elses_page_does(site: Machine) -> None:
    decode, web_ui = "/dashboard/codec/decode", {"Origin": "http://temporal.example"}
    sealed = (await site.http.post("/v1/codec/encode", json=PAYLOADS)).json()
    asking = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type,x-namespace"}
    async with browserless(site) as http:
        stranger = await http.post(decode, json=sealed, headers=web_ui)
        await http.post("/dashboard/sign-in", data={"key": ADMIN_KEY})
        may_ask = await http.options(decode, headers={**web_ui, **asking})
        opened = await http.post(decode, json=sealed, headers={**web_ui, "X-Namespace": "default"})
        refused = [
            await http.post(decode, json=sealed, headers=other) for other in ({}, {"Origin": "http://evil.test"})
        ]

    assert (stranger.status_code, may_ask.status_code, opened.status_code) == (401, 200, 200)
    assert [answer.status_code for answer in refused] == [403, 403]
    for allowed in (may_ask, opened):
        assert allowed.headers["access-control-allow-origin"] == "http://temporal.example"
        assert allowed.headers["access-control-allow-credentials"] == "true"
    assert sealed != PAYLOADS
    assert opened.json() == PAYLOADS
