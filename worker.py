"""The worker process: config → providers → workers. `python worker.py --help`"""

import argparse
import asyncio
import os
import secrets
import signal
import socket
from collections.abc import Sequence
from datetime import timedelta
from typing import cast

from temporalio.client import Client

from activities.ageing import Ageing
from activities.alerting import Herald
from activities.briefing.by_model import ModelWriter
from activities.budget_renewal import BudgetRenewal
from activities.circuit import PaymentCircuit
from activities.files import TURN as FILE_TURN
from activities.files import FileUpkeep
from activities.release import PauseUpkeep
from activities.seeing import ModelSeer
from activities.webhooks import Courier
from adapters.build import alert_channels, blob_store, key_wrapper, step_providers, webhooks
from api.assembly import Options, assemble
from api.masking import personal_marks
from config import Settings, load_settings
from contracts.alerts import Severity
from contracts.generation_ports import ModelProvider
from contracts.jobs import JobStatus
from contracts.limits import TenantLimits
from contracts.news_ports import BriefingWriter
from contracts.payment_ports import PaymentProvider
from contracts.ports import JobDecisions
from contracts.seeing import PhotoSeer
from contracts.upkeep import UpkeepPart
from readmodel.abuse import AbuseRecord
from readmodel.alert_notices import AlertNotices
from readmodel.alerts import AlertBook
from readmodel.approvals import Approvals
from readmodel.budgets import Budgets
from readmodel.bulk import BulkActions
from readmodel.database import Database
from readmodel.deliveries import Deliveries
from readmodel.erasure import Erasure
from readmodel.history import HistoryWriter
from readmodel.holds import PauseWatch
from readmodel.host_turns import HostTurnBook
from readmodel.incidents import Incidents
from readmodel.inline import InlineRecord
from readmodel.jobs import JobQueries
from readmodel.kept_drafts import KeptDrafts
from readmodel.kept_feeds import KeptFeeds
from readmodel.limits import LimitsBook
from readmodel.model_calls import ModelCalls
from readmodel.pauses import Pauses
from readmodel.payment_days import PaymentDayBook
from readmodel.payments import PaymentBook
from readmodel.persons import Persons
from readmodel.retention import Retention
from readmodel.scheduled_starts import ScheduledStarts
from readmodel.social_accounts import SocialAccountBook
from readmodel.tenant_keys import KeyShredder, key_ring
from readmodel.waiting import Waiting
from readmodel.workers import WorkerRegistry
from telemetry import set_up_logging, set_up_tracing
from temporal.buffer import BufferedHistory
from temporal.client import connect_when_up, measured
from temporal.dependencies import TemporalJobs
from temporal.engine import TemporalEngine
from temporal.erasure import TenantRunsInTemporal
from temporal.files import LivingJobsInTemporal
from temporal.held import TemporalHeldJobs
from temporal.interceptors.chain import StepObserver
from temporal.interceptors.tally import Tally
from temporal.ledger import TemporalLedger
from temporal.persons import JobRunsInTemporal
from temporal.plugin import queue_plugin
from temporal.queue_control import QueueControl
from temporal.queued_steps import TemporalQueuedSteps
from temporal.registry import JOB_TYPES
from temporal.worker_pool import WorkerPool
from temporal.workers import QUEUES, build_worker, served_in_order

STEPS_PER_PROCESSOR = 4
"""Steps at once when nothing else is said: some wait for a network, and those that compute wait for a processor."""

WATCH_INCIDENTS = 3
"""Turns of the upkeep between two looks at the figures."""
DELIVER_EVERY = timedelta(seconds=1)
WATCH_ABUSE_EVERY = timedelta(seconds=30)
SWEEP_EVERY = timedelta(minutes=1)


