import itertools
import random

import pytest

from readmodel.durations import bucket_of, middle_of, percentile


def test_the_middle_of_a_durations_bucket_is_within_eight_per_cent_of_it() -> None:
    durations = [*range(20, 3000), *(round(1.07**power) for power in range(60, 400))]

    assert max(abs(middle_of(bucket_of(ms)) / ms - 1) for ms in durations) < 0.08


def test_a_short_duration_is_at_most_a_millisecond_off() -> None:
    assert max(abs(middle_of(bucket_of(ms)) - ms) for ms in range(20)) <= 1


def test_a_longer_duration_is_never_in_an_earlier_bucket() -> None:
    buckets = [bucket_of(ms) for ms in range(100_000)]

    assert all(one <= other for one, other in itertools.pairwise(buckets))


@pytest.mark.parametrize("bucket", range(20, 240))
def test_the_scale_goes_both_ways(bucket: int) -> None:
    assert bucket_of(middle_of(bucket)) == bucket


@pytest.mark.parametrize("share", [0.5, 0.95, 0.99])
def test_percentiles_are_within_ten_per_cent_of_the_exact_ones(share: float) -> None:
    chance = random.Random(7)
    durations = sorted(round(chance.lognormvariate(7, 1.5)) for _ in range(5000))
    counts: dict[int, int] = {}
    for ms in durations:
        counts[bucket_of(ms)] = counts.get(bucket_of(ms), 0) + 1

    found = percentile(counts, share)

    assert found == pytest.approx(durations[round(share * len(durations)) - 1], rel=0.1)


def test_percentiles_of_few_durations_are_among_them() -> None:
    assert [percentile({bucket_of(1000): 1}, share) for share in (0.5, 0.99, 1)] == [middle_of(bucket_of(1000))] * 3
    assert percentile({bucket_of(10): 1, bucket_of(1000): 1}, 0.5) == middle_of(bucket_of(10))


@pytest.mark.parametrize("counts", [{}, {5: 0}, {5: -1}])
def test_without_durations_there_are_no_percentiles(counts: dict[int, int]) -> None:
    assert percentile(counts, 0.5) is None
