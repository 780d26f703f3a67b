"""Ports of the generation steps: the models, the book of what they cost, and who is told a text as it is written."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal, Protocol

from contracts.generation_kinds import ModelUse
from contracts.generations import Used
from contracts.history import JobChange
from contracts.values import Instant, WireModel

Heard = Callable[[str], None]
"""Is told each piece of a text as it comes."""


@dataclass(frozen=True)
class Message:
    """One turn of a conversation with a model. `pictures`: JPEG, shown after the text."""

    role: Literal["system", "user", "assistant"]
    text: str
    pictures: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class Question:
    """What a model is asked. `schema`: JSON schema that its answer must follow, by the name; None for free text."""

    tenant_id: str
    model: str
    messages: tuple[Message, ...]
    max_tokens: int
    schema_name: str = "answer"
    schema: Mapping[str, Any] | None = None

    @property
    def length(self) -> int:
        """Characters that are sent."""
        return sum(len(message.text) for message in self.messages)

    @property
    def pictures(self) -> int:
        """Pictures that are sent."""
        return sum(len(message.pictures) for message in self.messages)


@dataclass(frozen=True)
class Answer:
    """What a model said. `whole`: False when it was cut at `max_tokens`. Tokens: None when nobody says."""

    text: str
    whole: bool
    input_tokens: int | None = None
    output_tokens: int | None = None


@dataclass(frozen=True)
class Picture:
    """A picture that was drawn. Its size: None when it cannot be read. Tokens: as above."""

    data: bytes
    content_type: str
    size_px: tuple[int, int] | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None


class ModelProvider(Protocol):
    """Asks models of one endpoint. No call is repeated by the adapter itself.

    Every call raises `NotConfigured` when the endpoint does not accept who we are or knows no such model,
    `RateLimited` when it names a limit, `Unconfirmed` when it was sent and no answer came (it may have been charged),
    `Unavailable` when it did not answer, `Unsupported` when it cannot do this at all, `Declined` when it will not:
    the code says why, see `contracts/model_errors.py`.
    """

    name: str

    def model_for(self, kind: ModelUse) -> str | None:
        """Return the model that writes this; None when this endpoint does not."""

    @property
    def image_model(self) -> str | None:
        """The model that draws; None when this endpoint does not."""

    def cost_micros(self, model: str, input_tokens: int, output_tokens: int, pictures: int = 0) -> int | None:
        """Return what so much costs, rounded up to the millionth of a dollar; None when nobody said the price."""

    async def write(self, question: Question, heard: Heard) -> Answer:
        """Return the answer, and tell it piece by piece.

        Raises:
            TooLong: The conversation does not fit into the model's context.
        """

    async def draw(self, tenant_id: str, model: str, prompt: str) -> Picture:
        """Return a picture of what the prompt says."""

    async def close(self) -> None:
        """Give back all connections."""


class CallState(StrEnum):
    """How a call to a model stands."""

    OPEN = "open"
    """It was sent; while nobody knows more, its tokens are what it may take at most."""
    DONE = "done"
    LOST = "lost"
    """Its answer was lost, and may have been charged: its tokens are what is known of it."""
    FREE = "free"
    """It was refused, and cost nothing."""


class ModelCall(WireModel):
    """A line of the book. `key`: made from the step's attempt, so that a call has one line however often it is told."""

    key: str
    job_id: str
    tenant_id: str
    generation_type: ModelUse
    provider: str
    model: str
    at: Instant
    input_tokens: int
    output_tokens: int
    cost_micros: int | None
    state: CallState = CallState.OPEN


class UsageBook(Protocol):
    """Keeps a line for each call to a model. Every method bears a repeat.

    Every method raises `Unavailable` when the database did not answer.
    """

    async def note(self, call: ModelCall) -> None:
        """Write a call's line, or how it ended; a line that has ended stays as it is."""

    async def lose(self, job_id: str, keys: str = "") -> None:
        """Note that the job's calls which are still open are lost; only those whose keys begin so."""

    async def of_job(self, job_id: str, keys: str = "") -> Used:
        """Return what all calls of a job took, lost ones too; only those whose keys begin so."""


class LiveTelling(Protocol):
    """Who is told of a job while it runs."""

    def put(self, change: JobChange) -> None:
        """Tell it soon; nobody waits, and what cannot be told is dropped."""
