"""When a figure is an incident, when that is over, and what is said meanwhile."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from contracts.alert_rules import DEFAULT_RULES, AlertKind, AlertRule, Reading, Standing, Turn, judge

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
RULE = AlertRule(kind=AlertKind.QUEUE_DEPTH, threshold=10, clear=5, for_seconds=60, clear_for_seconds=120)


def turns(*figures: tuple[float, float], rule: AlertRule = RULE, jobs: int | None = None) -> list[Turn]:
    """Return what each reading means. figures: seconds after noon, value"""
    standing, told = Standing("k", "queue_depth"), []
    for seconds, value in figures:
        reading = Reading(AlertKind.QUEUE_DEPTH, value, "", "photo_processing", jobs=jobs)
        standing, turn = judge(standing, reading, rule, NOON + timedelta(seconds=seconds))
        if turn is Turn.BEGINS:
            standing = replace(standing, alert_id="alert_1")
        told.append(turn)
    return told


def test_an_incident_must_last_to_begin_and_must_be_over_for_a_while_to_end() -> None:
    figures = [(0, 10), (59, 99), (60, 10), (61, 5), (180, 0), (181, 0), (182, 0)]

    assert turns(*figures) == [
        Turn.NOTHING,
        Turn.NOTHING,
        Turn.BEGINS,
        Turn.NOTHING,
        Turn.NOTHING,
        Turn.ENDS,
        Turn.NOTHING,
    ]


def test_a_peak_that_passes_is_no_incident() -> None:
    assert turns((0, 99), (30, 9), (31, 99), (90, 99), (91, 99)) == [*[Turn.NOTHING] * 4, Turn.BEGINS]


def test_a_figure_that_swings_between_the_two_limits_is_one_incident() -> None:
    swinging = [(60.0 + seconds, 11.0 if seconds % 40 else 6.0) for seconds in range(0, 4000, 20)]

    told = turns((0, 11), *swinging, rule=RULE.model_copy(update={"for_seconds": 0}))

    assert told.count(Turn.BEGINS) == 1
    assert Turn.ENDS not in told


def test_too_few_jobs_say_nothing() -> None:
    rule = RULE.model_copy(update={"least_jobs": 20, "for_seconds": 0})

    assert turns((0, 99), rule=rule, jobs=19) == [Turn.NOTHING]
    assert turns((0, 99), rule=rule, jobs=20) == [Turn.BEGINS]


def test_a_rule_that_is_switched_off_or_about_others_begins_nothing_and_ends_what_there_is() -> None:
    for change in ({"enabled": False}, {"job_types": ("migration",)}):
        off = RULE.model_copy(update=change)
        going_on = Standing("k", "queue_depth", NOON, None, "alert_1")
        reading = Reading(AlertKind.QUEUE_DEPTH, 99, "", "photo_processing")

        assert turns((0, 99), (99, 99), rule=off) == [Turn.NOTHING] * 2
        assert judge(going_on, reading, off, NOON) == (Standing("k", "queue_depth"), Turn.ENDS)


def test_a_type_may_have_its_own_threshold_and_clears_in_proportion() -> None:
    own = RULE.model_copy(update={"thresholds": {"photo_processing": 100.0}})

    assert own.limits("photo_processing") == (100, 50)
    assert own.limits("migration") == (10, 5)


def test_a_rule_that_could_never_clear_is_refused() -> None:
    with pytest.raises(ValidationError, match="clear must not be above"):
        AlertRule(kind=AlertKind.QUEUE_DEPTH, threshold=1, clear=2)


def test_every_figure_has_a_default_rule_and_a_budget_is_nobodys_until_it_is_set() -> None:
    assert set(DEFAULT_RULES) == set(AlertKind)
    assert [rule.kind for rule in DEFAULT_RULES.values() if not rule.enabled] == [AlertKind.BUDGET]
