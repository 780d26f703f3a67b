"""One attempt of a generation step and its calls to models: each has a line in the book, and is heard while it runs.

A call's line is written before the call, with the most it may take. Whatever ends the call, the line says how; when it
is the worker that ends, the next attempt says it, from what the last heartbeat knew.
"""

import logging
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TypeVar

from temporalio import activity

from contracts.errors import Unavailable, Unconfirmed
from contracts.generation_kinds import ModelUse
from contracts.generation_ports import (
    Answer,
    CallState,
    LiveTelling,
    ModelCall,
    ModelProvider,
    Picture,
    Question,
    UsageBook,
)
from contracts.generations import Used
from contracts.history import JobChange, JobEvent
from contracts.tasks import undisturbed
from contracts.values import job_type_of

log = logging.getLogger("spaces.generations")

SaidT = TypeVar("SaidT", Answer, Picture)

CHARACTERS_PER_TOKEN = 4
"""A rule of thumb, for when a provider does not say: 4 for English, fewer for most other languages."""
TOKENS_PER_PICTURE = 2_500
"""Of 1600 px, for when a provider does not say: the most that OpenAI's models count for one."""
TELL_SECONDS = 0.25
MOST_TELLINGS = 400
"""Of one call: after so many pieces the rest is heard with the result."""


