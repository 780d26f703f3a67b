"""Advice: what has become slower than usual, and what could be saved, each with the numbers it rests on."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal

from pydantic import Field

from api.identity import Caller, Right
from contracts.generations import Used
from contracts.values import Instant, WireModel
from readmodel.analytics import Analytics, Bucket, Line, Span
from readmodel.database import Database
from readmodel.durations import percentile
from readmodel.rollups import Grain, Measure
from readmodel.spending import ASKING, Spending
from readmodel.waste import Waste, wasted_attempts
from readmodel.workers import WorkerRegistry

WEEK = timedelta(days=7)
USUAL_WEEKS = 8
WEEKS_NEEDED = 3
LEAST_JOBS = 20
"""Jobs of a week that its figures must be made of."""
SLACK = 0.15
"""How far outside the band a figure must be: what durations are counted in is as coarse (see durations.py)."""
LEAST_DEAD = 5
LEAST_REPEATED = 5
LOST_SHARE = 0.1
LOST_SECONDS = 60.0
QUIET = 0.2
"""Share of its workers' time up to which an hour counts as free."""
LONG_WAIT_MS = 60_000


class Degradation(WireModel):
    """One figure of a job type in the last seven days against the weeks before. Milliseconds, or a share in [0, 1].

    low, high: the usual band, the least and the greatest of the weeks before; null while too few of them are known
    """

    job_type: str
    figure: Literal["processingTimeP95", "waitTimeP95", "failureRate"]
    value: float
    low: float | None
    high: float | None
    weeks: int = Field(description="weeks before that had enough jobs, of eight")
    verdict: Literal["worse", "usual", "better", "unknown"]
    words: str


class Degradations(WireModel):
    """How the last seven days were; what is worse first."""

    at: Instant
    items: Sequence[Degradation]


class Advice(WireModel):
    """Something that could be saved. numbers: what it rests on."""

    code: Literal["retries_never_succeed", "lost_work", "repeated_orders", "free_hours"]
    words: str
    job_type: str | None = None
    numbers: dict[str, float | str]


class Advices(WireModel):
    """What could be saved; empty when nothing stands out."""

    at: Instant
    items: Sequence[Advice]


