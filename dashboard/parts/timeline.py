"""A timeline: what happened to a job, in plain language."""

from collections.abc import Sequence

from nicegui.element import Element

from contracts.history import JobEvent
from dashboard.words import instant, sentence

_TONES = {
    "completed": "good",
    "step_completed": "good",
    "step_failed": "warn",
    "failed": "bad",
    "dead": "dead",
    "cancelled": "bad",
    "cancel_requested": "warn",
    "held": "warn",
    "step_started": "busy",
    "started": "busy",
    "retried": "busy",
    "released": "busy",
    "warning": "warn",
    "error": "bad",
    "critical": "bad",
}
"""By kind of event; the last three are levels of lines that steps log."""
_WORDS = {"accepted": "Accepted", "started": "Started", "completed": "Completed", "cancelled": "Cancelled"}


class Timeline(Element, component="timeline.js"):
    """Events, oldest first. Progress is shown elsewhere."""

    def __init__(self, label: str, events: Sequence[JobEvent]) -> None:
        super().__init__()
        self._props["label"] = label
        self._props["events"] = _told(events)

    def show(self, events: Sequence[JobEvent]) -> None:
        """Show these events; nothing is sent when they are the same."""
        told = _told(events)
        if told != self._props["events"]:
            self._props["events"] = told
            self.update()


def _told(events: Sequence[JobEvent]) -> tuple[dict[str, str | None], ...]:
    return tuple(
        {
            "id": event.key,
            "at": instant(event.at),
            "tone": _TONES.get(event.details.get("level", "") if event.kind == "log" else event.kind, ""),
            "text": words_of(event),
            "note": ", ".join(_notes(event)),
        }
        for event in events
        if event.kind != "progress"
    )


def words_of(event: JobEvent) -> str:
    """Return what happened, as a sentence."""
    message = event.message if event.message != event.kind else event.kind.replace("_", " ")
    said = sentence(message)
    return f"{said} (attempt {event.attempt})" if (event.attempt or 1) > 1 and "attempt" not in said else said


def _notes(event: JobEvent) -> list[str]:
    who = f"by {event.actor}" if event.actor else ""
    return [note for note in (event.kind.replace("_", " "), event.step or "", who) if note]
