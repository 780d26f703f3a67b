"""Running a critical job in the request, because Temporal does not answer: under its id, once, and recorded.

What would hold the job's steps back in a worker holds them back here: a pause, and its turn under a limit.
"""

import asyncio
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from contracts.errors import Declined, Rejected, Unavailable
from contracts.history import JobChange, JobEvent, end_key
from contracts.inline import LONGEST_RUN
from contracts.jobs import Job, JobFailure, JobHeader, JobStatus
from contracts.ports import JobHistory, PauseBook
from contracts.values import ALL_TENANTS
from readmodel.inline import InlineRecord
from temporal.inline import run_inline
from temporal.registry import JOB_TYPES

log = logging.getLogger("spaces.inline")

RUN = "inline"
"""Stands where a run id of Temporal's would."""


class InlineRunner:
    """Runs jobs whose type allows it. `steps`: for each such type the instance of its activities."""

    def __init__(
        self, record: InlineRecord, history: JobHistory, pauses: PauseBook, steps: Mapping[str, object]
    ) -> None:
        self._record = record
        self._pauses = pauses
        self._history = history
        self._steps = steps

    async def hindrance(self, header: JobHeader) -> str | None:
        """Return why no step of the job may begin now, in words; None when it may.

        Raises:
            Unavailable: The database did not answer: nobody knows.
        """
        now = datetime.now(UTC)
        if header.slot_at and header.slot_at > now:
            return f"its turn comes at {header.to_wire()['slotAt']}"
        for tenant_id, whose in ((ALL_TENANTS, ""), (header.tenant_id, f" for tenant '{header.tenant_id}'")):
            if pause := await self._pauses.find(header.job_type, tenant_id, now):
                return f"{header.job_type} is paused{whose}: {pause.reason}"
        return None

    async def run(self, header: JobHeader, payload: Any) -> Job | None:
        """Run a job that is in the outbox; return it when it has ended, None when the relay is to start it after all.

        A pause that begins meanwhile lets the step that runs finish; the relay has the rest. The outbox keeps the job
        until its end is recorded. Killed in between, the relay starts the workflow when the lease is over, and the
        steps find done what was done; killed after it, the workflow asks first and runs nothing.

        Raises:
            Unavailable: The database did not answer any more.
        """
        steps = self._steps.get(header.job_type)
        if steps is None or not await self._record.lease(header.id, datetime.now(UTC)):
            return None
        began = datetime.now(UTC)
        try:
            async with asyncio.timeout(LONGEST_RUN.total_seconds()):
                result = await run_inline(JOB_TYPES[header.job_type], steps, header, payload, self._must_be_free)
        except Rejected as error:
            code = error.code if isinstance(error, Declined) else None
            failure = JobFailure(type=type(error).__name__, message=str(error), retryable=False, code=code)
            return await self._ended(header, payload, began, JobStatus.FAILED, error=failure)
        except Exception as error:  # noqa: BLE001  whatever it is, the relay and a worker have the next attempt
            log.warning("job %s could not be run in its request (%s)", header.id, type(error).__name__)
            await self._record.give_back(header.id, datetime.now(UTC))
            return None
        return await self._ended(header, payload, began, JobStatus.COMPLETED, result=result)

    async def _must_be_free(self, header: JobHeader) -> None:
        if why := await self.hindrance(header):
            raise Unavailable(why)

    async def _ended(self, header: JobHeader, payload: Any, began: datetime, status: JobStatus, **said: Any) -> Job:
        now = datetime.now(UTC)
        message = "run in the request, because Temporal did not answer"
        event = JobEvent(key=end_key(RUN, status), at=now, kind=status.value, message=message)
        change = JobChange(
            job_id=header.id,
            tenant_id=header.tenant_id,
            job_type=header.job_type,
            at=now,
            header=header,
            payload=payload,
            status=status,
            attempts=1,
            processed_at=began,
            completed_at=now,
            worker="api",
            events=(event,),
            **said,
        )
        await self._history.apply([change])
        await self._record.ended(header.id)
        return change.as_job(message)
