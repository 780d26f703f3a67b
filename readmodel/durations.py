"""Durations on a logarithmic scale: counted by bucket, read back as percentiles within about 7 %. Pure.

The scale is part of what is stored: changing it makes every duration counted before mean something else.
"""

import math
from collections.abc import Mapping

STEPS_PER_DOUBLING = 5
"""A bucket's upper end is 2^(1/5), or 15 %, above its lower end; its middle is at most 7.2 % from either."""


def bucket_of(milliseconds: int) -> int:
    """Return the bucket of a duration; 0 for less than a millisecond."""
    return 0 if milliseconds < 1 else 1 + math.floor(math.log2(milliseconds) * STEPS_PER_DOUBLING)


def middle_of(bucket: int) -> int:
    """Return the milliseconds that stand for a bucket: the geometric middle of its ends."""
    return 0 if bucket < 1 else round(2 ** ((bucket - 0.5) / STEPS_PER_DOUBLING))


def end_of(bucket: int) -> float:
    """Return the milliseconds that a bucket's durations stay under."""
    return 1.0 if bucket < 1 else 2.0 ** (bucket / STEPS_PER_DOUBLING)


def percentile(counts: Mapping[int, int], share: float) -> int | None:
    """Return the milliseconds that `share` of the counted durations do not exceed; None when none was counted.

    counts: how many durations lie in each bucket; what is not positive counts as none
    share: in (0, 1]
    """
    left = share * sum(count for count in counts.values() if count > 0)
    if left <= 0:
        return None
    for bucket, count in sorted(counts.items()):
        left -= max(count, 0)
        if left <= 1e-9:  # a share of a whole number may miss it by a hair
            return middle_of(bucket)
    return middle_of(max(counts))


def mean(counts: Mapping[int, int]) -> int | None:
    """Return the mean of the counted durations, in milliseconds, within about 7 %; None when none was counted."""
    number = sum(count for count in counts.values() if count > 0)
    if not number:
        return None
    return round(sum(middle_of(bucket) * count for bucket, count in counts.items() if count > 0) / number)