async def work(settings: Settings, queues: list[str], stop: asyncio.Event) -> None:
    """Serve the queues until told to stop."""
    name = f"{socket.gethostname()}-{os.getpid()}"
    processors = os.cpu_count() or 1
    slots = settings.worker_concurrency or STEPS_PER_PROCESSOR * processors
    database, blobs, tally = Database(settings.database), blob_store(settings), Tally()
    history, drain = BufferedHistory(HistoryWriter(database)), timedelta(seconds=settings.drain_seconds)
    holds = PauseWatch(Pauses(database))
    keys = key_ring(database, key_wrapper(settings))
    plugin = queue_plugin(blobs, StepObserver(name, history.put, tally, holds), keys)
    tracing, runtime = set_up_tracing("spaces-worker"), measured(settings.worker_metrics)
    client = await connect_when_up([*tracing, plugin], stop, identity=name, runtime=runtime)
    if client is None:
        return
    async with (
        history.running(),
        holds.running(),
        step_providers(settings, blobs, min(slots, processors), HostTurnBook(database)) as providers,
    ):
        providers |= {
            "history": history,
            **payment_providers(client, database),
            **generation_providers(database, history),
            **news_providers(database),
            **social_providers(database),
            "writer": news_writer(cast(Sequence[ModelProvider], providers["models"]), database, history),
            "seer": photo_seer(cast(Sequence[ModelProvider], providers["models"]), database),
            **system_providers(client, database, settings, cast(PaymentProvider, providers["money"])),
        }
        workers = [build_worker(client, queue, providers, slots, drain) for queue in queues]
        await WorkerPool(name, queues, slots, tally, WorkerRegistry(database).beat).run(workers, stop)
    await database.close()


def generation_providers(database: Database, history: BufferedHistory) -> dict[str, object]:
    """Return what the steps of generations work with beside the models, by the names their constructors use."""
    return {
        "usage": ModelCalls(database),
        "told": history,
        "alerts": AlertBook(database),
        "budgets": Budgets(database),
        "drafts": KeptDrafts(database),
    }


def news_providers(database: Database) -> dict[str, object]:
    """Return what the steps of news work with beside web and reader, by the names their constructors use."""
    return {"feeds": KeptFeeds(database)}


def social_providers(database: Database) -> dict[str, object]:
    """Return what the steps of syndications work with beside the platforms, by the names their constructors use."""
    return {"social_accounts": SocialAccountBook(database)}


def news_writer(models: Sequence[ModelProvider], database: Database, history: BufferedHistory) -> BriefingWriter | None:
    """Return what writes briefings by model; None when no model is configured."""
    return (
        ModelWriter(models, ModelCalls(database), history, Budgets(database), AlertBook(database)) if models else None
    )


def photo_seer(models: Sequence[ModelProvider], database: Database) -> PhotoSeer:
    """Return what shows photos to models; without a model that sees it says so."""
    return ModelSeer(models, ModelCalls(database), Budgets(database), KeptDrafts(database), AlertBook(database))


def payment_providers(client: Client, database: Database) -> dict[str, object]:
    """Return what the steps of payments work with beside the provider, by the names their constructors use."""
    return {"effects": PaymentBook(database), "circuit": payment_circuit(client, database)}


def payment_circuit(client: Client, database: Database) -> PaymentCircuit:
    """Return the switch that stops the payments' queue."""
    return PaymentCircuit(Pauses(database), QueueControl(client), AlertBook(database), "payment_processing")


def system_providers(
    client: Client, database: Database, settings: Settings, money: PaymentProvider
) -> dict[str, object]:
    """Return what the steps of the system queue work with, by the names their constructors use."""
    queries = JobQueries(database)
    return {
        "effects": PaymentBook(database),
        "days": PaymentDayBook(database),
        "money": money,
        "alerts": AlertBook(database),
        "approvals": Approvals(database),
        "ledger": TemporalLedger(client),
        "standings": queries,
        "others": TemporalJobs(client, queries),
        "inline": InlineRecord(database),
        "starts": ScheduledStarts(database, LimitsBook(database, default_limits(settings)), tuple(JOB_TYPES)),
        "pauses": Pauses(database),
        "rates": QueueControl(client),
        "held": TemporalHeldJobs(client),
        "bulk": BulkActions(database),
        "decisions": job_decisions(client, database, settings),
        "runs": TenantRunsInTemporal(client),
        "histories": JobRunsInTemporal(client),
        "rows": Erasure(database),
        "persons": Persons(database, {kind.name: personal_marks(kind) for kind in JOB_TYPES.values()}),
        "blobs": blob_store(settings),
        "shredder": KeyShredder(database),
        "upkeep": upkeep_parts(client, database, settings, money),
    }


def job_decisions(client: Client, database: Database, settings: Settings) -> JobDecisions:
    """Return the core that callers of the API use. Nothing runs beside it here, and nobody can sign in to it."""
    options = Options(
        admin_key=secrets.token_urlsafe(32),
        upload_limit_bytes=0,
        default_limits=default_limits(settings),
        limits_url=settings.limits_url,
    )
    services, _ = assemble(client, blob_store(settings), database, webhooks(settings), options)
    return services.decisions


