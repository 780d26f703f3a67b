"""The API process: config → services → HTTP. `python serve.py --help`"""

import argparse
import asyncio
import gc
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import uvicorn
from fastapi import FastAPI
from temporalio.client import Client
from temporalio.service import RPCError

from activities.circuit import PaymentCircuit
from adapters.build import blob_store, key_wrapper, payment_provider, provider_events, webhooks
from api.app import VERSION, create_app
from api.assembly import Options, assemble
from api.context import Services
from api.protocol import BoundedProtocol
from api.relay import OutboxRelay
from api.server import LeavingServer
from config import Settings, load_settings
from contracts.errors import JobError, Unavailable
from contracts.limits import TenantLimits
from contracts.payment_ports import PaymentProvider
from contracts.ports import BlobStore
from contracts.tasks import beside
from readmodel.alerts import AlertBook
from readmodel.database import Database
from readmodel.pauses import Pauses
from readmodel.payments import PaymentBook
from readmodel.tenant_keys import key_ring
from telemetry import set_up_logging, set_up_tracing
from temporal.client import connect
from temporal.inline import inline_steps
from temporal.plugin import queue_plugin
from temporal.provisioning import provision, retention_notice
from temporal.queue_control import QueueControl
from temporal.schedules import schedule_reconciliation, schedule_repair, schedule_upkeep

log = logging.getLogger("spaces.serve")

STOP_SECONDS = 5
AGAIN_SECONDS = 1.0


@asynccontextmanager
async def application(settings: Settings) -> AsyncIterator[FastAPI]:
    """Give the application with all that runs beside it; neither Temporal nor the database need answer yet."""
    tracing = set_up_tracing("spaces-api")
    blobs, database = blob_store(settings), Database(settings.database, border=True)
    keys = key_ring(database, key_wrapper(settings))
    client = await connect([*tracing, queue_plugin(blobs, keys=keys)], lazy=True)
    money = payment_provider(settings)
    services, relay = services_of(settings, client, blobs, database, money)
    app = create_app(services, settings.origins, settings.body_seconds)
    from dashboard.mount import mount_dashboard  # a second of loading that only this process needs

    mount_dashboard(app, services, settings.the_session_secret())
    if tracing:
        from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor

        FastAPIInstrumentor.instrument_app(app, excluded_urls="healthz,readyz,static-offline-docs,dashboard")
    prepared = await _migrated(database)
    try:
        async with beside(prepare(client, database, shortest_kept(settings), migrated=prepared)), relay.running():
            yield app
    finally:
        await money.close()
        await database.close()


def services_of(
    settings: Settings, client: Client, blobs: BlobStore, database: Database, money: PaymentProvider
) -> tuple[Services, OutboxRelay]:
    """Put the services of one API process together."""
    options = Options(
        admin_key=settings.the_admin_key(),
        upload_limit_bytes=settings.upload_limit_mb * 1024 * 1024,
        temporal_ui_url=settings.temporal_ui_url,
        traces_url=settings.traces_url,
        inline_steps=inline_steps(
            {
                "blobs": blobs,
                "money": money,
                "effects": PaymentBook(database),
                "circuit": PaymentCircuit(
                    Pauses(database), QueueControl(client), AlertBook(database), "payment_processing"
                ),
            }
        ),
        default_limits=TenantLimits(submit_per_minute=settings.submit_per_minute, max_pending=settings.max_pending),
        limits_url=settings.limits_url,
        streams_per_key=settings.streams_per_key,
        metrics_need_key=settings.metrics_need_key,
        payload_secret=settings.payload_secret.get_secret_value() if settings.payload_secret else None,
        public_tenants=settings.transparency_tenants,
        provider_events=provider_events(settings),
    )
    return assemble(client, blobs, database, webhooks(settings), options)


async def prepare(client: Client, database: Database, kept: timedelta, *, migrated: bool) -> None:
    """Bring Temporal's namespace and the database's tables up to date, as soon as each answers."""
    await asyncio.gather(_prepare_database(database, migrated=migrated), _prepare_temporal(client, kept))


async def _prepare_database(database: Database, *, migrated: bool) -> None:
    while not migrated:
        await asyncio.sleep(AGAIN_SECONDS)
        migrated = await _migrated(database)


async def _migrated(database: Database) -> bool:
    try:
        await database.migrate()
    except (Unavailable, RuntimeError) as error:  # RuntimeError: an administrator of the database has something to do
        log.warning("the tables cannot be brought up to date yet: %s", error)
        return False
    return True


def shortest_kept(settings: Settings) -> timedelta:
    """Return how long ended jobs are kept at least, by the settings."""
    days = (settings.retention_days_completed, settings.retention_days_cancelled, settings.retention_days_failed)
    return timedelta(days=min(*days, *settings.retention_days_by_type.values()))


async def _prepare_temporal(client: Client, kept: timedelta) -> None:
    while True:
        try:
            await provision(client)
            await schedule_repair(client)
            await schedule_upkeep(client)
            await schedule_reconciliation(client)
            if notice := await retention_notice(client, kept):
                log.warning("%s", notice)
        except (RPCError, RuntimeError, JobError) as error:
            log.warning("Temporal cannot be made ready yet: %s", error)
            await asyncio.sleep(AGAIN_SECONDS)
        else:
            return


async def serve(settings: Settings) -> None:
    """Serve until told to stop."""
    async with application(settings) as app:
        gc.freeze()  # what is loaded by now stays: looking through all of it for garbage takes 0.2 s, in one go
        options = uvicorn.Config(
            app,
            host=settings.api_host,
            port=settings.api_port,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=STOP_SECONDS,
            server_header=False,
            http=BoundedProtocol,
        )
        services: Services = app.state.services
        await LeavingServer(options, services.ends.leave).serve()


def main() -> None:
    """Read the settings and serve."""
    parser = argparse.ArgumentParser(description="Serve the HTTP API. Settings come from SPACES_… in the environment.")
    parser.add_argument("--version", action="version", version=VERSION)
    parser.parse_args()
    settings = load_settings()
    set_up_logging(settings.log_level, settings.log_format)
    asyncio.run(serve(settings))


if __name__ == "__main__":
    main()
