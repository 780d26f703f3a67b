"""When a schedule starts jobs, as fields: what that means is said while they are filled in."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from contracts.errors import JobError
from contracts.schedules import Overlap, ScheduleView, Timing
from dashboard.frame import box, text
from dashboard.parts.fields import Choice, Field
from dashboard.parts.moment import Moment
from dashboard.tab import Tab, problem_words

OVERLAPS = {
    Overlap.SKIP.value: "leave the new one out",
    Overlap.BUFFER_ONE.value: "let one wait",
    Overlap.BUFFER_ALL.value: "let all wait",
    Overlap.CANCEL_OTHER.value: "cancel the running one",
    Overlap.ALLOW_ALL.value: "run both",
}
EXAMPLES = ("0 6 * * 1-5", "*/15 * * * *", "0 3 1 * *", "30 22 * * sun")
ZONES = ("UTC", "Europe/Berlin", "Europe/London", "America/New_York", "America/Los_Angeles", "Asia/Tokyo")


class TimingForm:
    """The fields. known: the schedule whose times are changed; without one they begin with an example."""

    def __init__(self, tab: Tab, known: ScheduleView | None = None) -> None:
        self._tab = tab
        every = known.every_seconds if known else None
        typed = str(every) if every else (known.cron if known else EXAMPLES[0]) or ""
        with box(style="fields"):
            kinds = {"cron": "by cron expression", "every": "by interval"}
            self._how = Choice("How", kinds, value="every" if every else "cron", on_change=lambda _: self._preview())
            self._when = Field(
                "Cron, or seconds between starts",
                value=typed,
                suggestions=EXAMPLES,
                help="minute hour day month weekday, or a number of seconds",
                required=True,
                on_change=lambda _: self._preview(),
            )
            zone = known.time_zone if known else "UTC"
            self._zone = Field(
                "Time zone", value=zone, suggestions=ZONES, help="IANA name", on_change=lambda _: self._preview()
            )
        self._words = text("p", "", "headline")
        self._times = box("ul", "stack")
        self._preview()

    def timing(self) -> dict[str, Any]:
        """Return what was filled in, as it goes over the wire; it may be wrong."""
        typed = self._when.value.strip()
        when = {"cron": typed} if self._how.value == "cron" else {"everySeconds": _whole(typed)}
        return when | {"timeZone": self._zone.value.strip()}

    def _preview(self) -> None:
        self._times.clear()
        try:
            told = self._tab.here.schedules.preview(self._tab.caller, Timing.model_validate(self.timing()))
        except (JobError, ValidationError) as error:
            self._words.set_text("")
            self._when.refuse(problem_words(error))
            return
        self._when.refuse("")
        self._words.set_text(told.in_words)
        with self._times:
            next_times(told.next_times)


def next_times(times: Sequence[datetime]) -> None:
    """List instants, each with how long it is until then."""
    if not times:
        text("li", "There will be no further start.", "muted")
    for at in times:
        with box("li", "row-line"):
            Moment(at, exact=True)
            with box("span", "muted"):
                Moment(at)


def _whole(typed: str) -> int | str:
    return int(typed) if typed.isdecimal() else typed
