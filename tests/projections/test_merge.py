import random
from dataclasses import replace
from functools import reduce

import pytest

from contracts.jobs import JobFailure, JobStatus, Progress
from readmodel.merge import JobState, accepted_state, merge
from tests.projections.samples import OUT_OF_TIME, at, hard_life, make_header, tell

HEADER = make_header()
PENDING = accepted_state(HEADER)


def test_a_hard_life_told_in_order_ends_well() -> None:
    state = reduce(merge, hard_life(HEADER), PENDING)

    assert state == JobState(
        status=JobStatus.COMPLETED,
        status_at=at(10),
        attempts=3,
        processed_at=at(2),
        completed_at=at(10),
        run_id="run-1",
        run_id_at=at(1),
        worker="w1",
        worker_at=at(8),
        progress=Progress(done=2, total=2, unit="photos"),
        progress_at=at(9),
        result={"read": 2},
    )


@pytest.mark.parametrize("seed", range(200))
def test_any_order_with_repeats_gives_the_same_state(seed: int) -> None:
    changes = hard_life(HEADER)[: 3 + seed % 9]
    chance = random.Random(seed)
    told = [*changes, *chance.choices(changes, k=5)]
    chance.shuffle(told)

    assert reduce(merge, told, PENDING) == reduce(merge, changes, PENDING)


@pytest.mark.parametrize("late", [status for status in JobStatus if not status.ended])
def test_no_open_status_undoes_an_end(late: JobStatus) -> None:
    ended = merge(PENDING, tell(HEADER, 5, status=JobStatus.COMPLETED, result=1))

    assert merge(ended, tell(HEADER, 9, status=late, result=2, error=OUT_OF_TIME)) == ended


def test_of_two_ends_the_later_counts_in_whichever_order_they_are_told() -> None:
    first = tell(HEADER, 5, status=JobStatus.COMPLETED, result=1)
    second = tell(HEADER, 6, status=JobStatus.CANCELLED, error=OUT_OF_TIME)

    ends = {reduce(merge, told, PENDING).status for told in ([first, second], [second, first])}

    assert ends == {JobStatus.CANCELLED}


def test_a_first_attempt_does_not_hide_that_another_step_waits_for_its_retry() -> None:
    retrying = tell(HEADER, 5, status=JobStatus.RETRYING, attempts=1)
    first_attempt = tell(HEADER, 6, status=JobStatus.PROCESSING, attempts=1)

    for told in ([retrying, first_attempt], [first_attempt, retrying]):
        assert reduce(merge, told, PENDING).status is JobStatus.RETRYING


def test_the_same_end_told_again_fills_in_what_was_left_out() -> None:
    seen_by_repair = merge(PENDING, tell(HEADER, 6, status=JobStatus.COMPLETED))

    told_by_job = merge(seen_by_repair, tell(HEADER, 5, status=JobStatus.COMPLETED, completed_at=at(5), result=1))

    assert told_by_job == replace(seen_by_repair, status_at=at(5), completed_at=at(5), result=1)


def test_an_end_outdoes_an_open_status_of_a_later_clock() -> None:
    processing = merge(PENDING, tell(HEADER, 9, status=JobStatus.PROCESSING))

    assert merge(processing, tell(HEADER, 5, status=JobStatus.FAILED)).status is JobStatus.FAILED


def test_a_step_on_a_late_clock_still_ends_the_waiting() -> None:
    assert merge(PENDING, tell(HEADER, -1, status=JobStatus.PROCESSING)).status is JobStatus.PROCESSING


def test_an_earlier_status_told_late_changes_nothing() -> None:
    retrying = merge(PENDING, tell(HEADER, 5, status=JobStatus.RETRYING))

    assert merge(retrying, tell(HEADER, 4, status=JobStatus.PROCESSING)) == retrying


def test_a_retry_clears_the_error_of_a_dead_job() -> None:
    dead = merge(PENDING, tell(HEADER, 5, status=JobStatus.DEAD, error=OUT_OF_TIME))

    assert dead.error == OUT_OF_TIME
    assert merge(dead, tell(HEADER, 6, status=JobStatus.PROCESSING)).error is None


def test_an_error_of_a_step_that_will_be_tried_again_is_not_the_job_s() -> None:
    failure = JobFailure(type="Unavailable", message=None, retryable=True)

    assert merge(PENDING, tell(HEADER, 5, status=JobStatus.RETRYING, error=failure)).error is None


def test_the_first_step_may_be_told_after_the_end() -> None:
    ended = merge(PENDING, tell(HEADER, 5, status=JobStatus.COMPLETED))

    late = merge(ended, tell(HEADER, 2, status=JobStatus.PROCESSING, processed_at=at(2), attempts=2))

    assert late == replace(ended, processed_at=at(2), attempts=2)
