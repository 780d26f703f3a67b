"""The audit log: one chain, whoever writes at once; what was removed or altered is found."""

import asyncio
import logging
from collections.abc import Sequence

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from contracts.audit import AuditAction, Author, Deed
from contracts.errors import InvalidInput, Unavailable
from readmodel.alerts import AlertBook
from readmodel.audit import AuditFilter, AuditLog, record
from readmodel.database import Database
from readmodel.intake import Intake, Submission
from readmodel.keys import ApiKeys
from readmodel.limits import LimitsBook
from tests.projections.samples import NOON, accepted, at, make_header

ANNA = Author("key:anna", "operator", "acme", "192.0.2.7", "req-1")


def deed(subject: str = "photo_processing", tenant_id: str = "acme", **fields: object) -> Deed:
    """Return something that was done."""
    return Deed(**{"author": ANNA, "action": AuditAction.QUEUE_PAUSE, **fields}, subject=subject, tenant_id=tenant_id)  # type: ignore[arg-type]  # given by name


async def subjects(log: AuditLog, wanted: AuditFilter | None = None) -> list[str]:
    return [line.subject for line in (await log.list(wanted or AuditFilter(), 200))[0]]


async def without_guard(database: Database, *statements: str) -> None:
    """Do what only somebody can do who owns the database: drop the triggers, and alter."""
    async with database.write() as connection:
        if connection.dialect.name == "postgresql":
            await connection.execute(text("DROP TRIGGER audit_log_keeps ON audit_log"))
        else:
            await connection.execute(text("DROP TRIGGER audit_log_keeps_update"))
            await connection.execute(text("DROP TRIGGER audit_log_keeps_delete"))
        for statement in statements:
            await connection.execute(text(statement))


async def filled(database: Database, lines: int = 5) -> AuditLog:
    log = AuditLog(database, clock=lambda: NOON)
    for number in range(1, lines + 1):
        await log.add([deed(f"thing-{number}")])
    return log


async def test_a_line_says_who_what_when_from_where_and_what_changed(database: Database) -> None:
    log = AuditLog(database, clock=lambda: NOON)

    await log.add([deed(job_id="acme:p:1", before={"a": 1}, after={"a": "\0\ud800"}, result="refused")])

    ((line,), cursor) = await log.list(AuditFilter(), 9)
    said = line.to_wire()
    assert cursor is None
    assert len(said.pop("hash")) == 64
    assert said == {
        "id": 1,
        "at": "2026-11-22T12:00:00.000Z",
        "actor": "key:anna",
        "role": "operator",
        "actorTenantId": "acme",
        "action": "queue.pause",
        "subject": "photo_processing",
        "tenantId": "acme",
        "jobId": "acme:p:1",
        "address": "192.0.2.7",
        "requestId": "req-1",
        "result": "refused",
        "before": {"a": 1},
        "after": {"a": "\0\ufffd"},
    }


async def test_writers_at_once_make_one_chain_without_gaps(url: str, database: Database) -> None:
    others = [Database(url) for _ in range(2)]
    books = [AuditLog(each) for each in (database, *others)]

    async def write(book: AuditLog) -> None:
        for number in range(8):
            while not await written(book, number):
                pass

    async def written(book: AuditLog, number: int) -> bool:
        try:
            await book.add([deed(f"{number}a"), deed(f"{number}b")])
        except Unavailable:  # on a busy machine a turn may not come in time
            return False
        return True

    await asyncio.gather(*map(write, books))

    found = await books[0].verify()
    assert found.problem is None
    assert found.number >= 48
    for other in others:
        await other.close()


async def test_a_transaction_that_fails_leaves_no_line_and_no_gap(database: Database) -> None:
    log = await filled(database, 1)

    async def change_its_mind() -> None:
        async with database.write() as connection:
            await record(connection, [deed("never")])
            raise RuntimeError("changed my mind")

    with pytest.raises(RuntimeError, match="changed my mind"):
        await change_its_mind()
    await log.add([deed("after")])

    assert await subjects(log) == ["after", "thing-1"]
    assert (await log.verify()).problem is None


@pytest.mark.parametrize(
    "statement",
    ["UPDATE audit_log SET actor = 'key:bert'", "DELETE FROM audit_log", "DELETE FROM audit_log WHERE id = 2"],
)
async def test_the_database_itself_refuses_to_change_or_remove_a_line(database: Database, statement: str) -> None:
    log = await filled(database)

    with pytest.raises(DBAPIError, match="only added to"):
        async with database.write() as connection:
            await connection.execute(text(statement))

    assert (await log.verify()).problem is None


@pytest.mark.parametrize(
    ("statements", "problem"),
    [
        (["DELETE FROM audit_log WHERE id = 3"], "line 3 is missing"),
        (["DELETE FROM audit_log WHERE id = 1"], "line 1 is missing"),
        (["DELETE FROM audit_log WHERE id = 5"], "the log ends with line 4"),
        (["DELETE FROM audit_log"], "the log ends with line 0"),
        (["DELETE FROM audit_head"], "noted nothing as its end"),
        (
            ["UPDATE audit_log SET entry = replace(entry, 'anna', 'bert') WHERE id = 2"],
            "line 2 is not what was written",
        ),
        (["UPDATE audit_log SET hash = 'x' WHERE id = 4"], "line 4 is not what was written"),
        (["UPDATE audit_log SET tenant_id = 'other' WHERE id = 2"], "a column of line 2 was altered"),
        (["UPDATE audit_log SET actor = 'key:bert' WHERE id = 5"], "a column of line 5 was altered"),
        (["UPDATE audit_log SET job_id = 'acme:p:1' WHERE id = 1"], "a column of line 1 was altered"),
        (["UPDATE audit_log SET created_at = '2026-11-22 11:00:00' WHERE id = 1"], "a column of line 1 was altered"),
        (
            ["UPDATE audit_log SET id = 9 WHERE id = 3", "UPDATE audit_log SET id = 3 WHERE id = 4"],
            "line 3 is not what was written",
        ),
    ],
)
async def test_what_was_removed_or_altered_is_found(
    database: Database, statements: Sequence[str], problem: str
) -> None:
    log = await filled(database)
    await without_guard(database, *statements)

    found = await log.verify()

    assert found.problem is not None
    assert problem in found.problem