class AdviceDesk:
    """Answers what stands out. A tenant's key is told of its own jobs only.

    Every method raises `Forbidden` when the key may not look, or not at the tenant that is named, and `Unavailable`
    when the database did not answer.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._analytics = Analytics(database)
        self._spending = Spending(database)
        self._workers = WorkerRegistry(database)

    async def degradation(self, caller: Caller, tenant_id: str | None = None) -> Degradations:
        """Return how each job type did in the last seven days against the eight weeks before."""
        caller.must(Right.JOBS_READ)
        now = datetime.now(UTC)
        end = Grain.DAY.begin(now) + timedelta(days=1)
        span = Span(end - WEEK * (USUAL_WEEKS + 1), end, Bucket.DAY, caller.scope_for(tenant_id))
        weeks = _by_week(await self._analytics.by_type(span), end)
        found = [each for name, lines in sorted(weeks.items()) for each in _judged(name, lines)]
        order = ("worse", "better", "usual", "unknown")
        return Degradations(at=now, items=sorted(found, key=lambda each: order.index(each.verdict)))

    async def advice(self, caller: Caller, tenant_id: str | None = None) -> Advices:
        """Return what could be saved, by what happened in the last 30 days."""
        caller.must(Right.JOBS_READ)
        scope, now = caller.scope_for(tenant_id), datetime.now(UTC)
        items = [*await self._retries(scope), *await self._lost_work(scope, now), *await self._repeated(scope, now)]
        if scope is None and caller.may(Right.WORKERS_READ):
            items += await self._free_hours(now)
        return Advices(at=now, items=items)

    async def _retries(self, scope: str | None) -> list[Advice]:
        found = await wasted_attempts(self._database, scope, LEAST_DEAD, limit=10)
        spent = await self._spending.of_dead(scope, [waste.fingerprint for waste in found])
        return [_retry(waste, spent.get(waste.fingerprint, Used())) for waste in found]

    async def _repeated(self, scope: str | None, now: datetime) -> list[Advice]:
        jobs, used = await self._spending.repeated(scope, now - timedelta(days=30))
        return [_repeats(jobs, used)] if jobs >= LEAST_REPEATED else []

    async def _lost_work(self, scope: str | None, now: datetime) -> list[Advice]:
        days = Span(now - timedelta(days=30), now, Bucket.WEEK, scope)
        sums: dict[str, Line] = {}
        for (_, name), line in (await self._analytics.by_type(days, durations=False)).items():
            total = sums.setdefault(name, Line())
            total.run_ms, total.lost_ms = total.run_ms + line.run_ms, total.lost_ms + line.lost_ms
        return [
            _lost(name, line.lost_ms / 1000, line.run_ms / 1000)
            for name, line in sorted(sums.items())
            if line.lost_ms >= LOST_SECONDS * 1000 and line.lost_ms >= LOST_SHARE * line.run_ms
        ]

    async def _free_hours(self, now: datetime) -> list[Advice]:
        beats = await self._workers.list()
        slots = sum(beat.max_concurrency for beat in beats if beat.status in {"idle", "busy"})
        if not slots:
            return []
        hours = await self._analytics.by_hour_of_day(Span(now - WEEK, now, Bucket.HOUR), "job_type")
        if not hours:
            return []
        busy = {hour: sum(line[hour].run_ms for line in hours.values() if hour in line) for hour in range(24)}
        room_ms = slots * 3_600_000 * WEEK.days
        free = [hour for hour in range(24) if busy[hour] <= QUIET * room_ms]
        waits = {hour: _wait(hours, hour) for hour in range(24)}
        worst = max(waits, key=lambda hour: waits[hour])
        if waits[worst] < LONG_WAIT_MS or not free or worst in free:
            return []
        return [
            _free(worst, waits[worst] / 1000, free, sum(busy[hour] for hour in free) / (len(free) * room_ms), slots)
        ]


def _by_week(lines: Mapping[tuple[datetime, str], Line], end: datetime) -> dict[str, dict[int, Line]]:
    """Return a line for each job type and week, 0 for the last seven days."""
    weeks: dict[str, dict[int, Line]] = {}
    for (at, name), line in lines.items():
        week = weeks.setdefault(name, {}).setdefault((end - at - timedelta(microseconds=1)) // WEEK, Line())
        week.ended.update(line.ended)
        for measure, counts in line.durations.items():
            week.durations[measure].update(counts)
    return weeks


def _judged(job_type: str, weeks: Mapping[int, Line]) -> list[Degradation]:
    last = weeks.get(0)
    if last is None or last.jobs < LEAST_JOBS:
        return []
    before = [line for week, line in weeks.items() if week > 0 and line.jobs >= LEAST_JOBS]
    figures: dict[str, Callable[[Line], float | None]] = {
        "processingTimeP95": lambda line: line.p95(Measure.RUN),
        "waitTimeP95": lambda line: line.p95(Measure.WAIT),
        "failureRate": lambda line: None if line.success_rate is None else 1 - line.success_rate,
    }
    found = []
    for figure, of in figures.items():
        value, band = of(last), [each for line in before if (each := of(line)) is not None]
        if value is not None:
            found.append(_against(job_type, figure, float(value), band))
    return found


FIGURES = {
    "processingTimeP95": "the 95th percentile of the time of work",
    "waitTimeP95": "the 95th percentile of waiting",
    "failureRate": "the share of failures",
}


def _against(job_type: str, figure: str, value: float, band: Sequence[float]) -> Degradation:
    said = f"{FIGURES[figure]} of {job_type} is {_shown(figure, value)}"
    if len(band) < WEEKS_NEEDED:
        low = high = None
        verdict = "unknown"
        words = f"{said}; what is usual is not known yet"
    else:
        low, high = min(band), max(band)
        verdict = "worse" if value > high * (1 + SLACK) else "better" if value < low * (1 - SLACK) else "usual"
        usual = f"{_shown(figure, low)} to {_shown(figure, high)}"
        words = f"{said}; in {len(band)} weeks before it was {usual}"
    return Degradation.model_validate(
        {
            "job_type": job_type,
            "figure": figure,
            "value": value,
            "low": low,
            "high": high,
            "weeks": len(band),
            "verdict": verdict,
            "words": words,
        }
    )


def _shown(figure: str, value: float) -> str:
    return f"{value:.1%}" if figure == "failureRate" else f"{value / 1000:.1f} s"


def _retry(waste: Waste, used: Used) -> Advice:
    models = f", took {_taken(used)} of AI models" if used.calls else ""
    return Advice(
        code="retries_never_succeed",
        words=f"{waste.jobs} jobs of {waste.job_type} died of the same failure after {waste.attempts} attempts "
        f"in all{models}, and none helped: find the cause before more are tried, or lower maxAttempts",
        job_type=waste.job_type,
        numbers={"jobs": waste.jobs, "attempts": waste.attempts, "fingerprint": waste.fingerprint, **_numbers(used)},
    )


def _repeats(jobs: int, used: Used) -> Advice:
    return Advice(
        code="repeated_orders",
        words=f"{jobs} generations of the last 30 days were ordered word for word before by the same shop, and took "
        f'{_taken(used)}: with "cache": true the text that is there is given again',
        job_type=ASKING,
        numbers={"jobs": jobs, **_numbers(used)},
    )


def _numbers(used: Used) -> dict[str, float | str]:
    """Return what calls took; their cost where any has a price."""
    if not used.calls:
        return {}
    cost = {"costDollars": used.cost_micros / 1_000_000} if used.unpriced_calls < used.calls else {}
    unpriced = {"callsWithoutPrice": used.unpriced_calls} if used.unpriced_calls else {}
    return {"tokens": used.tokens, **cost, **unpriced}


def _taken(used: Used) -> str:
    dollars = f" for ${used.cost_micros / 1_000_000:,.2f}" if used.unpriced_calls < used.calls else ""
    return f"{used.tokens:,} tokens{dollars}"


def _lost(job_type: str, lost: float, seconds: float) -> Advice:
    return Advice(
        code="lost_work",
        words=f"{lost:.0f} of the {seconds:.0f} seconds that {job_type} took in the last 30 days went into jobs that "
        "failed or were cancelled: check what can be checked before the work begins",
        job_type=job_type,
        numbers={"lostSeconds": round(lost, 1), "seconds": round(seconds, 1), "share": round(lost / seconds, 3)},
    )


def _free(worst: int, wait: float, free: Sequence[int], used: float, slots: int) -> Advice:
    hours = ", ".join(f"{hour}:00" for hour in free)
    return Advice(
        code="free_hours",
        words=f"jobs wait up to {wait:.0f} s (p95) at {worst}:00 UTC, while workers are {used:.0%} busy at {hours}: "
        "let what is not urgent run then, by a schedule or with low priority",
        numbers={
            "worstHour": worst,
            "waitSecondsP95": round(wait, 1),
            "freeHours": " ".join(map(str, free)),
            "usedShare": round(used, 3),
            "slots": slots,
        },
    )


def _wait(hours: Mapping[str, Mapping[int, Line]], hour: int) -> int:
    counts: dict[int, int] = {}
    for lines in hours.values():
        if hour in lines:
            for bucket, count in lines[hour].durations[Measure.WAIT].items():
                counts[bucket] = counts.get(bucket, 0) + count
    return percentile(counts, 0.95) or 0
