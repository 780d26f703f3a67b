"""Running a critical job in the request, because Temporal does not answer: under its id, once, and recorded."""

import asyncio
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from contracts.errors import Declined, Rejected
from contracts.history import JobChange, JobEvent, end_key
from contracts.inline import LONGEST_RUN
from contracts.jobs import Job, JobFailure, JobHeader, JobStatus
from contracts.ports import JobHistory
from readmodel.inline import InlineRecord
from temporal.inline import run_inline
from temporal.registry import JOB_TYPES

log = logging.getLogger("spaces.inline")

RUN = "inline"
"""Stands where a run id of Temporal's would."""


class InlineRunner:
    """Runs jobs whose type allows it. `steps`: for each such type the instance of its activities."""

    def __init__(self, record: InlineRecord, history: JobHistory, steps: Mapping[str, object]) -> None:
        self._record = record
        self._history = history
        self._steps = steps

    async def run(self, header: JobHeader, payload: Any) -> Job | None:
        """Run a job that is in the outbox; return it when it has ended, None when the relay is to start it after all.

        The outbox keeps the job until its end is recorded. Killed in between, the relay starts the workflow when the
        lease is over, and the steps find done what was done; killed after it, the workflow asks first and runs nothing.

        Raises:
            Unavailable: The database did not answer any more.
        """
        steps = self._steps.get(header.job_type)
        if steps is None or not await self._record.lease(header.id, datetime.now(UTC)):
            return None
        began = datetime.now(UTC)
        try:
            async with asyncio.timeout(LONGEST_RUN.total_seconds()):
                result = await run_inline(JOB_TYPES[header.job_type], steps, header, payload)
        except Rejected as error:
            code = error.code if isinstance(error, Declined) else None
            failure = JobFailure(type=type(error).__name__, message=str(error), retryable=False, code=code)
            return await self._ended(header, payload, began, JobStatus.FAILED, error=failure)
        except Exception as error:  # noqa: BLE001  whatever it is, the relay and a worker have the next attempt
            log.warning("job %s could not be run in its request (%s)", header.id, type(error).__name__)
            await self._record.give_back(header.id, datetime.now(UTC))
            return None
        return await self._ended(header, payload, began, JobStatus.COMPLETED, result=result)

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
