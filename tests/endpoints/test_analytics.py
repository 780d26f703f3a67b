"""Analytics over HTTP: as JSON and as CSV, in the scope of the key."""

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest

from api.negotiation import CSV, HTML, JSON, as_csv, preferred
from contracts.jobs import JobStatus
from contracts.values import WireModel
from tests.endpoints.test_jobs import new_key
from tests.fixtures_queue import ADMIN_KEY, Api
from tests.projections.test_analytics import end


async def test_volume_comes_as_json_or_csv_with_the_same_numbers(api: Api) -> None:
    now = datetime.now(UTC)
    await end(api.history, now, times=3, run=2)
    await end(api.history, now, status=JobStatus.FAILED)

    told = await api.http.get("/v1/analytics/volume")
    table = await api.http.get("/v1/analytics/volume", headers={"Accept": "text/csv"})

    (line,) = told.json()["items"]
    (row,) = csv.DictReader(io.StringIO(table.text))
    assert (line["jobType"], line["jobs"], line["completed"], line["failed"]) == ("photo_processing", 4, 3, 1)
    assert (line["successRate"], line["seconds"]) == (0.75, 7)
    assert told.json()["bucket"] == "day"
    assert table.headers["content-type"] == "text/csv; charset=utf-8"
    assert 'filename="volume.csv"' in table.headers["content-disposition"]
    assert {name: row[name] for name in ("at", "jobType", "jobs")} == {
        "at": line["at"],
        "jobType": "photo_processing",
        "jobs": "4",
    }
    assert row["processingTime.p95"] == str(line["processingTime"]["p95"])


async def test_tenants_see_their_own_use_and_the_platform_everybodys(api: Api) -> None:
    now = datetime.now(UTC)
    for tenant_id, seconds in (("acme", 1), ("other", 3)):
        await end(api.history, now, tenant_id=tenant_id, run=seconds)

    async with api.with_key(ADMIN_KEY) as platform, api.with_key(await new_key(api, "acme", "viewer")) as tenant:
        await platform.put("/v1/tenants/acme/limits", json={"weight": 4})
        everybody = (await platform.get("/v1/analytics/tenants")).json()
        own = (await tenant.get("/v1/analytics/tenants")).json()
        theirs = await tenant.get("/v1/analytics/tenants", params={"tenantId": "other"})
        table = await platform.get("/v1/analytics/tenants", headers={"Accept": "text/csv"})

    assert [(each["tenantId"], each["share"]) for each in everybody["totals"]] == [("other", 0.75), ("acme", 0.25)]
    assert [each["shareDue"] for each in everybody["totals"]] == [0.2, 0.8]
    assert [each["tenantId"] for each in own["totals"]] == [each["tenantId"] for each in own["items"]] == ["acme"]
    assert own["totals"][0]["jobsByHour"][now.hour] == 1
    assert sum(own["totals"][0]["jobsByHour"]) == 1
    assert theirs.status_code == 403
    assert [row["tenantId"] for row in csv.DictReader(io.StringIO(table.text))] == ["acme", "other"]


async def test_costs_say_what_was_lost_and_leave_open_what_nobody_reports(api: Api) -> None:
    now = datetime.now(UTC)
    await end(api.history, now, run=3)
    await end(api.history, now, status=JobStatus.FAILED, run=1)

    (line,) = (await api.http.get("/v1/analytics/costs", params={"bucket": "hour"})).json()["items"]
    table = await api.http.get("/v1/analytics/costs", headers={"Accept": "text/csv"})

    assert (line["seconds"], line["lostSeconds"], line["tokens"], line["cost"]) == (4, 1, None, None)
    assert line["costNote"] == "no model was asked"
    (row,) = csv.DictReader(io.StringIO(table.text))
    assert [*row] == ["at", "jobType", "jobs", "seconds", "lostSeconds", "tokens", "cost", "costNote"]
    assert (row["seconds"], row["cost"], row["costNote"]) == ("4.0", "", "no model was asked")


async def test_days_instants_and_types_choose_what_is_told(api: Api) -> None:
    now = datetime.now(UTC)
    await end(api.history, now)
    await end(api.history, now - timedelta(days=3))
    today = now.date().isoformat()

    async def jobs(**asked: str) -> int:
        answer = await api.http.get("/v1/analytics/volume", params=asked)
        assert answer.status_code == 200, answer.text
        return sum(line["jobs"] for line in answer.json()["items"])

    assert await jobs() == 2
    assert await jobs(**{"from": today, "to": today}) == 1
    assert await jobs(**{"from": (now - timedelta(days=5)).isoformat(), "to": now.date().isoformat()}) == 2
    assert await jobs(bucket="week") == 2
    assert await jobs(jobType="migration") == 0


@pytest.mark.parametrize(
    ("asked", "path"),
    [
        ({"bucket": "minute"}, "bucket"),
        ({"from": "yesterday"}, "from"),
        ({"from": "2026-11-22", "to": "2026-11-20"}, "from"),
        ({"from": "1990-01-01", "bucket": "hour"}, "from"),
        ({"tenantId": "no tenant"}, "tenantId"),
    ],
)
async def test_what_cannot_be_asked_is_refused_by_field(api: Api, asked: dict[str, str], path: str) -> None:
    answer = await api.http.get("/v1/analytics/volume", params=asked)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["path"].startswith(path)


async def test_advice_and_degradation_are_for_whoever_may_look(api: Api) -> None:
    async with api.with_key("nobody's") as nobody:
        refused = [await nobody.get(f"/v1/analytics/{name}") for name in ("advice", "degradation", "volume")]
    told = [(await api.http.get(f"/v1/analytics/{name}")).json()["items"] for name in ("advice", "degradation")]

    assert [answer.status_code for answer in refused] == [401] * 3
    assert told == [[], []]


class Cell(WireModel):
    """One text."""

    some_name: object


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("http://x")'])
def test_no_text_is_taken_for_a_formula(text: str) -> None:
    body = bytes(as_csv("name", Cell, [Cell(some_name=text)]).body).decode()

    assert next(csv.DictReader(io.StringIO(body, newline=""))) == {"someName": f"'{text}"}


def test_numbers_and_nothing_stay_what_they_are() -> None:
    body = bytes(as_csv("name", Cell, [Cell(some_name=-1), Cell(some_name=None), Cell(some_name=["a", 1])]).body)

    assert list(csv.reader(io.StringIO(body.decode()))) == [["someName"], ["-1"], [""], ["a 1"]]


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        (None, JSON),
        ("*/*", JSON),
        ("text/csv", CSV),
        ("TEXT/CSV;q=1", CSV),
        ("text/*", CSV),
        ("application/json, text/csv;q=0.5", JSON),
        ("application/json;q=0.2, text/csv", CSV),
        ("text/csv;q=0, */*", JSON),
        ("image/png", JSON),
        ("text/csv;q=much", JSON),
        ("", JSON),
    ],
)
def test_the_form_that_is_liked_best_is_given(accept: str | None, wanted: str) -> None:
    assert preferred(accept, (JSON, CSV)) == wanted


def test_a_browser_gets_a_page() -> None:
    browsers = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"

    assert preferred(browsers, (JSON, HTML)) == HTML
