"""Generation steps: have a text written, have a picture drawn.

Providers are asked in their order. One that cannot is passed over for the next; one that will not, because of what it
was asked to write, ends the job. What every call cost is in the book before its answer is used.
"""

import hashlib
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import TypeVar

from temporalio import activity

from activities.budget_warning import warn_of_budget
from activities.model_calls import Attempt
from activities.prompting import content_of, problem_with, prompt_of, repairing, schema_of, shortened
from activities.providers_in_turn import Able, NobodyAnswered, account_is_empty, first_answer
from contracts.budgets import BudgetBook
from contracts.errors import JobError, NotConfigured, Rejected, TooLong, Unavailable, Unsupported
from contracts.generation_ports import Answer, LiveTelling, Message, ModelProvider, Picture, Question, UsageBook
from contracts.generations import Asset, Draft, Drawing, DrawInput, Used, WriteInput, Written
from contracts.kept_drafts import DraftKeeper
from contracts.ports import Alerts, BlobStore
from contracts.values import upload_key

DoneT = TypeVar("DoneT")

NO_PROVIDER = (
    "no AI provider is configured for this: set SPACES_AI_PROVIDERS for the workers, for example "
    '[{"url": "https://api.openai.com/v1", "key": "sk-...", "model": "gpt-5-mini"}], and retry the job'
)
NOBODY_DRAWS = "no picture was drawn: no provider in SPACES_AI_PROVIDERS has an image_model"


class GenerationActivities:
    """The steps of a generation job. models: in the order in which they are asked"""

    def __init__(
        self,
        models: Sequence[ModelProvider],
        usage: UsageBook,
        told: LiveTelling,
        blobs: BlobStore,
        alerts: Alerts,
        budgets: BudgetBook,
        drafts: DraftKeeper,
    ) -> None:
        self._models = models
        self._usage = usage
        self._told = told
        self._blobs = blobs
        self._alerts = alerts
        self._budgets = budgets
        self._drafts = drafts

    @activity.defn(name="generations.write")
    async def write(self, step: WriteInput) -> Written:
        """Have the text written by the first provider that can, and return it with what all calls of the job took.

        While the tenant's budget of the day is spent nothing is asked, unless somebody approved that.

        A second run asks again, because nobody can go on with a model's half sentence: what the first one took is in
        the book as lost, and nothing else is left behind.

        Raises:
            NotConfigured: No provider is there for it, or none accepts its key.
            Declined: A provider will not write this, or no provider's account has money left.
            Rejected: No provider gave a usable answer.
            Unavailable: No provider answers now.
        """
        key = _key_of(step, self._models)
        if step.order.cache and (kept := await self._drafts.find(step.tenant_id, key)):
            return Written(draft=kept.model_copy(update={"cached": True, "seconds": 0.0, "used": Used()}))
        standing = await self._budgets.standing(step.tenant_id, datetime.now(UTC))
        if not step.overdraw and (spent := standing.at(1)):
            return Written(spent=spent, renewed_at=standing.renewed_at)
        attempt = await self._attempt(step)
        kind = step.order.generation_type
        able = [(each, model) for each in self._models if (model := each.model_for(kind))]

        async def ask(provider: ModelProvider, model: str) -> Draft:
            return await self._written(attempt, step, provider, model)

        draft = await self._by_the_first(able, ask)
        await warn_of_budget(self._budgets, self._alerts, step.tenant_id)
        if step.order.cache:
            with suppress(Unavailable):  # it is paid for, and given now
                await self._drafts.keep(step.tenant_id, key, draft)
        return Written(draft=draft.model_copy(update={"used": await attempt.used()}))

    @activity.defn(name="generations.draw")
    async def draw(self, step: DrawInput) -> Drawing:
        """Have the picture drawn by the first provider that draws, and keep it like an upload; without one say so.

        A second run gives the picture that the first one has stored; one that was drawn and not stored is lost, and in
        the book.

        Raises:
            As for the text.
        """
        attempt = await self._attempt(step)
        able = [(each, each.image_model) for each in self._models if each.image_model]
        if not able:
            return Drawing(note=NOBODY_DRAWS, used=await attempt.used())
        own, shared = _step_key(step), _picture_key(step, [(each.name, model) for each, model in able])

        async def ask(provider: ModelProvider, model: str) -> Drawing:
            began = time.monotonic()
            picture, cost = await attempt.drawn(provider, model, step.prompt)
            drawing = Drawing(asset=_asset(picture, cost), model=model, seconds=time.monotonic() - began)
            for key in (own, shared) if step.order.cache else (own,):  # before its file: one that is there is found
                await self._keep_drawing(step.tenant_id, key, drawing)
            await self._blobs.put(upload_key(step.tenant_id, _sha256(picture)), picture.data)
            return drawing

        drawing = await self._drawn_before(step, own, shared)
        if drawing is None:
            drawing = await self._by_the_first(able, ask)
            await warn_of_budget(self._budgets, self._alerts, step.tenant_id)
        return drawing.model_copy(update={"used": await attempt.used()})

    async def _drawn_before(self, step: DrawInput, own: str, shared: str) -> Drawing | None:
        """Return what this step drew before its worker was lost, or where it is wanted what another job drew."""
        if found := await self._stored(step.tenant_id, own):
            return found
        found = await self._stored(step.tenant_id, shared) if step.order.cache else None
        if found is None or found.asset is None:
            return None
        free = found.asset.model_copy(update={"cost_micros": 0})
        return found.model_copy(update={"asset": free, "cached": True, "seconds": 0.0})

    async def _stored(self, tenant_id: str, key: str) -> Drawing | None:
        """Return a picture whose file is there."""
        found = await self._drafts.find_drawing(tenant_id, key)
        there = found and found.asset and await self._blobs.exists(upload_key(tenant_id, found.asset.upload_id))
        return found if there else None

    async def _keep_drawing(self, tenant_id: str, key: str, drawing: Drawing) -> None:
        with suppress(Unavailable):  # it is paid for, and given now
            await self._drafts.keep_drawing(tenant_id, key, drawing)

    async def _attempt(self, step: WriteInput | DrawInput) -> Attempt:
        attempt = Attempt(step.job_id, step.tenant_id, step.order.generation_type, self._usage, self._told)
        await attempt.begin()
        return attempt

    async def _by_the_first(self, able: Able, ask: Callable[[ModelProvider, str], Awaitable[DoneT]]) -> DoneT:
        try:
            return await first_answer(able, ask, self._alerts, "ai_generation", ends=_ends)
        except NobodyAnswered as nobody:
            raise _worth_telling(nobody.errors) from None

    async def _written(self, attempt: Attempt, step: WriteInput, provider: ModelProvider, model: str) -> Draft:
        began, messages, shorter = time.monotonic(), prompt_of(step.order, step.revisions), False

        async def asked(messages: tuple[Message, ...]) -> Answer:
            most, kind = step.order.parameters.max_tokens, step.order.generation_type.value
            schema = schema_of(step.order)
            return await attempt.written(provider, Question(step.tenant_id, model, messages, most, kind, schema))

        try:
            answer = await asked(messages)
        except TooLong:
            messages, shorter = shortened(messages), True
            answer = await asked(messages)
        repaired = bool(problem := problem_with(step.order, answer))
        if problem:
            answer = await asked(repairing(messages, answer.text, problem))
            if problem := problem_with(step.order, answer):
                msg = f"{provider.name} gave no valid answer, and none when asked again: {problem}"
                raise Unusable(msg)
        text, content = answer.text.strip(), None
        if schema_of(step.order):
            made = content_of(step.order, answer)
            text, content = made.as_text(), made.to_wire()
        seconds = time.monotonic() - began
        said = {"provider": provider.name, "model": model, "repaired": repaired, "shortened": shorter}
        return Draft(text=text, content=content, cut=not answer.whole, seconds=seconds, **said)


