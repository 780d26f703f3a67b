"""The sender, against real servers on this machine: what is signed, what is refused, what is told back."""

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
from standardwebhooks.webhooks import Webhook as Verifier
from standardwebhooks.webhooks import WebhookVerificationError

from adapters.webhooks import HttpWebhooks
from contracts.webhooks import WebhookAnswer, WebhookPost
from readmodel.webhooks import new_secret
from tests.endpoint_server import EndpointServer, endpoint_server

SECRET = new_secret()
BODY = '{"type":"job.completed","data":{"tags":["größe"]}}'


@pytest.fixture
def endpoint() -> Iterator[EndpointServer]:
    with endpoint_server() as running:
        yield running


@pytest.fixture
def sender() -> HttpWebhooks:
    """Allowed to call this machine, because the servers are here."""
    return HttpWebhooks(allow_private=True, total_timeout=timedelta(seconds=20))


def to(url: str) -> WebhookPost:
    return WebhookPost(url, SECRET, "msg_1", BODY)


async def test_a_receiver_can_check_what_it_got_with_the_published_library(
    endpoint: EndpointServer, sender: HttpWebhooks
) -> None:
    answer = await sender.send(to(endpoint.url()))

    (got,) = endpoint.received
    assert answer == WebhookAnswer(status=204)
    assert Verifier(SECRET).verify(got.body, got.headers) == json.loads(BODY)
    assert (got.headers["webhook-id"], got.headers["content-type"]) == ("msg_1", "application/json")
    with pytest.raises(WebhookVerificationError):
        Verifier(new_secret()).verify(got.body, got.headers)
    with pytest.raises(WebhookVerificationError):
        Verifier(SECRET).verify(got.body.replace(b"completed", b"failed"), got.headers)


async def test_a_redirect_is_told_and_not_followed(endpoint: EndpointServer, sender: HttpWebhooks) -> None:
    endpoint.answers = [(307, {"location": endpoint.url("/elsewhere")})]

    answer = await sender.send(to(endpoint.url()))

    assert answer.status == 307
    assert [got.path for got in endpoint.received] == ["/hook"]


async def test_an_endpoint_that_asks_for_time_gets_it(endpoint: EndpointServer, sender: HttpWebhooks) -> None:
    endpoint.answers = [(429, {"retry-after": "90"})]

    assert await sender.send(to(endpoint.url())) == WebhookAnswer(429, None, timedelta(seconds=90))


async def test_an_endpoint_that_never_answers_is_given_up_in_time(endpoint: EndpointServer) -> None:
    endpoint.silent.clear()
    hasty = HttpWebhooks(allow_private=True, total_timeout=timedelta(seconds=0.3))

    answer = await hasty.send(to(endpoint.url()))

    assert answer == WebhookAnswer(problem="127.0.0.1 did not answer within 0.3 s")
    assert answer.may_pass


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "2130706433", "0x7f.1", "169.254.169.254"])
async def test_no_inner_address_is_called_unless_that_is_allowed(endpoint: EndpointServer, host: str) -> None:
    outside = HttpWebhooks()

    answer = await outside.send(to(endpoint.url(host=host)))

    assert (answer.status, answer.final) == (None, True)
    assert endpoint.received == []
    assert await outside.problem_with(endpoint.url(host=host)) == answer.problem


async def test_cloud_metadata_is_never_called(sender: HttpWebhooks) -> None:
    assert await sender.problem_with("http://169.254.169.254/latest") == "169.254.169.254 is not a public server"
    assert (await sender.send(to("http://169.254.169.254/latest"))).final


async def test_nobody_listening_is_no_final_answer(sender: HttpWebhooks) -> None:
    with endpoint_server() as stopped:
        url = stopped.url("/hook?token=s3cret")

    answer = await sender.send(to(url))

    assert (answer.status, answer.may_pass) == (None, True)
    assert "s3cret" not in str(answer.problem)


async def test_an_address_that_would_be_called_has_no_problem(endpoint: EndpointServer, sender: HttpWebhooks) -> None:
    assert await sender.problem_with(endpoint.url()) is None
    assert await sender.problem_with("http://no-such-host.invalid/") in {None, "there is no host no-such-host.invalid"}
    assert endpoint.received == []
