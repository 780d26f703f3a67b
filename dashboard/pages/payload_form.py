"""What a job is to work with: its type, whose it is, and its payload, by a form made from the type's schema."""

from collections.abc import Mapping
from typing import Any

from contracts.errors import InvalidInput
from dashboard.frame import box, button, card, text
from dashboard.parts.fields import Choice, Field
from dashboard.schema_form import AsJson, Part, Record, titled
from dashboard.tab import Tab
from dashboard.words import said
from temporal.registry import JOB_TYPES


class PayloadForm:
    """The first part of the forms for jobs and schedules."""

    def __init__(self, tab: Tab, job_type: str | None = None, payload: Any = None, tenant_id: str = "") -> None:
        """Make the elements. payload: what to begin with, None for an empty form. Any: JSON."""
        usable = tab.caller.job_types
        kinds = {name: said(name) for name in JOB_TYPES if not usable or name in usable}
        self._part: Part | None = None
        with card("What"):
            with box(style="fields"):
                first = job_type if job_type in kinds else next(iter(kinds))
                self._kind = Choice("Job type", kinds, value=first, on_change=lambda _: self._fill(None))
                self._tenant = None
                if tab.caller.sees is None:
                    self._tenant = Field("Tenant", value=tenant_id, required=True, help="the shop it is for")
                self._as = Choice("Fill in as", {"form": "a form", "json": "JSON"}, on_change=lambda _: self._turn())
            with box(style="row-line"):
                self._about = text("p", "", "muted")
                self._examples = box(style="row-line")
        with card("Payload"):
            self._place = box(style="stack")
        self._fill(payload)

    @property
    def job_type(self) -> str:
        """The chosen type."""
        return self._kind.value

    @property
    def tenant_id(self) -> str:
        """Whose it is; empty for the key's own tenant."""
        return self._tenant.value.strip() if self._tenant else ""

    def payload(self) -> dict[str, Any]:
        """Return what is filled in.

        Raises:
            InvalidInput: It is no JSON object.
        """
        payload = self._part.value() if self._part else None
        if not isinstance(payload, dict):
            msg = "the payload must be a JSON object"
            raise InvalidInput(msg, (("payload", msg),))
        return payload

    def accept(self) -> None:
        """Show no problems any more."""
        if self._part:
            self._part.accept()

    def refuse(self, error: InvalidInput) -> str:
        """Show each problem at its field, and return the words for those that have none."""
        rest = []
        for path, words in error.fields or (("", str(error)),):
            steps = path.split(".")
            if not (steps[0] == "payload" and self._part and self._part.refuse(steps[1:], words)):
                rest.append(f"{titled(path)}: {words}" if path else words)
        return "; ".join(rest)

    def _fill(self, payload: Any) -> None:
        schema = JOB_TYPES[self.job_type].payload.model_json_schema(by_alias=True)
        self._about.set_text(str(schema.get("description", "")))
        self._examples.clear()
        with self._examples:
            for number, example in enumerate(schema.get("examples", ()), start=1):
                button(f"Fill in example {number}", lambda _, example=example: self._fill(example), "small")
        self._place.clear()
        with self._place:
            if self._as.value == "json":
                self._part = AsJson("", {"description": "the whole payload"}, payload or {})
            else:
                self._part = Record("", schema, schema, payload, lambda: self.tenant_id)

    def _turn(self) -> None:
        value = self._part.value() if self._part else None
        self._fill(value if isinstance(value, Mapping) else None)