async def test_a_chain_written_anew_is_found_by_a_line_that_was_noted_elsewhere(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "spaces.audit"):
        log = await filled(database, 3)
    noted = [(entry.__dict__["audit"], entry.__dict__["hash"]) for entry in caplog.records]
    await without_guard(database, "DELETE FROM audit_log", f"UPDATE audit_head SET number = 0, hash = '{'0' * 64}'")  # noqa: S608  ours
    await log.add([deed("anna was never here") for _ in range(3)])

    assert [number for number, _ in noted] == [1, 2, 3]
    assert (await log.verify()).problem is None
    assert "written anew" in str((await log.verify(noted[1])).problem)
    assert "line 4 is missing" in str((await log.verify((4, noted[2][1]))).problem)


async def test_lines_are_found_by_tenant_actor_action_job_and_time_newest_first(database: Database) -> None:
    seconds = iter(range(9))
    log = AuditLog(database, clock=lambda: at(next(seconds)))
    for one in (
        deed("1"),
        deed("2", "other"),
        deed("3", author=Author("key:bert")),
        deed("4", action=AuditAction.JOB_CANCEL, job_id="acme:p:4"),
    ):
        await log.add([one])

    assert await subjects(log) == ["4", "3", "2", "1"]
    assert await subjects(log, AuditFilter(tenant_id="other")) == ["2"]
    assert await subjects(log, AuditFilter(actor="key:bert")) == ["3"]
    assert await subjects(log, AuditFilter(actor="key:bert", seen_by="acme")) == []
    assert await subjects(log, AuditFilter(actions=(AuditAction.JOB_CANCEL,))) == ["4"]
    assert await subjects(log, AuditFilter(job_id="acme:p:4")) == ["4"]
    assert await subjects(log, AuditFilter(after=at(1), before=at(3))) == ["3", "2"]
    first, cursor = await log.list(AuditFilter(), 3)
    second, end = await log.list(AuditFilter(), 3, cursor)
    assert [line.id for line in (*first, *second)] == [4, 3, 2, 1]
    assert end is None
    with pytest.raises(InvalidInput, match="cursor"):
        await log.list(AuditFilter(), 3, "nonsense")


async def test_jobs_that_come_together_share_a_line_which_each_of_them_is_found_by(database: Database) -> None:
    log, intake = AuditLog(database), Intake(database)
    headers = [make_header(str(number)) for number in range(100)]
    submissions = [Submission(header, {}, accepted(header), header.id, by=ANNA) for header in headers]

    await intake.accept_many(submissions)
    await intake.accept_many(submissions)

    ((line,), _) = await log.list(AuditFilter(before=None), 9)
    assert (line.action, line.actor, line.job_id, line.request_id) == ("job.submit", "key:anna", None, "req-1")
    assert line.after == {"jobs": {header.id: "req-1" for header in headers}}


async def test_jobs_of_two_callers_that_are_written_together_have_a_line_each(database: Database) -> None:
    log, intake = AuditLog(database), Intake(database)
    one, two = make_header("1"), make_header("2")
    bert = Author("key:bert", "submitter", "acme", None, "req-2")

    await asyncio.gather(
        intake.accept(one, {}, accepted(one), None, by=ANNA), intake.accept(two, {}, accepted(two), None, by=bert)
    )

    (lines, _) = await log.list(AuditFilter(), 9)
    assert {(line.actor, line.job_id, line.request_id) for line in lines} == {
        ("key:anna", one.id, "req-1"),
        ("key:bert", two.id, "req-2"),
    }


async def test_a_change_of_limits_says_what_they_were_before(database: Database) -> None:
    book = LimitsBook(database)

    await book.put("acme", book.defaults.model_copy(update={"weight": 3.0}), ANNA)

    ((line,), _) = await AuditLog(database).list(AuditFilter(), 9)
    assert (line.action, line.subject, line.before and line.before["weight"]) == ("limits.change", "acme", 1.0)
    assert line.after is not None
    assert line.after["weight"] == 3.0


async def test_a_key_that_is_made_and_revoked_leaves_two_lines_without_its_secret(database: Database) -> None:
    keys, log = ApiKeys(database), AuditLog(database)

    key, secret = await keys.create("acme", "viewer", "guest", by=ANNA)
    await keys.revoke(key.id, "other", ANNA)
    await keys.revoke(key.id, "acme", ANNA)

    (lines, _) = await log.list(AuditFilter(tenant_id="acme"), 9)
    assert [(line.action, line.subject) for line in lines] == [("key.revoke", key.id), ("key.create", key.id)]
    assert secret not in str(lines)


async def test_only_who_acknowledges_an_alert_first_leaves_a_line(database: Database) -> None:
    alerts, log = AlertBook(database), AuditLog(database)
    await alerts.raise_alert("k", "kind", "warning", "words", "acme")  # type: ignore[arg-type]  # as the database has it
    ((alert,), _) = await alerts.list(None, 9)

    for actor in ("key:1", "key:2"):
        await alerts.acknowledge(alert.id, None, Author(actor))

    assert [line.actor for line in (await log.list(AuditFilter(), 9))[0]] == ["key:1"]
