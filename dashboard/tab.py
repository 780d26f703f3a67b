"""A tab: one open page of somebody who is signed in, and what keeps it up to date.

Nothing remembers what a person may do: before each action and each refresh the session is resolved anew.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from typing import TypeVar

from fastapi import Request
from nicegui import Client, ui
from pydantic import ValidationError

from api.context import Services
from api.identity import Caller, Right
from api.problems import REQUEST_ID, field_problems
from api.statistics import SummaryView
from contracts.alerts import Alert
from contracts.errors import InvalidInput, JobError, Unauthorized, Unavailable
from dashboard.frame import text
from dashboard.fresh import Fresh
from dashboard.guard import ROOT, SIGN_IN
from dashboard.live import Live, Told
from dashboard.parts.table import Row
from dashboard.sessions import COOKIE, Sessions
from readmodel.events import StoredEvent

log = logging.getLogger("spaces.dashboard")

SUMMARY_SECONDS = 1.0
LIST_SECONDS = 0.2
AWAY_SECONDS = 3.0
AnswerT = TypeVar("AnswerT")


@dataclass
class Desk:
    """What all tabs of this process share."""

    services: Services
    sessions: Sessions
    live: Live
    summaries: Fresh[SummaryView] = field(default_factory=lambda: Fresh(SUMMARY_SECONDS))
    alerts: Fresh[Sequence[Alert]] = field(default_factory=lambda: Fresh(SUMMARY_SECONDS))
    lists: Fresh[tuple[list[Row], str | None]] = field(default_factory=lambda: Fresh(LIST_SECONDS))


class Tab:
    """One open page. `caller` is who opened it, for what to show; use `who` for what to do."""

    def __init__(self, desk: Desk, client: Client, request: Request, caller: Caller) -> None:
        self.desk = desk
        self.here = desk.services
        self.client = client
        self.request = request
        self.caller = caller
        self._stale = text("p", "The database or Temporal does not answer: this may be out of date.", "notice stale")
        self._stale.props("role=status").set_visibility(False)
        self._seen = asyncio.Event()
        self._seen.set()
        self._tasks: set[asyncio.Task[None]] = set()
        ui.on("spaces_visible", lambda event: self._seen.set() if event.args else self._seen.clear())
        client.on_delete(self._close)
        client.on_exception(self._failed)
        self._closing = ExitStack()

    async def who(self) -> Caller:
        """Return who is signed in, with the rights of this moment.

        Raises:
            Unauthorized: Nobody, any more.
        """
        known = await self.desk.sessions.caller(self.request.cookies.get(COOKIE))
        address = self.request.client.host if self.request.client else None
        return replace(known, address=address, request_id=self.request.scope.get(REQUEST_ID))

    def may(self, right: Right) -> bool:
        """Tell whether to offer what takes this right; the core decides again when it is done."""
        return self.caller.may(right)

    async def summary(self) -> SummaryView:
        """Return the figures of an overview, at most a second old, asked once for all tabs of the same scope."""
        caller = await self.who()
        key = (caller.tenant_id, caller.scope, caller.may(Right.WORKERS_READ), caller.may(Right.JOBS_READ))
        return await self.desk.summaries.get(key, lambda: self.here.queue.get_summary(caller))

    async def open_alerts(self, most: int) -> Sequence[Alert]:
        """Return the newest alerts that nobody has dealt with, at most a second old, asked once for all like tabs."""
        caller = await self.who()

        async def ask() -> Sequence[Alert]:
            return (await self.here.alert_desk.list(caller, most, acknowledged=False, resolved=False))[0]

        return await self.desk.alerts.get((caller.key_id, caller.scope, most), ask)

    def follow(self, told: Told) -> None:
        """Call `told` with recorded events of jobs that this tab may see, for as long as it is open."""
        sees = self.caller.sees

        def own(events: Sequence[StoredEvent]) -> None:
            mine = events if sees is None else [event for event in events if event.tenant_id == sees]
            if mine:
                told(mine)

        self._closing.enter_context(self.desk.live.listening(own))

    def keep(self, refresh: Callable[[], Awaitable[None]], *, every: float, gap: float = 0.25) -> Callable[[], None]:
        """Refresh the page now and then while somebody looks at it, and return how to ask for it sooner.

        every: seconds between refreshes when nothing asks for one. gap: the least seconds between two.
        """
        news = asyncio.Event()

        async def go_on() -> None:
            await self.client.connected()
            pause: float | None = every
            while pause is not None:
                with suppress(TimeoutError):
                    await asyncio.wait_for(news.wait(), pause)
                await self._seen.wait()
                news.clear()
                began = time.monotonic()
                pause = await self._refreshed(refresh, every)
                await asyncio.sleep(max(0.0, gap - (time.monotonic() - began)))

        task = asyncio.create_task(go_on())
        self._tasks.add(task)
        return news.set

    async def act(self, do: Callable[[Caller], Awaitable[AnswerT]], done: str = "") -> AnswerT | None:
        """Do something as who is signed in now, and say on the page how it went; None when it was refused."""
        try:
            answer = await do(await self.who())
        except Unauthorized:
            self.go(SIGN_IN)
            return None
        except (JobError, ValidationError) as error:
            self.say(problem_words(error), bad=True)
            return None
        if done:
            self.say(done)
        return answer

    def go(self, address: str) -> None:
        """Open another page in this tab; address: with the dashboard's root, like those of links."""
        self.client.open(address.removeprefix(ROOT))

    def say(self, words: str, *, bad: bool = False) -> None:
        """Show a message for some seconds."""
        with self.client:
            ui.notify(words, type="negative" if bad else "positive", timeout=8000 if bad else 3500, position="top")

    def _failed(self, error: Exception) -> None:
        """Tell of a refusal that a click met outside of `act`."""
        if isinstance(error, Unauthorized):
            self.go(SIGN_IN)
        elif isinstance(error, JobError):
            self.say(str(error), bad=True)

    async def _refreshed(self, refresh: Callable[[], Awaitable[None]], every: float) -> float | None:
        """Refresh once, and return the seconds until the next time; None when nothing more is to be done."""
        try:
            with self.client:
                await refresh()
            self._stale.set_visibility(False)
        except Unauthorized:
            self.go(SIGN_IN)
            return None
        except Unavailable as error:
            log.info("a tab waits: %s", error)
            self._stale.set_visibility(True)
            every = min(every, AWAY_SECONDS)
        except JobError as error:
            self.say(str(error), bad=True)
            return None
        except Exception:
            if not self.client.is_deleted:
                log.exception("a tab could not be refreshed")  # one tab's misfortune; it goes on at the next occasion
        return None if self.client.is_deleted else every

    def _close(self) -> None:
        self._closing.close()
        for task in self._tasks:
            task.cancel()


def problem_words(error: JobError | ValidationError) -> str:
    """Return what to tell a person of a refusal: the wrong fields, or the reason."""
    if isinstance(error, ValidationError):
        problems = field_problems(error, "body")[:3]
        return "; ".join(f"{problem.path.removeprefix('body.')}: {problem.message}" for problem in problems)
    if isinstance(error, InvalidInput) and error.fields:
        return "; ".join(
            dict.fromkeys(words if words in str(error) else f"{path}: {words}" for path, words in error.fields[:3])
        )
    return str(error)
