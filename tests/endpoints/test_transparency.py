"""What anybody may see: figures that tell of nobody, as a page and as JSON, whatever is asked how often."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.transparency import Transparency, two_digits
from contracts.alerts import Severity
from contracts.errors import Unavailable
from contracts.jobs import JobStatus
from contracts.limits import TenantLimits
from contracts.pauses import CIRCUIT_ACTOR, Pause
from contracts.values import ALL_TENANTS
from readmodel.database import Database
from readmodel.pauses import Pauses
from tests.fixtures_queue import Api, RunApi
from tests.projections.statements import selects
from tests.projections.test_analytics import end

SHOPS = ("northwind", "contoso", "fabrikam")


@pytest.fixture
async def stranger(api: Api) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody without a key."""
    async with httpx.AsyncClient(timeout=30, base_url=api.url) as client:
        yield client


async def look(stranger: httpx.AsyncClient) -> dict[str, Any]:
    answer = await stranger.get("/transparency", headers={"Accept": "application/json"})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def used_by(api: Api, *shops: str, times: int = 10, **more: Any) -> None:
    """Let jobs of each shop end now. Any: what is told of them."""
    for shop in shops:
        await end(api.history, datetime.now(UTC), tenant_id=shop, times=times, **more)


async def test_anybody_sees_volumes_success_and_waits_and_no_shop(api: Api, stranger: httpx.AsyncClient) -> None:
    await used_by(api, *SHOPS, times=39, wait=2, run=4)
    await used_by(api, SHOPS[0], times=6, status=JobStatus.FAILED, wait=2, run=8)

    seen = await look(stranger)

    (kind,) = seen["jobTypes"]
    assert kind == {"jobType": "photo_processing", **seen["overall"]}
    assert (kind["jobs"], kind["successRate"]) == (120, 0.95)
    assert kind["waitSecondsP50"] == pytest.approx(2, rel=0.08)
    assert kind["processingSecondsP95"] == pytest.approx(4, rel=0.16)
    assert [(day["jobs"], day["successRate"]) for day in seen["byDay"] if day["jobs"]] == [(120, 0.95)]
    assert len(seen["byDay"]) == seen["days"] == 30
    assert not [shop for shop in SHOPS if shop in str(seen)]


async def test_figures_of_few_shops_or_few_jobs_are_not_shown_and_in_no_sum(
    api: Api, stranger: httpx.AsyncClient
) -> None:
    await used_by(api, *SHOPS, times=20)
    await used_by(api, *SHOPS[:2], times=50, job_type="payment_processing")

    seen = await look(stranger)

    assert [kind["jobType"] for kind in seen["jobTypes"]] == ["photo_processing"]
    assert seen["overall"]["jobs"] == 60


async def test_small_types_are_shown_together_when_they_tell_of_nobody_then(
    api: Api, stranger: httpx.AsyncClient
) -> None:
    await used_by(api, *SHOPS[:2], times=10, job_type="payment_processing")
    await used_by(api, SHOPS[2], times=10, job_type="photo_processing")

    seen = await look(stranger)

    assert [(kind["jobType"], kind["jobs"]) for kind in seen["jobTypes"]] == [("other", 30)]


@pytest.mark.parametrize("shops", [0, 1, 2])
async def test_with_few_shops_nothing_is_told_of_jobs(api: Api, stranger: httpx.AsyncClient, shops: int) -> None:
    await used_by(api, *SHOPS[:shops], times=50)

    seen = await look(stranger)
    page = await stranger.get("/transparency")

    assert set(seen["overall"].values()) == {None}
    assert (seen["jobTypes"], seen["byDay"]) == ([], [])
    assert "too few shops" in page.text


async def test_a_day_with_few_shops_is_left_blank(api: Api, stranger: httpx.AsyncClient) -> None:
    await used_by(api, *SHOPS, times=20)
    await end(api.history, datetime.now(UTC) - timedelta(days=2), tenant_id=SHOPS[0], times=50)

    seen = await look(stranger)

    assert [day["jobs"] for day in seen["byDay"]][-3:] == [None, None, 60]


async def test_whoever_runs_it_may_decide_how_many_shops_are_enough(run_api: RunApi, tmp_path: Path) -> None:
    await Database(f"sqlite:///{tmp_path / 'spaces.db'}").migrate()
    async with run_api(transparency_tenants=1) as api, httpx.AsyncClient(timeout=30, base_url=api.url) as stranger:
        await used_by(api, SHOPS[0], times=50)
        seen = await look(stranger)

    assert (seen["overall"]["jobs"], seen["fewestTenants"]) == (50, 1)


