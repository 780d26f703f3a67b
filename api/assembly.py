"""Puts the services together: for the API process, for a worker's own use of the queue, and for tests."""

from temporalio.client import Client

from api.acceptance import Acceptance
from api.context import Services
from api.dependencies import DependencyCheck
from api.identity import Authenticator
from api.lookup import Lookup
from api.pausing import Pausing
from api.relay import OutboxRelay
from api.service import QueueService
from api.stream import Tail
from api.uploads import Uploads
from contracts.ports import BlobStore
from readmodel.database import Database
from readmodel.history import HistoryWriter
from readmodel.intake import Intake
from readmodel.jobs import JobQueries
from readmodel.keys import ApiKeys
from readmodel.pauses import Pauses
from readmodel.workers import WorkerRegistry
from temporal.engine import TemporalEngine
from temporal.held import Releases
from temporal.ledger import TemporalLedger
from temporal.queue_control import QueueControl


def assemble(
    client: Client,
    blobs: BlobStore,
    database: Database,
    *,
    admin_key: str,
    upload_limit_bytes: int,
    temporal_ui_url: str | None = None,
) -> tuple[Services, OutboxRelay]:
    """Return the services over a Temporal client, an object store and a database, and the relay to run beside them."""
    engine, intake = TemporalEngine(client), Intake(database)
    queries, keys = JobQueries(database), ApiKeys(database)
    relay = OutboxRelay(intake, engine)
    ledger, history = TemporalLedger(client), HistoryWriter(database)
    services = Services(
        queue=QueueService(
            Acceptance(engine, ledger, intake, blobs, relay, DependencyCheck(queries, engine)),
            Lookup(engine, ledger, queries, history),
            engine,
            queries,
            history,
            relay,
            Pausing(Pauses(database), QueueControl(client), Releases(client)),
        ),
        queries=queries,
        keys=keys,
        workers=WorkerRegistry(database),
        uploads=Uploads(blobs, upload_limit_bytes),
        tail=Tail(queries),
        authenticator=Authenticator(admin_key, keys),
        database=database,
        blobs=blobs,
        engine=engine,
        intake=intake,
        temporal_ui_url=temporal_ui_url,
    )
    return services, relay
