"""Which jobs exist: one line per job type. Routes, schemas, worker wiring and tests follow from it."""

from dataclasses import dataclass
from typing import Any

from activities.generations import GenerationActivities
from activities.news import NewsActivities
from activities.payments import PaymentActivities
from activities.photos import PhotoActivities
from activities.syndications import SyndicationActivities
from contracts.generations import GenerationInput
from contracts.jobs import JobPayload, Priority
from contracts.news import NewsInput
from contracts.payments import PaymentInput
from contracts.photos import PhotoInput
from contracts.policies import DEFAULT_MAX_ATTEMPTS, PAYMENT_MAX_ATTEMPTS
from contracts.syndications import SyndicationInput
from workflows.generations import GenerationWorkflow
from workflows.news import NewsWorkflow
from workflows.payments import PaymentWorkflow
from workflows.photos import PhotoWorkflow
from workflows.syndications import SyndicationWorkflow


@dataclass(frozen=True)
class JobType:
    """A kind of job. Its name is also its task queue, and its workflow's name.

    The parameters of the activities' constructor are named after the providers of `adapters/build.py`.
    """

    name: str
    payload: type[JobPayload]
    workflow: type[Any]
    activities: type[Any]
    priority: Priority = Priority.NORMAL
    max_attempts: int = DEFAULT_MAX_ATTEMPTS
    aliases: tuple[str, ...] = ()
    inline: bool = False
    """A critical job of this type may run in the request when Temporal is away: its steps need no worker."""


JOB_TYPES: dict[str, JobType] = {
    job_type.name: job_type
    for job_type in (
        JobType("photo_processing", PhotoInput, PhotoWorkflow, PhotoActivities),
        JobType("news_intelligence", NewsInput, NewsWorkflow, NewsActivities),
        JobType(
            "payment_processing", PaymentInput, PaymentWorkflow, PaymentActivities,
            priority=Priority.CRITICAL, max_attempts=PAYMENT_MAX_ATTEMPTS, inline=True,
        ),
        JobType("ai_generation", GenerationInput, GenerationWorkflow, GenerationActivities),
        JobType(
            "social_syndication", SyndicationInput, SyndicationWorkflow, SyndicationActivities,
            aliases=("social_media",),
        ),
    )
}  # fmt: skip


def find_job_type(name: str) -> JobType | None:
    """Return the job type of this name or alias."""
    return JOB_TYPES.get(name) or next((known for known in JOB_TYPES.values() if name in known.aliases), None)
