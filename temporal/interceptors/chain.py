"""The chain every step runs in, outermost first: held back, counted, logged, told, kept alive, translated."""

from collections.abc import Callable
from dataclasses import dataclass

from temporalio.worker import ActivityInboundInterceptor, Interceptor

from contracts.history import JobChange
from contracts.ports import Holds
from temporal.interceptors.errors import ErrorTranslator
from temporal.interceptors.heartbeat import Heartbeater
from temporal.interceptors.holds import StepHolder
from temporal.interceptors.lines import LineTeller
from temporal.interceptors.logs import StepLogger
from temporal.interceptors.poison import PoisonGuard
from temporal.interceptors.steps import StepTeller
from temporal.interceptors.tally import StepCounter, Tally


@dataclass(frozen=True)
class StepObserver:
    """Where a worker's steps are told and counted, and who may hold them."""

    worker: str
    sink: Callable[[JobChange], None]
    tally: Tally
    holds: Holds | None = None


class StepChain(Interceptor):
    """The worker interceptor; without an observer (replay) steps are only kept alive and translated."""

    def __init__(self, observer: StepObserver | None = None) -> None:
        self._observer = observer

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        """Build the chain around the step."""
        chain: ActivityInboundInterceptor = Heartbeater(PoisonGuard(ErrorTranslator(next)))
        if self._observer is None:
            return chain
        chain = StepTeller(LineTeller(chain, self._observer.sink), self._observer.sink, self._observer.worker)
        chain = StepCounter(StepLogger(chain), self._observer.tally)
        return StepHolder(chain, self._observer.holds) if self._observer.holds else chain
