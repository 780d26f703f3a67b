"""A new schedule: what to start, and when; what that means is said while it is filled in."""

from typing import Any
from urllib.parse import quote

from pydantic import ValidationError
from uuid_utils import uuid7

from api.identity import Right
from contracts.errors import InvalidInput, JobError
from contracts.schedules import Overlap, ScheduleRequest, Timing
from dashboard.frame import box, button, card, head, link, text
from dashboard.pages.payload_form import PayloadForm
from dashboard.pages.schedules import PAGE, next_times
from dashboard.parts.fields import Choice, Field
from dashboard.tab import Tab, problem_words

OVERLAPS = {
    Overlap.SKIP: "leave the new one out",
    Overlap.BUFFER_ONE: "let one wait",
    Overlap.BUFFER_ALL: "let all wait",
    Overlap.CANCEL_OTHER: "cancel the running one",
    Overlap.ALLOW_ALL: "run both",
}
EXAMPLES = ("0 6 * * 1-5", "*/15 * * * *", "0 3 1 * *", "30 22 * * sun")
ZONES = ("UTC", "Europe/Berlin", "Europe/London", "America/New_York", "America/Los_Angeles", "Asia/Tokyo")


async def build(tab: Tab) -> None:
    """Make the page."""
    (await tab.who()).must(Right.SCHEDULES_MANAGE)
    with head("New schedule"):
        link("Back to the schedules", PAGE, "btn")
    with box(style="stack narrow"):
        NewSchedule(tab)


class NewSchedule:
    """The form of one tab."""

    def __init__(self, tab: Tab) -> None:
        self._tab = tab
        self._key = str(uuid7())  # one for the form: pressing twice makes one schedule
        self._what = PayloadForm(tab)
        with card("When"):
            with box(style="fields"):
                kinds = {"cron": "by cron expression", "every": "by interval"}
                self._how = Choice("How", kinds, on_change=lambda _: self._preview())
                self._when = Field(
                    "Cron, or seconds between starts",
                    value=EXAMPLES[0],
                    suggestions=EXAMPLES,
                    help="minute hour day month weekday, or a number of seconds",
                    required=True,
                    on_change=lambda _: self._preview(),
                )
                self._zone = Field(
                    "Time zone", value="UTC", suggestions=ZONES, help="IANA name", on_change=lambda _: self._preview()
                )
            self._words = text("p", "", "headline")
            self._times = box("ul", "stack")
        with card("How"), box(style="fields"):
            self._name = Field("Name")
            self._overlap = Choice(
                "When one still runs", {each.value: words for each, words in OVERLAPS.items()}, value=Overlap.SKIP.value
            )
            self._note = Field("Note")
        self._problem = text("p", "", "notice bad").props("role=alert")
        self._problem.set_visibility(False)
        with box(style="row-line"):
            button("Make the schedule", self._submit, "primary", symbol="event_repeat")
        self._preview()

    def _timing(self) -> dict[str, Any]:
        typed = self._when.value.strip()
        when = {"cron": typed} if self._how.value == "cron" else {"everySeconds": _whole(typed)}
        return when | {"timeZone": self._zone.value.strip()}

    def _preview(self) -> None:
        self._times.clear()
        try:
            told = self._tab.here.schedules.preview(self._tab.caller, Timing.model_validate(self._timing()))
        except (JobError, ValidationError) as error:
            self._words.set_text("")
            self._when.refuse(problem_words(error))
            return
        self._when.refuse("")
        self._words.set_text(told.in_words)
        with self._times:
            next_times(told.next_times)

    async def _submit(self) -> None:
        self._what.accept()
        self._problem.set_visibility(False)
        try:
            made = await self._tab.here.schedules.create(await self._tab.who(), self._request(), self._key)
        except InvalidInput as error:
            self._say(self._what.refuse(error) or "Some fields are wrong; each says how.")
        except (JobError, ValidationError) as error:
            self._say(problem_words(error))
        else:
            address = f"{PAGE}/{quote(made.told.id, safe=':')}"
            self._tab.go(address)
            return
        self._key = str(uuid7())  # a refused request was none; the next one is another

    def _request(self) -> ScheduleRequest:
        """Return what is asked for.

        Raises:
            InvalidInput: The payload is no JSON object.
            ValidationError: Another field is wrong.
        """
        texts = {"name": self._name.value.strip(), "note": self._note.value.strip(), "tenantId": self._what.tenant_id}
        given = {name: value for name, value in texts.items() if value}
        what = {"jobType": self._what.job_type, "payload": self._what.payload(), "overlap": self._overlap.value}
        return ScheduleRequest.model_validate(what | self._timing() | given)

    def _say(self, words: str) -> None:
        self._problem.set_text(words)
        self._problem.set_visibility(True)


def _whole(typed: str) -> int | str:
    return int(typed) if typed.isdecimal() else typed
