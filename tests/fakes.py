"""Fakes of the ports for tests of stories and routes: they keep the ports' promises and wait when told to."""

import asyncio
import hashlib
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import date
from typing import Any

from contracts.alerts import Severity
from contracts.errors import NotFound, OutcomeUnknown
from contracts.generation_kinds import ModelUse
from contracts.generation_ports import Answer, Picture, Question
from contracts.history import JobChange
from contracts.inventory import Label
from contracts.keys import DataKey
from contracts.ledger import Effect, ProviderRecord, Receipt, Standing
from contracts.news import KeptFeed
from contracts.payments import Operation
from contracts.photos import Code, Gps, PhotoAnalysis, PhotoProblem, Quality, TextLine
from contracts.ports import Fetched, PhotoReport
from contracts.seeing import SeeInput, Sight

PNG = b"\x89PNG\r\n\x1a\n"


def photo(tag: str) -> bytes:
    """Bytes that look like a PNG and that the fake reader reads as `tag`."""
    return PNG + tag.encode()


class MemoryKeys:
    """A `TenantKeys` without a table: the same keys in every process."""

    def __init__(self) -> None:
        self.used: set[str] = set()
        self.found: list[str] = []
        self.destroyed: set[str] = set()

    async def current(self, tenant_id: str) -> DataKey:
        self.used.add(tenant_id)
        return DataKey(f"tk_{tenant_id}", tenant_id, hashlib.sha256(f"key of {tenant_id}".encode()).digest())

    async def find(self, key_id: str) -> DataKey:
        self.found.append(key_id)
        if key_id in self.destroyed:
            msg = f"there is no key '{key_id}'"
            raise NotFound(msg)
        return await self.current(key_id.removeprefix("tk_"))


class FakeReader:
    """A `PhotoReader` that reads the tag of `photo(tag)`.

    `damaged…` is a damaged file, `ean-…` carries a code, `placed…` says where it was taken, `unclear…` shows no word.
    """

    def __init__(self) -> None:
        self.read_count: Counter[str] = Counter()
        self.errors: dict[str, list[Exception]] = defaultdict(list)
        self.open = asyncio.Event()
        self.open.set()
        self.reading: asyncio.Queue[str] = asyncio.Queue()

    async def read(self, image: bytes) -> PhotoReport:
        tag = image.removeprefix(PNG).decode()
        self.reading.put_nowait(tag)
        await self.open.wait()
        if self.errors[tag]:
            raise self.errors[tag].pop(0)
        self.read_count[tag] += 1
        if tag.startswith("damaged"):
            return PhotoReport(problem=PhotoProblem(code="damaged", message="the image is damaged"))
        return PhotoReport(analysis(tag), b"webp:" + tag.encode(), picture=b"jpeg:" + tag.encode())


def analysis(tag: str) -> PhotoAnalysis:
    """What the fake reader finds on `photo(tag)`: one label, unless it is unclear."""
    ean = tag.removeprefix("ean-") if tag.startswith("ean-") else None
    label = Label(title=tag, codes=(ean,) if ean else (), eans=(ean,) if ean else (), confidence=0.95)
    clear = not tag.startswith("unclear")
    return PhotoAnalysis(
        format="PNG",
        width_px=640,
        height_px=480,
        gps=Gps(latitude=52.5, longitude=13.4) if tag.startswith("placed") else None,
        codes=(Code(format="EAN-13", value=ean, ean=ean),) if ean else (),
        text=(TextLine(text=tag, confidence=0.95),) if clear else (),
        labels=(label,) if clear else (),
        quality=Quality(sharpness=500.0, blurred=False, brightness=0.5, contrast=0.2, exposure="ok"),
        fingerprint=hashlib.sha256(tag.encode()).hexdigest(),
    )


class FakeSeer:
    """A `PhotoSeer` over a table of answers by the photo's tag, given in turn; without one it is blind."""

    def __init__(self) -> None:
        self.answers: dict[str, list[Sight | Exception]] = {}
        self.shown: list[str] = []

    async def see(self, step: SeeInput, picture: bytes) -> Sight:
        tag = picture.removeprefix(b"jpeg:").decode()
        self.shown.append(tag)
        answers = self.answers.get(tag, [Sight(problem="no model that sees is configured", blind=True)])
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


class FakeFetcher:
    """A `PhotoFetcher` over a table of answers; an address without one is not found."""

    def __init__(self) -> None:
        self.answers: dict[str, list[bytes | Exception]] = {}
        self.fetch_count: Counter[str] = Counter()

    async def fetch(self, url: str) -> Fetched:
        self.fetch_count[url] += 1
        answers = self.answers.get(url)
        if not answers:
            return Fetched(problem=PhotoProblem(code="not_found", message="the server has no such photo (404)"))
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return Fetched(data=answer)


