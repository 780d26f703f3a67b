"""Gathering: those who ask while an answer is being made are answered together by the next one."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from contracts.errors import JobError

AskedT = TypeVar("AskedT")
AnswerT = TypeVar("AnswerT")


class Gathered(Generic[AskedT, AnswerT]):
    """Asks for many at once, one round after the other: a busy process pays for few rounds, an idle one waits for none.

    answers: gives the answers in the order of what is asked; an error of ours is everybody's of that round
    most: how many may be asked for at once
    names: what no two of one round may have in common; who would clash waits for the next round
    """

    def __init__(
        self,
        answers: Callable[[Sequence[AskedT]], Awaitable[Sequence[AnswerT]]],
        most: int,
        names: Callable[[AskedT], set[Hashable]] = lambda _: set(),
    ) -> None:
        self._answers = answers
        self._most = most
        self._names = names
        self._waiting: deque[_Asked[AskedT, AnswerT]] = deque()
        self._rounds: asyncio.Task[None] | None = None

    async def ask(self, asked: AskedT) -> AnswerT:
        """Return the answer. A caller that is cancelled meanwhile may have been answered all the same."""
        one: _Asked[AskedT, AnswerT] = _Asked(asked, asyncio.get_running_loop().create_future())
        self._waiting.append(one)
        if self._rounds is None or self._rounds.done():
            self._rounds = asyncio.create_task(self._go_round())
        return await one.future

    async def _go_round(self) -> None:
        while together := self._taken():
            try:
                await self._tell(together)
            except asyncio.CancelledError:  # the process ends
                for one in (*together, *self._waiting):
                    one.future.cancel()
                raise

    async def _tell(self, together: "list[_Asked[AskedT, AnswerT]]") -> None:
        try:
            answers = await self._answers([one.asked for one in together])
        except JobError as error:
            for one in together:
                one.refuse(error)
        except Exception as error:  # noqa: BLE001  told to the one who asked for what cannot be answered
            if len(together) == 1:
                together[0].refuse(error)
            else:
                for one in together:
                    await self._tell([one])
        else:
            for one, answer in zip(together, answers, strict=True):
                one.answer(answer)

    def _taken(self) -> "list[_Asked[AskedT, AnswerT]]":
        """Return who is next: in the order they came, without those who have gone and those who would clash."""
        taken: list[_Asked[AskedT, AnswerT]] = []
        later: list[_Asked[AskedT, AnswerT]] = []
        used = set[Hashable]()
        while self._waiting and len(taken) < self._most:
            one = self._waiting.popleft()
            names = self._names(one.asked)
            if one.future.done():
                continue
            (later if names & used else taken).append(one)
            used |= names
        self._waiting.extendleft(reversed(later))
        return taken


@dataclass(frozen=True)
class _Asked(Generic[AskedT, AnswerT]):
    asked: AskedT
    future: "asyncio.Future[AnswerT]"

    def answer(self, answer: AnswerT) -> None:
        if not self.future.done():
            self.future.set_result(answer)

    def refuse(self, error: Exception) -> None:
        if not self.future.done():
            self.future.set_exception(error)