def default_limits(settings: Settings) -> TenantLimits:
    """Return what a tenant may use of which nothing else was decided."""
    return TenantLimits(submit_per_minute=settings.submit_per_minute, max_pending=settings.max_pending)


def upkeep_parts(
    client: Client, database: Database, settings: Settings, money: PaymentProvider
) -> tuple[UpkeepPart, ...]:
    """Return what runs beside the queue, once in the whole installation."""
    pauses, tick = Pauses(database), timedelta(seconds=settings.upkeep_seconds)
    circuit = payment_circuit(client, database)
    agreement = PauseUpkeep(pauses, QueueControl(client), TemporalHeldJobs(client), tuple(JOB_TYPES))
    longest_wait = timedelta(seconds=settings.ageing_seconds)
    courier = Courier(Deliveries(database), webhooks(settings))
    herald = Herald(AlertNotices(database), alert_channels(settings), Severity(settings.alert_severity))
    renewal = BudgetRenewal(Approvals(database), Budgets(database), TemporalEngine(client))
    kept = timedelta(days=settings.retention_days_files)
    files = FileUpkeep(blob_store(settings), Retention(database), LivingJobsInTemporal(client), kept)
    ageing = Ageing(Waiting(database), pauses, TemporalQueuedSteps(client), longest_wait)
    return (
        UpkeepPart("rates of paused queues", tick, agreement.follow_rates),
        UpkeepPart("release of held jobs", tick, agreement.release_held),
        UpkeepPart("ageing of starving jobs", tick, ageing.turn),
        UpkeepPart("delivery of webhooks", min(tick, DELIVER_EVERY), courier.turn),
        UpkeepPart("watch over incidents", WATCH_INCIDENTS * tick, Incidents(database).watch),
        UpkeepPart("telling of alerts", tick, herald.turn),
        UpkeepPart("payment provider", tick, lambda _: circuit.turn(money)),
        UpkeepPart("jobs that wait for budgets", tick, renewal.turn),
        UpkeepPart("watch over abuse", WATCH_ABUSE_EVERY, AbuseRecord(database).watch),
        UpkeepPart("removal of old files", FILE_TURN, files.turn),
        UpkeepPart("removal of what is old", SWEEP_EVERY, retention(database, settings).sweep),
    )


def retention(database: Database, settings: Settings) -> Retention:
    """Return what removes jobs that were kept long enough.

    Raises:
        SystemExit: A type that the settings name is none.
    """
    unknown = sorted(settings.retention_days_by_type.keys() - JOB_TYPES)
    if unknown:
        msg = f"SPACES_RETENTION_DAYS_BY_TYPE: no job type '{unknown[0]}'; there are {', '.join(JOB_TYPES)}"
        raise SystemExit(msg)
    return Retention(database, retention_days(settings), settings.retention_days_by_type)


def retention_days(settings: Settings) -> dict[JobStatus, int]:
    """Return how many days jobs are kept, by the status they ended in."""
    return {
        JobStatus.COMPLETED: settings.retention_days_completed,
        JobStatus.CANCELLED: settings.retention_days_cancelled,
        JobStatus.FAILED: settings.retention_days_failed,
    }


def main() -> None:
    """Read arguments and settings, and work until SIGTERM or Ctrl-C."""
    parser = argparse.ArgumentParser(description="Run the steps of jobs. Settings come from SPACES_… and TEMPORAL_….")
    parser.add_argument("--queues", default=",".join(QUEUES), help=f"some of {', '.join(QUEUES)} (default: all)")
    parser.add_argument("--concurrency", type=int, help="steps at once per queue (default: 4 per processor)")
    parser.add_argument("--drain-seconds", type=float, help="how long to let running steps finish (default: 30)")
    arguments = parser.parse_args()
    try:
        queues = served_in_order(arguments.queues.split(","))
    except ValueError as error:
        parser.error(str(error))
    settings = load_settings(worker_concurrency=arguments.concurrency, drain_seconds=arguments.drain_seconds)
    set_up_logging(settings.log_level, settings.log_format)
    asyncio.run(_until_told(settings, queues))


async def _until_told(settings: Settings, queues: list[str]) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await work(settings, queues, stop)


if __name__ == "__main__":
    main()
