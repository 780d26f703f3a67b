"""A new job, by a form made from its type's own schema; empty, from an example, or like another job."""

from pydantic import ValidationError
from uuid_utils import uuid7

from api.identity import Right
from api.requests import JobRequest
from contracts.errors import InvalidInput, JobError
from contracts.jobs import Job, Priority
from dashboard.frame import box, button, card, head, link, text
from dashboard.pages.payload_form import PayloadForm
from dashboard.parts.fields import Choice, Field
from dashboard.tab import Tab, problem_words
from dashboard.words import ROOT, job_link

SOURCE = "dashboard"


async def build(tab: Tab) -> None:
    """Make the page."""
    caller = await tab.who()
    caller.must(Right.JOBS_SUBMIT)
    like = tab.request.query_params.get("like")
    other = await tab.here.queue.get_job(caller, like) if like else None
    with head("New job", f"like {other.id}" if other else ""):
        link("Back to the jobs", f"{ROOT}/jobs", "btn")
    with box(style="stack narrow"):
        NewJob(tab, other)


class NewJob:
    """The form of one tab."""

    def __init__(self, tab: Tab, other: Job | None) -> None:
        self._tab = tab
        self._key = str(uuid7())  # one for the form: pressing twice makes one job
        if other:
            self._what = PayloadForm(tab, other.job_type, other.payload, other.tenant_id)
        else:
            self._what = PayloadForm(tab)
        with card("How"), box(style="fields"):
            priorities = {"": "as usual for the type"} | {each.value: each.value for each in Priority}
            self._priority = Choice("Priority", priorities, value=other.priority.value if other else "")
            self._attempts = Field("Attempts per step", kind="number", help="empty: as usual for the type")
            self._run_at = Field("Run at", kind="instant", help="in your time zone; empty: at once")
            self._tags = Field("Tags", value=", ".join(other.tags) if other else "", help="with commas between")
        self._problem = text("p", "", "notice bad").props("role=alert")
        self._problem.set_visibility(False)
        with box(style="row-line"):
            button("Submit", self._submit, "primary", symbol="send")

    async def _submit(self) -> None:
        self._what.accept()
        self._problem.set_visibility(False)
        try:
            accepted = await self._tab.here.queue.add_job(await self._tab.who(), self._request(), self._key)
        except InvalidInput as error:
            self._say(self._what.refuse(error) or "Some fields are wrong; each says how.")
        except (JobError, ValidationError) as error:
            self._say(problem_words(error))
        else:
            self._tab.go(job_link(accepted.job.id))
            return
        self._key = str(uuid7())  # a refused request was none; the next one is another

    def _request(self) -> JobRequest:
        """Return what is asked for.

        Raises:
            InvalidInput: The payload is no JSON object.
            ValidationError: Another field is wrong.
        """
        attempts = self._attempts.value
        options = {
            "priority": self._priority.value,
            "maxAttempts": int(attempts) if attempts.isdecimal() else attempts,
            "runAt": self._run_at.value,
            "tenantId": self._what.tenant_id,
        }
        tags = [tag.strip() for tag in self._tags.value.split(",") if tag.strip()]
        given = {name: value for name, value in options.items() if value != ""}
        body = {"jobType": self._what.job_type, "payload": self._what.payload(), "tags": tags, "source": SOURCE}
        return JobRequest.model_validate(body | given)

    def _say(self, words: str) -> None:
        self._problem.set_text(words)
        self._problem.set_visibility(True)
