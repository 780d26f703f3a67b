"""What jobs are told and tell is sealed in the tables, and comes back for its tenant and its row and nobody else."""

from pathlib import Path

import pytest
from sqlalchemy import make_url, select, text, update

from contracts.jobs import JobFailure, JobHeader, JobStatus
from contracts.ledger import ProviderEvent, effect_key
from contracts.payments import MoveInput, Operation, PaymentInput
from contracts.webhooks import ENDS
from readmodel.database import Database
from readmodel.filters import JobFilter
from readmodel.history import HistoryWriter
from readmodel.intake import Intake
from readmodel.jobs import Detail, JobQueries
from readmodel.payment_lines import LineFilter, PaymentLines
from readmodel.payments import PaymentBook, ProviderEventBook
from readmodel.sealing import Sealing
from readmodel.tables import Base, JobRow, OutboxRow
from readmodel.vault import MARK, Vault
from readmodel.webhooks import Webhook, Webhooks
from tests.fakes import MemoryKeys
from tests.projections.samples import NOON, accepted, at, make_header, tell

SECRET = "xyzzyplanted"
SAID = {"prompt": SECRET, "long": "it goes on and on " * 200}
FAILED = JobFailure(type="Declined", message=f"not {SECRET}", retryable=False, step="photos.read")
WEBHOOK = Webhook("wh_1", "acme", "https://a.example/", SECRET, "", (), tuple(ENDS), NOON, "key:1")
STEP = MoveInput(
    job_id="acme:payment_processing:1",
    tenant_id="acme",
    order=PaymentInput(
        operation=Operation.CHARGE, amount_minor=5, currency="EUR", order_id=SECRET, payment_method=f"pm_{SECRET}"
    ),
)
KEY = effect_key(STEP.job_id, STEP.order)[0]
TOLD = ProviderEvent(id="evt_1", provider="stripe", kind="charge.failed", body={"customer": SECRET})


async def live(database: Database) -> tuple[JobHeader, JobHeader]:
    """Let one job complete and another fail, all that they are told and tell with a secret in it."""
    done, failed = make_header("done"), make_header("failed")
    for header in (done, failed):
        await Intake(database).accept(header, SAID, accepted(header), None)
    step = tell(failed, 1, "step_failed").events[0].model_copy(update={"message": f"no {SECRET}"})
    await HistoryWriter(database).apply(
        [
            tell(done, 2, "completed", status=JobStatus.COMPLETED, result=SAID),
            tell(failed, 1, events=(step,)),
            tell(failed, 3, "failed", status=JobStatus.FAILED, error=FAILED),
        ]
    )
    await Webhooks(database).create(WEBHOOK, 9)
    await PaymentBook(database).intend(STEP, "stripe")
    await PaymentBook(database).sent(KEY, None)
    await PaymentBook(database).unknown(KEY, f"no answer for {SECRET}", answered=False)
    await ProviderEventBook(database).keep(TOLD, KEY)
    return done, failed


async def dump(database: Database, url: str) -> bytes:
    """Return all that the database keeps: of SQLite its files, of PostgreSQL every row of every table."""
    if url.startswith("sqlite"):
        path = Path(make_url(url).database or "")
        return b"".join(file.read_bytes() for file in path.parent.glob(f"{path.name}*"))
    rows: list[str] = []
    async with database.read() as connection:
        for table in Base.metadata.tables.values():
            rows += (await connection.scalars(text(f"SELECT t::text FROM {table.name} t"))).all()  # noqa: S608  ours
    return "\n".join(rows).encode()


async def test_the_database_does_not_hold_what_jobs_are_told_and_tell(database: Database, url: str) -> None:
    done, _ = await live(database)

    kept = await dump(database, url)
    assert done.id.encode() in kept
    assert SECRET.encode() not in kept


async def test_what_is_sealed_comes_back(database: Database) -> None:
    done, failed = await live(database)

    queries = JobQueries(database)
    job, other = await queries.get(done.id), await queries.get(failed.id)
    events, _ = await queries.events(failed.id, None, 9)
    assert job is not None
    assert other is not None
    assert (job.payload, job.result, other.error) == (SAID, SAID, FAILED)
    assert [f"no {SECRET}"] == [entry.event.message for entry in events if entry.event.kind == "step_failed"]
    assert [entry.payload for entry in await Intake(database).take_due(9, at(60))] == [SAID, SAID]
    assert (await Webhooks(database).create(WEBHOOK, 9)) == WEBHOOK
    payment = await PaymentBook(database).find(KEY)
    assert payment is not None
    assert (payment.order, payment.message) == (STEP.order, f"no answer for {SECRET}")
    [line], _ = await PaymentLines(database).list(LineFilter("acme"), 9)
    assert (line.order_id, line.message, line.events[-1].message) == (SECRET, payment.message, payment.message)


@pytest.mark.parametrize("other", [make_header("other"), make_header("done", "globex")])
async def test_a_sealed_payload_moved_to_another_row_is_not_opened(database: Database, other: JobHeader) -> None:
    done, _ = await live(database)
    await Intake(database).accept(other, {}, accepted(other), None)
    moved = select(JobRow.payload).where(JobRow.id == done.id).scalar_subquery()
    async with database.write() as connection:
        await connection.execute(update(JobRow).where(JobRow.id == other.id).values(payload=moved))

    job = await JobQueries(database).get(other.id)

    assert job is not None
    assert job.payload is None
    assert "altered, or belongs elsewhere" in str(job.notice)


async def test_a_list_opens_only_what_it_tells(database: Database, keys: MemoryKeys) -> None:
    await live(database)
    queries, opened = JobQueries(database), {}

    for detail in Detail:
        keys.found.clear()
        await queries.list(JobFilter("acme"), 9, detail=detail)
        opened[detail] = len(keys.found)

    assert opened == {Detail.NONE: 0, Detail.WORDS: 1, Detail.ALL: 4}


async def test_after_its_key_is_destroyed_a_job_is_known_and_what_it_was_told_is_not(
    database: Database, keys: MemoryKeys
) -> None:
    done, failed = await live(database)
    keys.destroyed.add("tk_acme")

    jobs, _ = await JobQueries(database).list(JobFilter("acme"), 9)
    due = await Intake(database).take_due(9, at(60))

    assert {job.id for job in jobs} == {done.id, failed.id}
    assert {job.payload for job in jobs} == {None}
    assert [job.error.message for job in jobs if job.error] == [None]
    assert due == []


async def test_rows_from_before_there_were_keys_are_read_and_sealed_by_a_command(
    database: Database, keys: MemoryKeys
) -> None:
    database.vault = Vault()
    done, failed = await live(database)
    database.vault = Vault(keys)
    queries = JobQueries(database)
    before = [await queries.get(job.id) for job in (done, failed)]
    payment = await PaymentBook(database).find(KEY)

    counts = [await Sealing(database).run() for _ in range(2)]

    assert [await queries.get(job.id) for job in (done, failed)] == before
    assert before[0] is not None
    assert before[0].payload == SAID
    assert (await PaymentBook(database).find(KEY)) == payment
    assert counts == [2 + 1 + 1 + 2 + 2 + 1 + 1 + 1 + 1, 0]
    async with database.read() as connection:
        for column in (JobRow.payload, JobRow.result, OutboxRow.payload):
            kept = (await connection.scalars(select(column).where(column.is_not(None)))).all()
            assert all(str(value).startswith(MARK) for value in kept)
