"""How things are said on pages: the core's sentences in people's words, and where an alert leads."""

from datetime import UTC, datetime

import pytest

from contracts.alert_rules import DEFAULT_RULES, AlertKind
from contracts.alerts import APPROVAL_WAITING, TENANT_SLOWED, Alert, Severity
from contracts.syndications import Platform, PlatformOutcome, SyndicationResult
from dashboard.pages.alert_rules import WATCHED
from dashboard.pages.alerts import behind
from dashboard.pages.posts import post_rows
from dashboard.words import lasting, plain


@pytest.mark.parametrize(
    ("sentence", "shown"),
    [
        ("the photo_processing jobs wait", "the photo processing jobs wait"),
        ("Photo_processing is paused.", "Photo processing is paused."),
        ("no job 'acme:photo_processing:1'", "no job 'acme:photo_processing:1'"),
        ("see /queues/ai_generation", "see /queues/ai_generation"),
        ("my_photo_processing", "my_photo_processing"),
    ],
)
def test_names_of_job_types_become_words_but_ids_stay(sentence: str, shown: str) -> None:
    assert plain(sentence) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "0 s"), (90, "90 s"), (120, "2 min"), (7_200, "2 h"), (31_536_000, "365 d")]
)
def test_a_span_is_said_in_the_largest_unit_that_fits(seconds: int, shown: str) -> None:
    assert lasting(seconds) == shown


@pytest.mark.parametrize(
    ("kind", "address"),
    [
        (AlertKind.FAILED_JOBS, "/jobs?q=type:ai_generation%20tenant:acme%20status:failed%20status:dead%20newer:1h"),
        (AlertKind.QUEUE_DEPTH, "/jobs?q=type:ai_generation%20tenant:acme%20status:pending"),
        (AlertKind.DEAD_LETTERS, "/dead-letters"),
        (TENANT_SLOWED, "/tenants/acme"),
        (APPROVAL_WAITING, "/approvals"),
        ("a kind of tomorrow", "/jobs?q=type:ai_generation%20tenant:acme"),
    ],
)
def test_an_alert_leads_to_what_it_is_about(kind: str, address: str) -> None:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    said = {"id": "1", "key": "k", "severity": Severity.INFO, "message": "", "count": 1, "created_at": now}

    alert = Alert(kind=kind, tenant_id="acme", job_type="ai_generation", last_at=now, **said)

    assert behind(alert) == f"/dashboard{address}"


def test_every_rule_says_what_it_watches_and_in_which_unit() -> None:
    assert set(WATCHED) == set(AlertKind) == set(DEFAULT_RULES)


def test_each_platform_s_outcome_is_a_row_with_its_link_or_its_refusal() -> None:
    posted = PlatformOutcome(
        platform=Platform.MASTODON, account="default", success=True, post_id="7", url="https://a.example/7", text="Hi"
    )
    refused = PlatformOutcome(platform=Platform.BLUESKY, success=False, error="refused the account", attempts=2)
    result = SyndicationResult(successful=1, failed=1, results=(posted, refused)).to_wire()

    first, second = post_rows(result)

    assert (first["state"], first["post"]["href"], first["told"]) == ("done", "https://a.example/7", "2 characters")
    assert (second["state"], second["post"], second["told"]) == ("refused", None, "refused the account")
    assert post_rows(None) == []
