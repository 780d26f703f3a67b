"""Alerts: raised once while nobody looked, listed, acknowledged."""

import asyncio

import pytest

from contracts.alerts import Severity
from contracts.audit import Author
from contracts.errors import InvalidInput
from contracts.ports import Alerts
from readmodel.alerts import AlertBook
from readmodel.database import Database
from tests.projections.samples import NOON, at


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> object:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def alerts(database: Database, clock: Clock) -> AlertBook:
    return AlertBook(database, clock)  # type: ignore[arg-type]  # its instants are real ones


async def raised(alerts: Alerts, key: str, message: str = "look", tenant_id: str | None = None) -> None:
    await alerts.raise_alert(key, "test", Severity.WARNING, message, tenant_id, details={"of": message})


async def test_an_alert_says_what_it_was_raised_with(alerts: AlertBook) -> None:
    await alerts.raise_alert(
        "k", "queue_stuck", Severity.CRITICAL, "nothing moves", "acme", "photo_processing", {"waiting": 7}
    )

    (alert,), following = await alerts.list(None, 9)

    assert alert.model_dump(exclude={"id"}) == {
        "key": "k",
        "kind": "queue_stuck",
        "severity": Severity.CRITICAL,
        "message": "nothing moves",
        "tenant_id": "acme",
        "job_type": "photo_processing",
        "details": {"waiting": 7},
        "count": 1,
        "created_at": NOON,
        "last_at": NOON,
        "acknowledged_at": None,
        "acknowledged_by": None,
        "resolved_at": None,
    }
    assert following is None


async def test_the_same_alert_again_counts_up_and_says_the_latest(alerts: AlertBook, clock: Clock) -> None:
    await raised(alerts, "k", "first")
    clock.now = at(60)
    await raised(alerts, "k", "second")

    (alert,), _ = await alerts.list(None, 9)

    assert (alert.count, alert.message, alert.details) == (2, "second", {"of": "second"})
    assert (alert.created_at, alert.last_at) == (NOON, at(60))


async def test_an_alert_that_comes_back_after_it_was_acknowledged_is_a_new_one(alerts: AlertBook, clock: Clock) -> None:
    await raised(alerts, "k", "first")
    ((first,), _) = await alerts.list(None, 9)
    await alerts.acknowledge(first.id, None, Author("key:1"))
    clock.now = at(60)
    await raised(alerts, "k", "second")

    found, _ = await alerts.list(None, 9)

    assert [(alert.message, alert.count, alert.acknowledged_by) for alert in found] == [
        ("second", 1, None),
        ("first", 1, "key:1"),
    ]


async def test_many_raising_one_alert_at_once_raise_one(alerts: AlertBook) -> None:
    await asyncio.gather(*(raised(alerts, "k") for _ in range(10)))

    (alert,), _ = await alerts.list(None, 9)

    assert alert.count == 10


async def test_who_acknowledged_first_stays(alerts: AlertBook, clock: Clock) -> None:
    await raised(alerts, "k")
    ((alert,), _) = await alerts.list(None, 9)

    clock.now = at(1)
    first = await alerts.acknowledge(alert.id, None, Author("key:1"))
    clock.now = at(2)
    second = await alerts.acknowledge(alert.id, None, Author("key:2"))

    assert first is not None
    assert (first.acknowledged_by, first.acknowledged_at) == ("key:1", at(1))
    assert second == first


async def test_a_tenant_sees_and_acknowledges_its_own_alerts_only(alerts: AlertBook) -> None:
    for key, tenant_id in (("a", "acme"), ("o", "other"), ("p", None)):
        await raised(alerts, key, tenant_id=tenant_id)
    everything, _ = await alerts.list(None, 9)
    theirs = next(alert for alert in everything if alert.key == "o")

    own, _ = await alerts.list("acme", 9)

    assert [alert.key for alert in own] == ["a"]
    assert len(everything) == 3
    assert await alerts.acknowledge(theirs.id, "acme", Author("key:1")) is None
    assert await alerts.acknowledge("alert_none", None, Author("key:1")) is None


async def test_alerts_are_listed_newest_first_page_by_page_and_filtered(alerts: AlertBook, clock: Clock) -> None:
    for number in range(5):
        clock.now = at(number)
        await alerts.raise_alert(f"k{number}", f"kind{number % 2}", Severity.INFO, "look")
    ((newest,), cursor) = await alerts.list(None, 1)
    await alerts.acknowledge(newest.id, None, Author("key:1"))

    rest, end = await alerts.list(None, 9, cursor)
    unread, _ = await alerts.list(None, 9, acknowledged=False)
    read, _ = await alerts.list(None, 9, acknowledged=True)
    odd, _ = await alerts.list(None, 9, kinds=["kind1", "none"])

    assert [newest.key, *(alert.key for alert in rest)] == ["k4", "k3", "k2", "k1", "k0"]
    assert end is None
    assert ([alert.key for alert in unread], [alert.key for alert in read]) == (["k3", "k2", "k1", "k0"], ["k4"])
    assert [alert.key for alert in odd] == ["k3", "k1"]
    with pytest.raises(InvalidInput):
        await alerts.list(None, 9, "rubbish")