def tokens_in(characters: int) -> int:
    """Return about how many tokens so many characters are."""
    return -(-characters // CHARACTERS_PER_TOKEN)


class Attempt:
    """One attempt of a step, and its calls. told: None when nobody reads along
    alone: no other step of the job asks models at the same time, so all of the job's calls are counted
    """

    def __init__(
        self,
        job_id: str,
        tenant_id: str,
        kind: ModelUse,
        usage: UsageBook,
        told: LiveTelling | None,
        *,
        alone: bool = True,
    ) -> None:
        self._job_id = job_id
        self._tenant_id = tenant_id
        self._kind = kind
        self._usage = usage
        self._told = told
        self._calls: list[ModelCall] = []
        self._counted = "" if alone else f"{job_id}/{activity.info().activity_id}/"

    async def begin(self) -> None:
        """Note what an attempt before this one has lost with its worker.

        Raises:
            Unavailable: The database did not answer; nothing was asked.
        """
        for said in activity.info().heartbeat_details:
            last = ModelCall.model_validate(said)
            await self._usage.note(last.model_copy(update={"state": CallState.LOST}))
        await self._usage.lose(self._job_id, self._counted)

    async def used(self) -> Used:
        """Return what all counted calls took; those of this attempt alone when the book cannot be read now."""
        try:
            return await self._usage.of_job(self._job_id, self._counted)
        except Unavailable as error:
            log.warning("what earlier attempts took is not known: %s", error)
            return used_by(self._calls)

    async def written(self, provider: ModelProvider, question: Question) -> Answer:
        """Ask for a text; see `ModelProvider.write`."""
        sent = tokens_in(question.length) + TOKENS_PER_PICTURE * question.pictures
        call = self._line(provider, question.model, sent, question.max_tokens)
        live = LiveText(call, self._told, lambda characters: self._so_far(provider, call, characters))
        try:
            return await self._noted(provider, call, live, lambda: provider.write(question, live.heard))
        finally:
            live.tell()

    async def drawn(self, provider: ModelProvider, model: str, prompt: str) -> tuple[Picture, int | None]:
        """Ask for a picture; see `ModelProvider.draw`. With it comes what it cost, None when its model has no price."""
        call = self._line(provider, model, tokens_in(len(prompt)), 0, pictures=1)
        ask = provider.draw(self._tenant_id, model, prompt)
        picture = await self._noted(provider, call, None, lambda: ask, pictures=1)
        return picture, self._calls[-1].cost_micros

    async def _noted(
        self,
        provider: ModelProvider,
        call: ModelCall,
        live: "LiveText | None",
        ask: Callable[[], Awaitable[SaidT]],
        pictures: int = 0,
    ) -> SaidT:
        await self._usage.note(call)
        try:
            said = await ask()
        except BaseException as error:
            heard = live.characters if live else 0
            charged = heard or isinstance(error, Unconfirmed) or not isinstance(error, Exception)
            ended = self._so_far(provider, call, heard, pictures)
            await self._end(ended.model_copy(update={"state": CallState.LOST if charged else CallState.FREE}))
            raise
        heard = tokens_in(live.characters) if live else 0
        tokens = {
            "input_tokens": call.input_tokens if said.input_tokens is None else said.input_tokens,
            "output_tokens": heard if said.output_tokens is None else said.output_tokens,
        }
        cost = provider.cost_micros(call.model, tokens["input_tokens"], tokens["output_tokens"], pictures)
        await self._end(call.model_copy(update={**tokens, "cost_micros": cost, "state": CallState.DONE}))
        return said

    async def _end(self, call: ModelCall) -> None:
        """Note how a call ended. An answer that is paid for is not thrown away because the book is away: its line
        stays open then, with the most it may have taken."""
        self._calls.append(call)
        try:
            await undisturbed(self._usage.note(call))
        except Unavailable as error:
            log.warning("the end of a call to a model is not in the book: %s", error)

    def _line(
        self, provider: ModelProvider, model: str, input_tokens: int, output_tokens: int, pictures: int = 0
    ) -> ModelCall:
        info = activity.info()
        return ModelCall(
            key=f"{self._job_id}/{info.activity_id}/{info.attempt}/{len(self._calls) + 1}",
            job_id=self._job_id,
            tenant_id=self._tenant_id,
            generation_type=self._kind,
            provider=provider.name,
            model=model,
            at=datetime.now(UTC),
            input_tokens=input_tokens,
            output_tokens=output_tokens,
            cost_micros=provider.cost_micros(model, input_tokens, output_tokens, pictures),
        )

    def _so_far(self, provider: ModelProvider, call: ModelCall, characters: int, pictures: int = 0) -> ModelCall:
        output = tokens_in(characters)
        cost = provider.cost_micros(call.model, call.input_tokens, output, pictures)
        return call.model_copy(update={"output_tokens": output, "cost_micros": cost})


class LiveText:
    """A text as it is written: told in pieces to who follows the job, and by heartbeat to the next attempt."""

    def __init__(self, call: ModelCall, told: LiveTelling | None, so_far: Callable[[int], ModelCall]) -> None:
        self._call = call
        self._told = told
        self._so_far = so_far
        self._waiting: list[str] = []
        self._offset = 0
        self._tellings = 0
        self._told_at = 0.0
        self.characters = 0

    def heard(self, piece: str) -> None:
        """Take a piece of the text."""
        self._waiting.append(piece)
        self.characters += len(piece)
        if time.monotonic() - self._told_at >= TELL_SECONDS:
            activity.heartbeat(self._so_far(self.characters))
            self.tell()

    def tell(self) -> None:
        """Tell what was heard since the last time."""
        text = "".join(self._waiting)
        if not text or self._told is None or self._tellings >= MOST_TELLINGS:
            return
        self._told_at, self._tellings, offset = time.monotonic(), self._tellings + 1, self._offset
        self._waiting, self._offset = [], offset + len(text)
        self._told.put(self._change(text, offset))

    def _change(self, text: str, offset: int) -> JobChange:
        info, call, now = activity.info(), self._call, datetime.now(UTC)
        event = JobEvent(
            key=f"{info.workflow_run_id}:tokens:{call.key}:{self._tellings}",
            at=now,
            kind="tokens",
            message=text,
            attempt=info.attempt,
            step=info.activity_type,
            details={"offset": offset, "call": call.key.rpartition("/")[2]},
        )
        names = {"job_id": call.job_id, "tenant_id": call.tenant_id, "job_type": job_type_of(call.job_id)}
        return JobChange(**names, at=now, run_id=info.workflow_run_id, events=(event,))


def used_by(calls: list[ModelCall]) -> Used:
    """Return what calls took together; one that is still open counts with the most it may take."""
    counted = [call for call in calls if call.state is not CallState.FREE]
    lost = [call for call in counted if call.state is CallState.LOST]
    return Used(
        calls=len(counted),
        input_tokens=sum(call.input_tokens for call in counted),
        output_tokens=sum(call.output_tokens for call in counted),
        cost_micros=sum(call.cost_micros or 0 for call in counted),
        unpriced_calls=sum(call.cost_micros is None for call in counted),
        lost_calls=len(lost),
        lost_tokens=sum(call.input_tokens + call.output_tokens for call in lost),
        lost_cost_micros=sum(call.cost_micros or 0 for call in lost),
    )