class MemoryFeeds:
    """A `FeedKeeper` that keeps what was told."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], KeptFeed] = {}

    async def find(self, tenant_id: str, url: str) -> KeptFeed | None:
        """Return what is remembered of a feed."""
        return self.kept.get((tenant_id, url))

    async def keep(self, tenant_id: str, url: str, feed: KeptFeed) -> None:
        """Remember it."""
        self.kept[(tenant_id, url)] = feed


class MemoryHistory:
    """A `JobHistory` that keeps what it was told; `away` makes it raise."""

    def __init__(self) -> None:
        self.changes: list[JobChange] = []
        self.away: Exception | None = None

    async def apply(self, changes: Sequence[JobChange]) -> None:
        if self.away:
            raise self.away
        self.changes.extend(changes)

    def kinds(self) -> list[str]:
        """The kinds of all events told, in order."""
        return [event.kind for change in self.changes for event in change.events]


class FakeProvider:
    """A `PaymentProvider` that keeps what it did; `fails` are the errors of the next calls, by their name.

    An error of `execute` that is an `OutcomeUnknown` comes after the money has moved: the answer was lost.
    """

    name = "stripe"

    def __init__(self) -> None:
        self.done: dict[str, Receipt] = {}
        self.fails: dict[str, list[Exception]] = defaultdict(list)
        self.decline: str | None = None

    async def prepare(self, effect: Effect) -> str | None:
        self._maybe_fail("prepare")
        return f"pi_{len(self.done) + 1}" if effect.order.operation is Operation.CHARGE else None

    async def execute(self, effect: Effect) -> Receipt:
        lost = self.fails["execute"].pop(0) if self.fails["execute"] else None
        if lost and not isinstance(lost, OutcomeUnknown):
            raise lost
        said: dict[str, Any] = {"provider_id": effect.provider_id or "re_1", "charge_id": "ch_1"}
        if self.decline:
            said |= {"decline_code": self.decline, "message": "the card was declined"}
        receipt = Receipt(standing=Standing.DECLINED if self.decline else Standing.DONE, **said)
        self.done[effect.key] = receipt
        if lost:
            raise lost
        return receipt

    async def look_up(self, effect: Effect) -> Receipt:
        self._maybe_fail("look_up")
        return self.done.get(effect.key, Receipt(standing=Standing.ABSENT))

    async def withdraw(self, effect: Effect) -> Receipt:
        self._maybe_fail("withdraw")
        return self.done.setdefault(effect.key, Receipt(standing=Standing.VOID))

    async def probe(self) -> None:
        self._maybe_fail("probe")

    async def records(self, day: date) -> AsyncIterator[ProviderRecord]:
        for record in self.listed:
            yield record

    listed: tuple[ProviderRecord, ...] = ()

    async def close(self) -> None:
        pass

    def _maybe_fail(self, call: str) -> None:
        if self.fails[call]:
            raise self.fails[call].pop(0)


class ClosedCircuit:
    """A `ProviderCircuit` that notes why it was tripped."""

    def __init__(self) -> None:
        self.reasons: list[str] = []

    async def trip(self, reason: str) -> None:
        self.reasons.append(reason)


class FakeModels:
    """A `ModelProvider` with one model: it says what `answers` has, in their order, then always the same copy.

    answers: what is said, or raised
    """

    name = "fake"
    image_model: str | None = None

    def __init__(self) -> None:
        self.answers: list[str | Exception] = []
        self.asked: list[Question] = []

    def model_for(self, kind: ModelUse) -> str | None:
        return f"fake-{kind.value}"

    def cost_micros(self, model: str, input_tokens: int, output_tokens: int, pictures: int = 0) -> int | None:
        return input_tokens + 2 * output_tokens + 1000 * pictures

    async def write(self, question: Question, heard: Callable[[str], None]) -> Answer:
        self.asked.append(question)
        said = self.answers.pop(0) if self.answers else '{"headline": "H", "body": "B", "callToAction": "C"}'
        if isinstance(said, Exception):
            raise said
        heard(said)
        return Answer(said, whole=True, input_tokens=100, output_tokens=20)

    async def draw(self, tenant_id: str, model: str, prompt: str) -> Picture:
        return Picture(PNG, "image/png")

    async def close(self) -> None:
        pass


class MemoryAlerts:
    """An `Alerts` that notes what was raised and not resolved, by its key."""

    def __init__(self) -> None:
        self.open: dict[str, str] = {}

    async def raise_alert(
        self,
        key: str,
        kind: str,
        severity: Severity,
        message: str,
        tenant_id: str | None = None,
        job_type: str | None = None,
        details: Mapping[str, object] | None = None,
    ) -> None:
        self.open[key] = message

    async def resolve(self, key: str) -> int:
        return int(self.open.pop(key, None) is not None)
