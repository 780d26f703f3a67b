"""The search language of the list of jobs: what is typed, which jobs are meant, and what stands in the address."""

from datetime import UTC, datetime, timedelta

import pytest

from contracts.bulk import BulkFilter
from contracts.errors import InvalidInput
from contracts.jobs import JobStatus, Priority
from dashboard.query import LONGEST, Search, bulk_filter, completions, parse
from readmodel.filters import JobFilter
from readmodel.sorting import JobSort

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)


def test_qualifiers_narrow_and_other_words_are_looked_for() -> None:
    found = parse('status:dead status:failed type:photo_processing tag:"two words" older:2h shelf https://a.example')

    assert found.job_filter(NOW) == JobFilter(
        tenant_id=None,
        statuses=(JobStatus.DEAD, JobStatus.FAILED),
        job_types=("photo_processing",),
        tags=("two words",),
        created_before=NOW - timedelta(hours=2),
        q="shelf https://a.example",
    )


@pytest.mark.parametrize("text", ["status:dead tag:'it is'", 'tag:"a\\"b" word', "older:10m newer:2d x:y", ""])
def test_a_search_written_out_means_the_same(text: str) -> None:
    assert parse(str(parse(text))) == parse(text)


@pytest.mark.parametrize(
    "text",
    ["status:done", "priority:urgent", "older:soon", "older:1h older:2h", "tenant:a tenant:b", "x" * (LONGEST + 1)],
)
def test_a_wrong_value_is_named_and_not_left_out(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"status:done|priority:urgent|older:|tenant:|longer"):
        parse(text).job_filter(NOW)


def test_an_order_is_part_of_the_search_and_of_no_bulk_action() -> None:
    found = parse("status:dead sort:-waitTime")

    assert (found.sort, parse("word").sort) == (JobSort.LONGEST_WAIT, JobSort.NEWEST)
    assert str(found.sorted_by(JobSort.STATUS)) == "status:dead sort:status"
    assert found.sorted_by(JobSort.NEWEST) == parse("status:dead")
    assert bulk_filter(found.job_filter(NOW)) == BulkFilter(status=(JobStatus.DEAD,))


@pytest.mark.parametrize("text", ["sort:payload", "sort:status sort:priority"])
def test_an_order_that_is_none_is_named(text: str) -> None:
    with pytest.raises(InvalidInput, match="sort:"):
        _ = parse(text).sort


def test_an_open_quote_is_no_error_while_somebody_types() -> None:
    assert parse("tag:\"half it's").said == {"tag": ("half",)}


def test_a_bulk_action_on_all_that_match_means_the_same_jobs_as_the_list() -> None:
    wanted = parse("status:dead priority:high tag:spring error:abc newer:1d word").job_filter(NOW)

    assert bulk_filter(wanted) == BulkFilter(
        status=(JobStatus.DEAD,),
        priority=(Priority.HIGH,),
        tag=("spring",),
        fingerprint="abc",
        created_after=NOW - timedelta(days=1),
        q="word",
    )


def test_an_empty_search_is_no_bulk_action_on_everything() -> None:
    with pytest.raises(ValueError, match="at least one condition"):
        bulk_filter(Search().job_filter(NOW))


def test_every_completion_can_be_searched_for() -> None:
    for known in completions():
        if not known["text"].endswith(":"):
            parse(known["text"]).job_filter(NOW)
