"""Puts the services together: for the API process, for a worker's own use of the queue, and for tests."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from temporalio.client import Client

from api.acceptance import Acceptance
from api.admission import Admission
from api.advice import AdviceDesk
from api.alerting import AlertDesk
from api.analytics import AnalyticsDesk
from api.approvals import ApprovalDesk
from api.audit import AuditTrail
from api.bulk import BulkAcceptance
from api.bulk_actions import BulkDecisions, BulkOrders
from api.cleaning import QueueCleaning
from api.codec import CodecDesk
from api.completion import CompletionDesk
from api.context import Services
from api.dead_letters import DeadLetterDesk
from api.dependencies import DependencyCheck
from api.erasing import ErasureDesk
from api.explain import Explainer
from api.exposition import Exposition
from api.feed import MOST_STREAMS, Feed, OpenStreams
from api.flow_retries import FlowRetries
from api.flows import FlowDesk
from api.identity import Authenticator
from api.inline import InlineRunner
from api.lookup import Lookup
from api.pausing import Pausing
from api.payments import PaymentDesk
from api.persons import PersonDesk
from api.rates import SubmissionRates
from api.readiness import Dependencies
from api.relay import OutboxRelay
from api.retrying import Retrying
from api.schedule_starts import ScheduleStarts
from api.schedules import Schedules
from api.service import QueueService
from api.social_accounts import SocialAccountDesk
from api.statistics import Statistics
from api.stream import Tail
from api.tokens import reader_of
from api.transparency import FEWEST_TENANTS, Transparency
from api.upload_check import UploadCheck
from api.uploads import Uploads
from api.waiting import EndWatch
from api.webhooks import WebhookDesk
from contracts.limits import TenantLimits
from contracts.payment_ports import ProviderEvents
from contracts.ports import BlobStore
from contracts.webhook_ports import UrlCheck
from readmodel.abuse import AbuseRecord
from readmodel.alert_rules import AlertRules
from readmodel.alerts import AlertBook
from readmodel.analytics import Analytics
from readmodel.approvals import Approvals
from readmodel.audit import AuditLog
from readmodel.bulk import BulkActions
from readmodel.cleaning import Cleaning
from readmodel.completion import Completion
from readmodel.database import Database
from readmodel.dead_letters import DeadLetters
from readmodel.deliveries import Deliveries
from readmodel.erasure import Erasure
from readmodel.error_marks import ErrorMarks
from readmodel.flows import Flows
from readmodel.history import HistoryWriter
from readmodel.inline import InlineRecord
from readmodel.intake import Intake
from readmodel.jobs import JobQueries
from readmodel.keys import ApiKeys
from readmodel.limits import LimitsBook, Standings
from readmodel.pauses import Pauses
from readmodel.payment_days import PaymentDayBook
from readmodel.payment_lines import PaymentLines
from readmodel.payments import PaymentBook, ProviderEventBook
from readmodel.social_accounts import SocialAccountBook
from readmodel.spending import Spending
from readmodel.statistics import QueueStatistics
from readmodel.usage import UsageQueries
from readmodel.webhooks import Webhooks
from readmodel.workers import WorkerRegistry
from temporal.bulk import BulkRuns
from temporal.engine import TemporalEngine
from temporal.erasure import Erasures
from temporal.held import Releases
from temporal.job_schedules import JobSchedules
from temporal.ledger import TemporalLedger
from temporal.persons import PersonErasures
from temporal.queue_control import QueueControl
from temporal.registry import JOB_TYPES


@dataclass(frozen=True)
class Options:
    """What an installation decides about its services.

    inline_steps: for each job type that may run in a request, the instance of its activities
    limits_url: the Redis in which submissions are counted for all API processes; None counts them in this one
    payload_secret: what Payload signs its users' tokens with; None when no tokens are understood
    streams_per_key: how many a key may have open
    metrics_need_key: do only platform keys see the figures for Prometheus
    public_tenants: how many tenants must be behind a figure that anybody may see
    provider_events: reads the payment provider's webhooks; None where none are received
    """

    admin_key: str = field(repr=False)
    upload_limit_bytes: int
    temporal_ui_url: str | None = None
    traces_url: str | None = None
    inline_steps: Mapping[str, object] = field(default_factory=dict)
    default_limits: TenantLimits = field(default_factory=TenantLimits)
    limits_url: str | None = field(default=None, repr=False)
    payload_secret: str | None = field(default=None, repr=False)
    public_tenants: int = FEWEST_TENANTS
    streams_per_key: int = MOST_STREAMS
    metrics_need_key: bool = True
    provider_events: ProviderEvents | None = None


def assemble(
    client: Client, blobs: BlobStore, database: Database, urls: UrlCheck, options: Options
) -> tuple[Services, OutboxRelay]:
    """Return the services over a Temporal client, an object store and a database, and the relay to run beside them."""
    engine, intake, queries, keys = TemporalEngine(client), Intake(database), JobQueries(database), ApiKeys(database)
    ledger, history = TemporalLedger(client), HistoryWriter(database)
    pauses, control = Pauses(database), QueueControl(client)
    approvals = Approvals(database)
    relay, lookup = OutboxRelay(intake, engine), Lookup(engine, ledger, queries, history, approvals)
    inline = InlineRunner(InlineRecord(database), history, pauses, options.inline_steps)
    limits = LimitsBook(database, options.default_limits)
    standings, schedules = Standings(limits, tuple(JOB_TYPES)), JobSchedules(client)
    rates = SubmissionRates(options.limits_url)
    admission = Admission(standings, rates, AbuseRecord(database))
    reached = Dependencies(engine, database, blobs, rates)
    social_accounts = SocialAccountBook(database)
    upload_check, dependencies = UploadCheck(blobs, social_accounts), DependencyCheck(queries, engine)
    acceptance = Acceptance(
        engine, ledger, intake, upload_check, relay, dependencies, admission=admission, inline=inline
    )
    streams = OpenStreams(options.streams_per_key)
    tail, workers = Tail(queries), WorkerRegistry(database)
    authenticator = Authenticator(options.admin_key, keys, reader_of(options.payload_secret))
    trail, pausing = AuditTrail(AuditLog(database)), Pausing(pauses, control, Releases(client))
    bulk, cleaning = (
        BulkAcceptance(intake, upload_check, dependencies, admission, relay),
        QueueCleaning(Cleaning(database)),
    )
    flow_retries = FlowRetries(Flows(database), queries, upload_check, admission, relay)
    retrying = Retrying(acceptance, lookup, engine, intake, upload_check, flow_retries, trail)
    statistics = Statistics(QueueStatistics(database), DeadLetters(database), workers, pausing)
    queue = QueueService(
        acceptance, lookup, engine, queries, history, relay, pausing, bulk, statistics, cleaning, retrying, trail
    )
    services = Services(
        queue=queue,
        ends=EndWatch(queue, tail, queries, engine),
        flows=FlowDesk(Flows(database), engine, history, upload_check, admission, relay, trail),
        bulk_actions=BulkOrders(BulkActions(database), BulkRuns(client), intake, trail),
        decisions=BulkDecisions(queue, engine, trail),
        explainer=Explainer(lookup, engine, control, pauses, queries, limits),
        queries=queries,
        keys=keys,
        workers=workers,
        uploads=Uploads(blobs, options.upload_limit_bytes),
        tail=tail,
        feed=Feed(tail, queries, streams),
        streams=streams,
        schedules=Schedules(schedules, upload_check, standings, intake, queries, trail),
        schedule_starts=ScheduleStarts(schedules, intake, queries, trail),
        authenticator=authenticator,
        database=database,
        blobs=blobs,
        engine=engine,
        intake=intake,
        limits=limits,
        admission=admission,
        usage=UsageQueries(database),
        analytics=AnalyticsDesk(Analytics(database), Spending(database), limits),
        completion=CompletionDesk(Completion(database)),
        advice=AdviceDesk(database),
        transparency=Transparency(database, options.default_limits, options.public_tenants),
        webhooks=WebhookDesk(Webhooks(database), Deliveries(database), intake, urls, trail),
        payments=_payments(database, engine, options.provider_events),
        social_accounts=SocialAccountDesk(social_accounts, urls),
        dead_letters=DeadLetterDesk(DeadLetters(database), ErrorMarks(database)),
        alerts=AlertBook(database),
        approvals=ApprovalDesk(approvals, engine, trail),
        alert_desk=AlertDesk(AlertBook(database), AlertRules(database)),
        erasures=ErasureDesk(Erasures(client), Erasure(database), authenticator, trail),
        persons=PersonDesk(PersonErasures(client), trail),
        codec=CodecDesk(client.data_converter.payload_codec, trail),
        trail=trail,
        dependencies=reached,
        exposition=Exposition(database, reached),
        metrics_need_key=options.metrics_need_key,
        temporal_ui_url=options.temporal_ui_url,
        traces_url=options.traces_url,
    )
    return services, relay


def _payments(database: Database, engine: TemporalEngine, events: ProviderEvents | None) -> PaymentDesk:
    books = PaymentBook(database), ProviderEventBook(database), PaymentDayBook(database), PaymentLines(database)
    return PaymentDesk(*books, engine, events)
