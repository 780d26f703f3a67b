"""Row security: on PostgreSQL a transaction for one tenant runs as a role that other tenants' rows do not exist for.

It stands under the queries, which name the tenant themselves: a condition that is forgotten shows nothing of others.
Transactions for all tenants run as the owner of the tables, whom policies do not concern. SQLite has nothing like it.
"""

import hashlib
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, Row, Table, text
from sqlalchemy.exc import DBAPIError, ProgrammingError

from readmodel.tables import SCHEMA, Base

SETTING = "spaces_queue.tenant"
_TENANT = f"current_setting('{SETTING}', true)"
_OWN = f"tenant_id = {_TENANT}"
_OF_OWN_JOB = f"starts_with(job_id, {_TENANT} || ':')"  # a job's id begins with its tenant

OTHER_RULES = {
    "outbox": _OF_OWN_JOB,
    "job_tags": _OF_OWN_JOB,
    "job_dependencies": _OF_OWN_JOB,
    "removed_jobs": _OF_OWN_JOB,
    "payment_events": "EXISTS (SELECT FROM payments WHERE payments.key = payment_events.key)",
    "alert_notices": "EXISTS (SELECT FROM alerts WHERE alerts.id = alert_notices.alert_id)",
}
"""Whose a row is in tables that do not name the tenant. What is asked for in EXISTS is under its own policy."""
PLATFORM_READABLE = {"pauses": "tenant_id = '*'", "alerts": "tenant_id IS NULL", "error_marks": "tenant_id = '*'"}
"""Rows of the platform that tenants may read, and not write: what is in force for all."""
NO_TENANT = {
    "audit_head": "SELECT, UPDATE",
    "alert_rules": "SELECT",
    "day_durations": "SELECT, INSERT, UPDATE",  # sums over all tenants, counted up with each job's end
    "workers": "SELECT",
    "alert_standings": "",
    "host_turns": "",
    "payment_reports": "",
    "provider_events": "",
}
"""Tables without anything of one tenant, and what a tenant's transaction may do with them."""


_ROLE = f"left('{SCHEMA}_tenant_of_' || session_user, 63)"
ENTER = text(f"SELECT set_config('{SETTING}', :tenant, true), set_config('role', {_ROLE}, true)")
"""Begins the work of a tenant in a transaction, until its end. The role is of one user of the server, as a server may
have more than one installation."""


def rules(table: Table, role: str) -> dict[str, str]:
    """Return the policies of a table, as PostgreSQL's words for whom and which rows; the name tells a changed one.

    Raises:
        LookupError: Nobody has said whose its rows are.
    """
    if table.name in NO_TENANT:
        return {}
    own = OTHER_RULES.get(table.name, _OWN)
    if own is _OWN and "tenant_id" not in table.columns:
        msg = f"say in readmodel/row_security.py whose the rows of the table '{table.name}' are"
        raise LookupError(msg)
    found = [f"FOR ALL TO {role} USING ({own}) WITH CHECK ({own})"]
    if readable := PLATFORM_READABLE.get(table.name):
        found.append(f"FOR SELECT TO {role} USING ({readable})")
    return {f"rows_{hashlib.sha256(rule.encode()).hexdigest()[:12]}": rule for rule in found}


def secure(connection: Connection) -> None:
    """Make the role, its grants and the policies of every table as they should be; what is right is left alone.

    Safe to run twice, and run with every upgrade: a database that was restored on another server gets its role again.

    Raises:
        RuntimeError: The service's user may not make the role, and nobody else made it.
    """
    role = _ready_role(connection)
    for statement in _missing(connection, role):
        connection.execute(text(statement))


def _ready_role(connection: Connection) -> str:
    user, name = connection.execute(text(f"SELECT session_user, {_ROLE}")).one()
    role = connection.dialect.identifier_preparer.quote_identifier(name)
    if _usable(connection, role):
        return role
    try:
        with connection.begin_nested():
            if connection.scalar(text("SELECT to_regrole(:role)::text"), {"role": role}) is None:
                connection.execute(text(f"CREATE ROLE {role} NOLOGIN NOBYPASSRLS"))
            connection.execute(text(f"GRANT {role} TO CURRENT_USER"))
    except ProgrammingError as error:
        msg = (
            "the database's user may not make the role that keeps tenants apart; have an administrator run: "
            f'CREATE ROLE {role} NOLOGIN; GRANT {role} TO "{user}"'
        )
        raise RuntimeError(msg) from error
    return role


def _usable(connection: Connection, role: str) -> bool:
    try:
        with connection.begin_nested():
            connection.execute(text(f"SET LOCAL ROLE {role}"))
            connection.execute(text("RESET ROLE"))
    except DBAPIError:
        return False
    return True


_STATE = text(
    "SELECT c.relname AS name, c.relrowsecurity AS secured, "
    "ARRAY(SELECT may FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS may "
    "WHERE has_table_privilege(to_regrole(:role), c.oid, may)) AS granted, "
    "ARRAY(SELECT polname::text FROM pg_policy WHERE polrelid = c.oid) AS policies "
    "FROM pg_class c WHERE c.relnamespace = to_regnamespace(:schema) AND c.relkind = 'r'"
)


def _missing(connection: Connection, role: str) -> Iterator[str]:
    state = {row.name: row for row in connection.execute(_STATE, {"role": role, "schema": SCHEMA})}
    yield f"GRANT USAGE ON SCHEMA {SCHEMA} TO {role}"
    yield f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {SCHEMA} TO {role}"
    for table in Base.metadata.sorted_tables:
        yield from _missing_of(table, state[table.name], role)


def _missing_of(table: Table, state: Row[Any], role: str) -> Iterator[str]:
    may = NO_TENANT.get(table.name, "SELECT, INSERT, UPDATE, DELETE")
    if set(filter(None, may.split(", "))) != set(state.granted):
        yield f"REVOKE ALL ON {table.name} FROM {role}"
        if may:
            yield f"GRANT {may} ON {table.name} TO {role}"
    wanted = rules(table, role)
    yield from (f"DROP POLICY {name} ON {table.name}" for name in state.policies if name not in wanted)
    for name, rule in wanted.items():
        if name not in state.policies:
            yield f"CREATE POLICY {name} ON {table.name} {rule}"
    if wanted and not state.secured:
        yield f"ALTER TABLE {table.name} ENABLE ROW LEVEL SECURITY"
