"""What Prometheus is told, as its own parser reads it: of what, to whom, and while the database is away."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_open_metrics
from prometheus_client.parser import text_string_to_metric_families

from api.request_times import DASHBOARD, OTHER, RequestTimes, request_histogram
from contracts.alerts import Severity
from contracts.jobs import JobStatus
from contracts.pauses import Pause
from contracts.values import ALL_TENANTS
from readmodel.erasure import Erasure
from readmodel.pauses import Pauses
from tests.endpoints.test_jobs import new_key
from tests.endpoints.test_queues import beat, tell
from tests.fixtures_queue import ADMIN_KEY, Api, RunApi
from tests.projections.test_analytics import end

METRICS = "/metrics"


def value(text: str, name: str, **labels: str) -> float | None:
    """Return a sample of these labels, None when there is none."""
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == name and sample.labels == labels:
                return float(sample.value)
    return None


async def scraped(api: Api) -> str:
    """Return what is told now, nothing remembered."""
    api.services.exposition.kept.fresh_seconds = 0.0
    answer = await api.http.get(METRICS)
    assert answer.status_code == 200, answer.text
    return answer.text


async def test_figures_of_the_queue_can_be_scraped(api: Api) -> None:
    await tell(api, "1", JobStatus.PENDING)
    await tell(api, "2", JobStatus.DEAD, tenant_id="globex")
    await end(api.history, datetime.now(UTC), tenant_id="acme", times=3, wait=2, run=40)
    await end(api.history, datetime.now(UTC) - timedelta(days=9), tenant_id="globex", times=2, wait=0, run=1)
    await beat(api, "w1", "busy", "photo_processing")
    await api.services.alerts.raise_alert("k", "queue_depth", Severity.CRITICAL, "many wait")
    await Pauses(api.services.database).put(
        Pause(job_type="photo_processing", tenant_id=ALL_TENANTS, reason="r", actor="a", since=datetime.now(UTC))
    )

    text = await scraped(api)

    photos = {"job_type": "photo_processing"}
    assert value(text, "spaces_jobs_waiting", **photos, priority="normal") == 1
    assert value(text, "spaces_jobs_open", **photos, state="dead") == 1
    assert value(text, "spaces_jobs_ended_total", **photos, status="completed") == 5
    assert value(text, "spaces_job_run_seconds_count", **photos) == 5
    assert value(text, "spaces_job_run_seconds_bucket", **photos, le="30.0") == 2
    assert value(text, "spaces_job_run_seconds_bucket", **photos, le="60.0") == 5
    assert value(text, "spaces_job_run_seconds_sum", **photos) == pytest.approx(122)
    assert value(text, "spaces_oldest_waiting_seconds", **photos) == pytest.approx(2, abs=30)
    assert value(text, "spaces_queue_paused", **photos) == 1
    assert value(text, "spaces_queue_workers", **photos) == 1
    assert value(text, "spaces_workers", state="busy") == 1
    assert value(text, "spaces_alerts", severity="critical") == 1
    assert value(text, "spaces_outbox_jobs") == 0
    assert value(text, "spaces_dependency_up", dependency="database") == 1
    assert value(text, "process_resident_memory_bytes") is not None


async def test_no_counter_falls_when_a_tenant_is_erased(api: Api) -> None:
    photos = {"job_type": "photo_processing"}
    await end(api.history, datetime.now(UTC), tenant_id="acme", times=3, wait=2, run=40)
    await end(api.history, datetime.now(UTC), tenant_id="globex", times=2, wait=2, run=40)
    before = await scraped(api)

    await Erasure(api.services.database).erase("globex")
    erased = await scraped(api)
    await end(api.history, datetime.now(UTC), tenant_id="acme", times=1, wait=2, run=40)

    after = await scraped(api)
    names = ("spaces_jobs_ended_total", "spaces_job_run_seconds_count", "spaces_job_run_seconds_sum")
    for name, grown in zip(names, (1, 1, 40), strict=True):
        labels = photos | ({"status": "completed"} if name.endswith("total") else {})
        told = [value(text, name, **labels) for text in (before, erased, after)]
        assert told == [5 * grown, 5 * grown, 6 * grown], name


async def test_no_tenant_is_told_of(api: Api) -> None:
    await tell(api, "1", JobStatus.PENDING, tenant_id="globex")
    await api.http.get("/v1/jobs/globex:photo_processing:1")

    assert "globex" not in await scraped(api)


async def test_requests_are_counted_by_route_and_never_by_path(api: Api) -> None:
    for path in ("/v1/jobs/acme:photo_processing:1", "/v1/jobs/acme:photo_processing:2", "/nowhere", DASHBOARD):
        await api.http.get(path)
    await api.http.request("PROPFIND", "/healthz")

    text = await scraped(api)

    def count(**labels: str) -> float | None:
        return value(text, "http_request_duration_seconds_count", **labels)

    assert count(method="GET", route="/v1/jobs/{id}", status="404") == 2
    assert count(method="GET", route=OTHER, status="404") == 1
    assert count(method="GET", route=DASHBOARD, status="404") == 1
    assert count(method=OTHER, route="/healthz", status="405") == 1


async def test_the_dashboards_first_page_is_not_taken_for_the_apis() -> None:
    seconds = request_histogram(CollectorRegistry())
    app, pages = FastAPI(), FastAPI()
    pages.add_api_route("/", lambda: "a page")
    app.mount(DASHBOARD, pages)

    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(RequestTimes(app, seconds)), base_url="http://a"
    ) as http:
        await http.get(f"{DASHBOARD}/")

    (family,) = seconds.collect()
    assert {sample.labels["route"] for sample in family.samples} == {DASHBOARD}


async def test_an_error_that_nobody_foresaw_is_counted_too(api: Api) -> None:
    object.__setattr__(api.services, "queue", None)  # as a bug of ours would
    await api.http.get("/v1/metrics/summary")

    text = await scraped(api)

    name, labels = "http_request_duration_seconds_count", {"method": "GET", "route": "/v1/metrics/summary"}
    assert value(text, name, **labels, status="500") == 1


async def test_who_asks_for_open_metrics_gets_them(api: Api) -> None:
    answer = await api.http.get(METRICS, headers={"Accept": "application/openmetrics-text; version=1.0.0"})

    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    families = read_open_metrics(answer.text)  # type: ignore[no-untyped-call]  # prometheus_client says nothing of it
    assert "spaces_jobs_ended" in {family.name for family in families}


async def test_where_a_key_is_needed_only_the_platforms_will_do(run_api: RunApi) -> None:
    async with run_api(metrics_without_key=False) as api:
        await api.services.database.migrate()
        own = await new_key(api, "acme", "admin")
        platform = await new_key(api, "*", "viewer")
        codes = []
        for key in ("sq_wrong", own, platform, ADMIN_KEY):
            async with api.with_key(key) as client:
                codes.append((await client.get(METRICS)).status_code)

    assert codes == [401, 403, 200, 200]


async def test_without_the_database_the_rest_is_told(api: Api, tmp_path: Path) -> None:
    await api.services.database.close()
    shutil.rmtree(tmp_path)  # nothing can be opened there

    text = await scraped(api)

    assert value(text, "spaces_dependency_up", dependency="database") == 0
    assert value(text, "spaces_dependency_up", dependency="temporal") == 1
    assert "spaces_jobs_open" not in text
