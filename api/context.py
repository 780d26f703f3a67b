"""What the routes work with, and who is calling them."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Annotated, cast

from fastapi import Depends, Header, Request
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api.access import right_of
from api.admission import Admission
from api.advice import AdviceDesk
from api.alerting import AlertDesk
from api.analytics import AnalyticsDesk
from api.approvals import ApprovalDesk
from api.audit import AuditTrail
from api.bulk_actions import BulkDecisions, BulkOrders
from api.codec import CodecDesk
from api.completion import CompletionDesk
from api.dead_letters import DeadLetterDesk
from api.erasing import ErasureDesk
from api.explain import Explainer
from api.exposition import Exposition
from api.feed import Feed, OpenStreams
from api.flows import FlowDesk
from api.identity import Authenticator, Caller, act_for
from api.key_first import CALLER, secret_of
from api.payments import PaymentDesk
from api.persons import PersonDesk
from api.problems import REQUEST_ID
from api.readiness import Dependencies
from api.schedule_starts import ScheduleStarts
from api.schedules import Schedules
from api.service import QueueService
from api.social_accounts import SocialAccountDesk
from api.stream import Tail
from api.transparency import Transparency
from api.uploads import Uploads
from api.waiting import EndWatch
from api.webhooks import WebhookDesk
from contracts.errors import InvalidInput, Unavailable
from contracts.ports import BlobStore
from contracts.values import TENANT_PATTERN
from readmodel.alerts import AlertBook
from readmodel.database import Database
from readmodel.intake import Intake
from readmodel.jobs import JobQueries
from readmodel.keys import ApiKeys
from readmodel.limits import LimitsBook
from readmodel.usage import UsageQueries
from readmodel.workers import WorkerRegistry
from temporal.engine import TemporalEngine


@dataclass(frozen=True)
class Services:
    """All that one API process works with; made by `serve.py`, or by a test."""

    queue: QueueService
    ends: EndWatch
    flows: FlowDesk
    bulk_actions: BulkOrders
    decisions: BulkDecisions
    explainer: Explainer
    queries: JobQueries
    keys: ApiKeys
    workers: WorkerRegistry
    uploads: Uploads
    tail: Tail
    feed: Feed
    streams: OpenStreams
    schedules: Schedules
    schedule_starts: ScheduleStarts
    authenticator: Authenticator
    database: Database
    blobs: BlobStore
    engine: TemporalEngine
    intake: Intake
    limits: LimitsBook
    admission: Admission
    usage: UsageQueries
    alerts: AlertBook
    approvals: ApprovalDesk
    alert_desk: AlertDesk
    analytics: AnalyticsDesk
    completion: CompletionDesk
    advice: AdviceDesk
    transparency: Transparency
    webhooks: WebhookDesk
    payments: PaymentDesk
    social_accounts: SocialAccountDesk
    dead_letters: DeadLetterDesk
    codec: CodecDesk
    erasures: ErasureDesk
    persons: PersonDesk
    trail: AuditTrail
    dependencies: Dependencies
    exposition: Exposition
    metrics_need_key: bool = True
    temporal_ui_url: str | None = None
    traces_url: str | None = None

    async def remember(self, tenant_id: str, key: str, sha256: str) -> bool:
        """Note that the Idempotency-Key made this upload; True when it did so before.

        Without the database nothing is noted: the upload's id is made from its bytes, so a repeat is harmless.

        Raises:
            InvalidInput: The key was used for something else.
        """
        try:
            return await self.intake.remember(tenant_id, key, sha256, sha256) is not None
        except Unavailable:
            return False


_bearer = HTTPBearer(
    auto_error=False, description="an API key, or a JWT of the platform's sign-in; `make dev` prints the admin's"
)


def services(request: Request) -> Services:
    """Return the app's services."""
    return cast(Services, request.app.state.services)


async def caller(
    request: Request,
    _: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    x_tenant_id: Annotated[
        str | None, Header(pattern=TENANT_PATTERN, description="tenant a platform key acts for")
    ] = None,
) -> Caller:
    """Return who asks, with the right that the route needs (`api/access.py`), for the tenant they name.

    From here on the request's transactions touch only what this caller sees.
    """
    known = request.scope.get(CALLER) or await services(request).authenticator.caller(secret_of(request.headers), None)
    address = request.client.host if request.client else None
    known = act_for(replace(known, address=address, request_id=request.scope.get(REQUEST_ID)))
    request.state.caller = known
    known.must(right_of(request))
    return act_for(known.acting_for(x_tenant_id))


def idempotency_key(
    idempotency_key: Annotated[str | None, Header(max_length=255, description="makes a repeated request safe")] = None,
) -> str | None:
    """Return the Idempotency-Key header, None when it is not given.

    Raises:
        InvalidInput: It is empty, or not printable ASCII.
    """
    if idempotency_key is not None and not (
        idempotency_key.strip() and idempotency_key.isascii() and idempotency_key.isprintable()
    ):
        msg = "the header Idempotency-Key must be printable ASCII and not empty"
        raise InvalidInput(msg, (("Idempotency-Key", msg),))
    return idempotency_key


Here = Annotated[Services, Depends(services)]
Who = Annotated[Caller, Depends(caller)]
Key = Annotated[str | None, Depends(idempotency_key)]


async def refusals_counted(here: Here, who: Who) -> AsyncIterator[None]:
    """Count a request that cannot even be read as a refused submission of its tenant; the core counts the others."""
    try:
        yield
    except RequestValidationError:
        if who.sees is not None:
            await here.admission.refused(who.sees)
        raise
