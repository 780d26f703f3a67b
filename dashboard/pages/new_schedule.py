"""A new schedule: what to start, and when; what that means is said while it is filled in."""

from urllib.parse import quote

from pydantic import ValidationError
from uuid_utils import uuid7

from api.identity import Right
from contracts.errors import InvalidInput, JobError
from contracts.schedules import Overlap, ScheduleRequest
from dashboard.frame import box, button, card, head, link, text
from dashboard.pages.payload_form import PayloadForm
from dashboard.pages.schedules import PAGE
from dashboard.pages.timing_form import OVERLAPS, TimingForm
from dashboard.parts.fields import Choice, Field
from dashboard.tab import Tab, problem_words


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
            self._timing = TimingForm(tab)
        with card("How"), box(style="fields"):
            self._name = Field("Name")
            self._overlap = Choice("When one still runs", OVERLAPS, value=Overlap.SKIP.value)
            self._note = Field("Note")
        self._problem = text("p", "", "notice bad").props("role=alert")
        self._problem.set_visibility(False)
        with box(style="row-line"):
            button("Make the schedule", self._submit, "primary", symbol="event_repeat")

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
        return ScheduleRequest.model_validate(what | self._timing.timing() | given)

    def _say(self, words: str) -> None:
        self._problem.set_text(words)
        self._problem.set_visibility(True)