def _key_of(step: WriteInput, models: Sequence[ModelProvider]) -> str:
    """Return the hash of all that a text depends on: whose it is, what is wanted, and who would be asked."""
    wanted = step.order.model_dump(mode="json", exclude={"cache", "approval", "space_id", "pictures"})
    asked = [(each.name, each.model_for(step.order.generation_type)) for each in models]
    revisions = [revision.model_dump() for revision in step.revisions]
    return _hash([step.tenant_id, wanted, revisions, asked])


def _step_key(step: DrawInput) -> str:
    """Return the hash of a step, whichever its attempt."""
    info = activity.info()
    return _hash([step.tenant_id, "step", step.job_id, info.workflow_run_id, info.activity_id])


def _picture_key(step: DrawInput, asked: Sequence[tuple[str, str]]) -> str:
    """Return the hash of all that a picture depends on."""
    return _hash([step.tenant_id, "picture", step.prompt, asked])


def _hash(told: object) -> str:
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _sha256(picture: Picture) -> str:
    return hashlib.sha256(picture.data).hexdigest()


def _asset(picture: Picture, cost_micros: int | None) -> Asset:
    width, height = picture.size_px or (None, None)
    return Asset(
        upload_id=_sha256(picture),
        content_type=picture.content_type,
        size_bytes=len(picture.data),
        width_px=width,
        height_px=height,
        cost_micros=cost_micros,
    )


class Unusable(Rejected):
    """A provider's answers cannot be used; another provider's may."""


def _ends(error: JobError) -> bool:
    """Tell whether another provider would not do it either."""
    may_be_passed_over = (Unavailable, NotConfigured, Unsupported, TooLong, Unusable)
    return not (account_is_empty(error) or isinstance(error, may_be_passed_over))


def _worth_telling(failures: Sequence[JobError]) -> JobError:
    """Return what to raise when no provider could: the first wait that ends, else the first reason."""
    if not failures:
        return NotConfigured(NO_PROVIDER)
    later = [failure for failure in failures if isinstance(failure, Unavailable)]
    if not later:
        return failures[0]
    return min(later, key=lambda failure: failure.retry_after.total_seconds() if failure.retry_after else 0.0)