async def test_incidents_are_told_in_words_that_name_nobody(api: Api, stranger: httpx.AsyncClient) -> None:
    alerts, photos = api.services.alerts, "photo_processing"
    await alerts.raise_alert("q", "queue_depth", Severity.WARNING, "7 jobs of northwind wait", job_type=photos)
    await alerts.resolve("q")
    await alerts.raise_alert("s", "worker_silent", Severity.WARNING, "worker host-7 is silent")
    await alerts.raise_alert("t", "queue_depth", Severity.WARNING, "look", tenant_id="northwind")
    await alerts.raise_alert("b", "budget", Severity.WARNING, "northwind used it up")

    seen = await look(stranger)

    silent, deep = seen["incidents"]
    assert (silent["jobType"], silent["endedAt"]) == (None, None)
    assert deep["words"] == "unusually many jobs waited"
    assert deep["jobType"] == photos
    assert deep["endedAt"] >= deep["beganAt"]
    assert "northwind" not in str(seen)
    assert "host-7" not in str(seen)


async def test_limits_in_force_are_told_with_their_reasons(api: Api, stranger: httpx.AsyncClient) -> None:
    pauses, now = Pauses(api.services.database), datetime.now(UTC)
    whole = Pause(job_type="migration", tenant_id=ALL_TENANTS, reason="<b>month's end</b>", actor="key:7", since=now)
    circuit = {"job_type": "payment_processing", "reason": "Stripe refuses our key (401)", "actor": CIRCUIT_ACTOR}
    await pauses.put(whole)
    await pauses.put(whole.model_copy(update=circuit))
    await pauses.put(whole.model_copy(update={"tenant_id": "northwind", "reason": "unpaid"}))

    seen = await look(stranger)
    page = await stranger.get("/transparency")

    told = {limit["what"]: limit["why"] for limit in seen["limits"]}
    assert told["jobs of migration wait"] == "<b>month's end</b>"
    assert told["jobs of payment_processing wait"] == "a provider does not take our requests"
    assert "a shop may submit 20000 jobs a minute" in told
    assert not [word for word in ("northwind", "unpaid", "key:7", "401") if word in str(seen)]
    assert "<b>" not in page.text
    assert "&lt;b&gt;month&#x27;s end" in page.text


class Outline(HTMLParser):
    """Notes the tags of a page, those that are open, and what a screen reader needs."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.scopes = 0

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in {"meta", "link"}:
            self.open.append(tag)
        self.scopes += tag == "th" and "scope" in dict(attributes)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


async def test_a_browser_gets_a_whole_page_without_scripts(api: Api, stranger: httpx.AsyncClient) -> None:
    await used_by(api, *SHOPS, times=20)
    await api.services.alerts.raise_alert("s", "worker_silent", Severity.WARNING, "look")

    page = await stranger.get("/transparency", headers={"Accept": "text/html,*/*;q=0.8"})
    outline = Outline()
    outline.feed(page.text)

    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert (page.headers["cache-control"], page.headers["vary"]) == ("public, max-age=15", "Accept")
    assert outline.open == []
    assert not {"script", "iframe", "form", "img"} & set(outline.tags)
    assert '<html lang="en">' in page.text
    assert "src=" not in page.text
    assert "http" not in page.text
    assert outline.tags.count("h1") == 1
    assert outline.tags.count("caption") == outline.tags.count("table") == 3
    assert outline.scopes == outline.tags.count("th")
    assert "more than 60 jobs; 100% of them succeeded" in page.text


async def test_the_form_may_be_chosen_by_header_or_by_name(api: Api, stranger: httpx.AsyncClient) -> None:
    by_header = await look(stranger)
    by_name = await stranger.get("/transparency.json")
    by_default = await stranger.get("/transparency")

    assert by_name.json() == by_header
    assert by_default.headers["content-type"].startswith("text/html")


async def test_strangers_cannot_load_the_database(api: Api, stranger: httpx.AsyncClient) -> None:
    with selects(api.services.database) as seen:
        await asyncio.gather(*(look(stranger) for _ in range(30)))
        once = len(seen)
        await asyncio.gather(*(look(stranger) for _ in range(30)))

    assert 0 < once < 30
    assert len(seen) == once


async def test_the_last_answer_is_given_while_the_database_is_away(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'spaces.db'}")
    await database.migrate()
    transparency = Transparency(database, TenantLimits())
    first = await transparency.view()

    await database.close()
    shutil.rmtree(tmp_path)  # nothing can be opened there
    transparency.kept.fresh_seconds = 0.0
    while_away = await transparency.view()
    transparency.kept.stale_seconds = 0.0

    assert while_away == first
    with pytest.raises(Unavailable):
        await transparency.view()


def test_numbers_are_rounded_down_to_what_tells_of_nobody() -> None:
    assert [two_digits(number) for number in (10, 19, 99, 100, 129, 1_999, 123_456)] == [
        10,
        10,
        90,
        100,
        120,
        1_900,
        120_000,
    ]
