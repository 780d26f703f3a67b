"""The list of approvals bears repeats, belongs to its tenant, and does not hold what is to be approved."""

from datetime import timedelta

from sqlalchemy import select

from contracts.approvals import ApprovalAsk, ApprovalEnd, ApprovalStatus, Subject
from readmodel.approvals import Approvals
from readmodel.database import Database
from readmodel.history import HistoryWriter
from readmodel.tables import ApprovalRow
from tests.fakes import MemoryKeys
from tests.projections.samples import at, make_header, tell

SECRET = "xyzzyplanted"


def ask(job_id: str, number: int = 1) -> ApprovalAsk:
    return ApprovalAsk(
        job_id=job_id,
        tenant_id=job_id.split(":", maxsplit=1)[0],
        job_type="ai_generation",
        number=number,
        round=number,
        subject=Subject.RESULT,
        asked_at=at(number),
        expires_at=at(number) + timedelta(days=7),
        draft={"generatedText": SECRET},
    )


def end(job_id: str, number: int, status: ApprovalStatus) -> ApprovalEnd:
    tenant_id = job_id.split(":", maxsplit=1)[0]
    return ApprovalEnd(
        job_id=job_id, tenant_id=tenant_id, number=number, status=status, at=at(9), decided_by="key:1", notes=SECRET
    )


async def test_an_asking_is_written_once_decided_once_and_followed_by_the_next(
    database: Database, history: HistoryWriter, keys: MemoryKeys
) -> None:
    header, theirs = make_header("1", job_type="ai_generation"), make_header("1", "other", job_type="ai_generation")
    await history.apply([tell(each, 0, header=each) for each in (header, theirs)])
    approvals = Approvals(database)

    for job_id in (header.id, header.id, theirs.id):
        await approvals.ask(ask(job_id))
    await approvals.end(end(header.id, 1, ApprovalStatus.REVISION))
    await approvals.end(end(header.id, 1, ApprovalStatus.REJECTED))
    await approvals.ask(ask(header.id))  # late
    revised = await approvals.of(header.id)
    await approvals.ask(ask(header.id, 2))
    await approvals.end(end(header.id, 1, ApprovalStatus.REJECTED))  # of the round before
    second = await approvals.of(header.id)
    pending, _ = await approvals.list("acme", ApprovalStatus.PENDING, 10, None)
    first_page, cursor = await approvals.list(None, None, 1, None)
    second_page, _ = await approvals.list(None, None, 1, cursor)
    async with database.read() as connection:
        stored = (await connection.execute(select(ApprovalRow.draft, ApprovalRow.notes))).all()

    assert revised is not None
    assert (revised.status, revised.notes, revised.draft) == (
        ApprovalStatus.REVISION,
        SECRET,
        {"generatedText": SECRET},
    )
    assert second is not None
    assert (second.status, second.round, second.notes, second.decided_at) == (ApprovalStatus.PENDING, 2, None, None)
    assert [(each.job_id, each.draft) for each in pending] == [(header.id, None)]
    assert [each.job_id for each in (*first_page, *second_page)] == [header.id, theirs.id]
    assert SECRET not in str(stored)
