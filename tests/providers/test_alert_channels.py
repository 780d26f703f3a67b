"""Ways to tell people of alerts, against real servers: SMTP and HTTP."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook as Verifier

from adapters.alerts.email import EmailChannel
from adapters.alerts.web import SlackChannel, WebhookChannel
from contracts.alerts import Alert, AlertChannel, AlertNews, News, Severity
from contracts.errors import Unavailable
from readmodel.webhooks import new_secret
from tests.endpoint_server import EndpointServer, endpoint_server
from tests.fixtures_mail import MailServer

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.fixture
def endpoint() -> Iterator[EndpointServer]:
    with endpoint_server() as running:
        yield running


def news(message: str = "12 jobs are dead", kind: News = News.RAISED, **fields: Any) -> AlertNews:
    """Any: fields of an alert."""
    said = {"id": "alert_1", "key": "k", "kind": "dead_letters", "severity": Severity.CRITICAL, "count": 1, **fields}
    return AlertNews(news=kind, alert=Alert(**said, message=message, created_at=NOON, last_at=NOON))


async def test_an_email_says_all_that_is_new_in_one_message(mail_server: MailServer) -> None:
    channel = EmailChannel(mail_server.url, "queue@shop.example", ["ops@shop.example", "boss@shop.example"])

    await channel.tell("msg_1", [news(), news("queue is gone", News.RESOLVED, resolved_at=NOON, id="alert_2")])

    (mail,) = mail_server.taken
    assert mail["subject"] == "[CRITICAL] 12 jobs are dead (and 1 more)"
    assert (mail["from"], mail["to"]) == ("queue@shop.example", "ops@shop.example, boss@shop.example")
    assert mail["message-id"] == "<msg_1@spaces-queue>"
    text = mail.get_content()
    assert "dead_letters, since 2026-11-22 12:00:00 UTC, alert_1" in text
    assert "[RESOLVED] queue is gone" in text


async def test_no_message_can_add_a_header(mail_server: MailServer) -> None:
    channel = EmailChannel(mail_server.url, "queue@shop.example", ["ops@shop.example"])

    await channel.tell("msg_1", [news("died\r\nBcc: everybody@shop.example\r\n\r\nhello")])

    (mail,) = mail_server.taken
    assert mail["bcc"] is None
    assert mail["subject"] == "[CRITICAL] died Bcc: everybody@shop.example hello"


async def test_a_mail_server_that_refuses_or_is_away_is_unavailable(mail_server: MailServer) -> None:
    mail_server.refusing = "451 later, please"
    refused = EmailChannel(mail_server.url, "queue@shop.example", ["ops@shop.example"])
    away = EmailChannel("smtp://user:s3cret@127.0.0.1:1", "queue@shop.example", ["ops@shop.example"])

    with pytest.raises(Unavailable, match="451"):
        await refused.tell("msg_1", [news()])
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1 did not take") as told:
        await away.tell("msg_1", [news()])

    assert "s3cret" not in str(told.value)
    assert mail_server.taken == []


async def test_slack_gets_one_line_each_and_nothing_in_it_is_a_mention(endpoint: EndpointServer) -> None:
    await SlackChannel(endpoint.url("/services/T/B/X")).tell("msg_1", [news("<!everyone> & more"), news("two")])

    (got,) = endpoint.received
    assert json.loads(got.body) == {"text": "[CRITICAL] &lt;!everyone&gt; &amp; more\n[CRITICAL] two"}


async def test_an_endpoint_of_alerts_can_check_who_says_so(endpoint: EndpointServer) -> None:
    secret = new_secret()

    await WebhookChannel(endpoint.url(), secret).tell("msg_1", [news()])

    (got,) = endpoint.received
    body = Verifier(secret).verify(got.body, got.headers)
    assert (got.headers["webhook-id"], body["type"]) == ("msg_1", "alerts")
    assert body["data"]["alerts"][0]["news"] == "raised"
    assert body["data"]["alerts"][0]["alert"]["message"] == "12 jobs are dead"


async def test_endpoints_that_do_not_take_it_are_unavailable_and_their_address_is_not_told(
    endpoint: EndpointServer,
) -> None:
    channels: list[AlertChannel] = [SlackChannel(endpoint.url("/s3cret")), WebhookChannel(endpoint.url(), new_secret())]
    for channel in channels:
        endpoint.answers = [(500, {})]
        with pytest.raises(Unavailable, match="500") as told:
            await channel.tell("msg_1", [news()])
        assert "s3cret" not in str(told.value)


def test_a_secret_that_cannot_sign_is_refused_at_the_start() -> None:
    with pytest.raises(ValueError, match="base64"):
        WebhookChannel("https://shop.example/", "whsec_a")
