"""What every answer tells browsers, and whose pages may call."""

import httpx
import pytest
from pydantic import ValidationError

from api.app import create_app
from api.shield import ONE_YEAR
from config import Settings
from tests.fixtures_queue import Api

ADMIN = "https://admin.shop.example"


@pytest.mark.parametrize("path", ["/healthz", "/v1/jobs", "/v1/jobs/none", "/openapi.json", "/nowhere"])
async def test_an_answer_that_is_no_page_lets_a_browser_do_nothing(api: Api, path: str) -> None:
    headers = (await api.http.get(path)).headers

    assert headers["content-security-policy"].startswith("default-src 'none'; frame-ancestors 'none'")
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert "strict-transport-security" not in headers


async def test_the_description_may_run_its_own_scripts_only(api: Api) -> None:
    policy = (await api.http.get("/docs")).headers["content-security-policy"]

    assert "script-src 'self' 'unsafe-inline'" in policy
    assert "http" not in policy


async def test_over_tls_browsers_are_told_to_stay_there(api: Api) -> None:
    app = create_app(api.services)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://queue.example") as http:
        headers = (await http.get("/healthz")).headers

    assert headers["strict-transport-security"] == ONE_YEAR


async def test_pages_of_listed_origins_may_call_and_no_others(api: Api) -> None:
    app = create_app(api.services, [ADMIN])
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,x-tenant-id"}

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://queue.example") as http:
        allowed = await http.options("/v1/jobs", headers=asked | {"Origin": ADMIN})
        refused = await http.options("/v1/jobs", headers=asked | {"Origin": "https://evil.example"})
        read = await http.get("/healthz", headers={"Origin": ADMIN})

    assert (allowed.status_code, allowed.headers["access-control-allow-origin"]) == (200, ADMIN)
    assert "access-control-allow-origin" not in refused.headers
    assert "access-control-allow-credentials" not in allowed.headers
    assert read.headers["access-control-allow-origin"] == ADMIN


async def test_without_a_list_no_page_of_another_origin_may_call(api: Api) -> None:
    answer = await api.http.get("/healthz", headers={"Origin": ADMIN})

    assert "access-control-allow-origin" not in answer.headers


def test_the_temporal_web_ui_may_ask_for_payloads() -> None:
    settings = Settings(
        cors_origins=f"{ADMIN}, http://127.0.0.1:3000", temporal_ui_url="http://127.0.0.1:8233/namespaces"
    )

    assert settings.origins == (ADMIN, "http://127.0.0.1:3000", "http://127.0.0.1:8233")


@pytest.mark.parametrize("given", ["*", "admin.shop.example", f"{ADMIN}/path", "ftp://x", "https://"])
def test_what_is_no_origin_is_refused(given: str) -> None:
    with pytest.raises(ValidationError, match="is no origin"):
        Settings(cors_origins=given)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/v1/jobs", "createdAfter"),
        ("/v1/audit", "before"),
        ("/v1/analytics/volume", "from"),
        ("/v1/tenants/acme/usage", "to"),
    ],
)
async def test_a_number_is_no_date(api: Api, path: str, name: str) -> None:
    answers = [await api.http.get(path, params={name: value}) for value in ("20261122", "0.5", "1e9")]

    assert [answer.status_code for answer in answers] == [422] * 3
    assert all("2026-11-22" in answer.json()["errors"][0]["message"] for answer in answers)


@pytest.mark.parametrize(("path", "methods"), [("/v1/flows", "GET, POST"), ("/v1/jobs/bulk", "POST")])
async def test_a_wrong_method_is_told_all_that_can_be_done(api: Api, path: str, methods: str) -> None:
    answer = await api.http.put(path)

    assert (answer.status_code, answer.headers["allow"]) == (405, methods)
