"""What the API takes as a payment, and what it never lets in."""

from pathlib import Path
from typing import Any

import pytest

from tests.endpoints.test_jobs import PROBLEM
from tests.fixtures_queue import Api
from tests.jobs.test_payments import charge

CARD = "4242424242424242"


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (charge(orderId=CARD), "payload.orderId"),
        (charge(orderId="for 4242 4242 4242 4242, thanks"), "payload.orderId"),
        (charge(orderId="3782-822463-10005"), "payload.orderId"),
        (charge(note={"deep": [int(CARD)]}), "payload.note.deep.0"),
        ({**charge(), "payload": {**charge()["payload"], CARD: 1}}, "payload"),
        (charge() | {"tags": ["a", CARD]}, "tags.1"),
        (charge() | {"correlationId": CARD}, "correlationId"),
        (charge() | {"dependsOn": ["acme:photo_processing:1"], "userId": CARD}, "userId"),
        (charge(orderId="{{acme:photo_processing:1.result.x}} " + CARD), "payload.orderId"),
    ],
)
async def test_what_looks_like_a_card_number_is_refused_and_kept_nowhere(
    api: Api, tmp_path: Path, caplog: pytest.LogCaptureFixture, body: dict[str, Any], path: str
) -> None:
    with caplog.at_level("DEBUG"):
        refused = await api.http.post("/v1/jobs", json=body)
        bulk = await api.http.post("/v1/jobs/bulk", json={"jobs": [body]})

    assert (refused.status_code, refused.headers["content-type"]) == (422, PROBLEM)
    assert refused.json()["errors"][0]["path"] == path
    assert "token" in refused.json()["detail"]
    assert bulk.json()["rejected"] == 1
    for kept in (refused.text, bulk.text, caplog.text, *_kept_in(tmp_path)):
        assert CARD not in kept
        assert "822463" not in kept


def _kept_in(folder: Path) -> list[str]:
    """Return all that the database's files hold."""
    return [file.read_bytes().decode(errors="replace") for file in folder.glob("spaces.db*")]


async def test_a_card_number_as_idempotency_key_is_refused(api: Api) -> None:
    refused = await api.http.post("/v1/jobs", json=charge(), headers={"Idempotency-Key": CARD})

    assert (refused.status_code, refused.json()["errors"][0]["path"]) == (422, "Idempotency-Key")


@pytest.mark.parametrize(
    "harmless",
    [
        "550e8400-e29b-41d4-a716-446655440000",
        "4242424242424241",
        "1763800000000",
        "42424242424242424242",
        "2006381333930",
    ],
)
async def test_other_long_numbers_are_no_card_numbers(api: Api, harmless: str) -> None:
    taken = await api.http.post("/v1/jobs", json=charge(orderId=harmless))

    assert taken.status_code == 202


@pytest.mark.parametrize(
    ("more", "path", "words"),
    [
        ({"amountMinor": 12.99}, "payload.amountMinor", "valid integer"),
        ({"amountMinor": 12.0}, "payload.amountMinor", "valid integer"),
        ({"amountMinor": "1299"}, "payload.amountMinor", "valid integer"),
        ({"amountMinor": True}, "payload.amountMinor", "valid integer"),
        ({"amountMinor": 0}, "payload.amountMinor", "greater than 0"),
        ({"amountMinor": -5}, "payload.amountMinor", "greater than 0"),
        ({"amountMinor": 10**12}, "payload.amountMinor", "less than or equal"),
        ({"currency": "EURO"}, "payload.currency", "pattern"),
        ({"currency": "XAU"}, "payload.currency", "no currency of ISO 4217"),
        ({"currency": "ZZZ"}, "payload.currency", "no currency of ISO 4217"),
        ({"currency": "JPY", "exponent": 2}, "payload", "JPY has 0 decimal places, not 2"),
        ({"destination": "acct_1"}, "payload", "a charge takes no destination"),
        ({"paymentMethod": None}, "payload", "a charge needs paymentMethod"),
        ({"operation": "refund"}, "payload", "a refund"),
        ({"operation": "transfer", "paymentMethod": None}, "payload", "a transfer needs destination"),
        ({"paymentMethod": "https://evil.example/x"}, "payload.paymentMethod", "pattern"),
    ],
)
async def test_a_payment_that_makes_no_sense_is_refused(api: Api, more: dict[str, Any], path: str, words: str) -> None:
    refused = await api.http.post("/v1/jobs", json=charge(**more))

    assert refused.status_code == 422
    (problem,) = refused.json()["errors"]
    assert (problem["path"], words in problem["message"]) == (path, True)


async def test_the_currencys_own_decimal_places_are_taken(api: Api) -> None:
    taken = await api.http.post("/v1/jobs", json=charge(currency="jpy", exponent=0))

    assert (taken.status_code, taken.json()["priority"]) == (202, "critical")
