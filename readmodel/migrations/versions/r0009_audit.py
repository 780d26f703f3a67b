"""Make the audit log, which the database itself lets nobody change."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

BEGINNING = "0" * 64


def upgrade() -> None:
    big = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "audit_log",
        sa.Column("id", big, autoincrement=False, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("actor_tenant_id", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("job_id", sa.Text()),
        sa.Column("entry", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_log"),
    )
    for columns in (["tenant_id", "id"], ["actor", "id"], ["action", "id"], ["job_id", "id"], ["created_at"]):
        op.create_index(f"ix_audit_log_{'_'.join(columns)}", "audit_log", columns)
    head = op.create_table(
        "audit_head",
        sa.Column("id", big, autoincrement=False, nullable=False),
        sa.Column("number", big, nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_head"),
    )
    op.bulk_insert(head, [{"id": 1, "number": 0, "hash": BEGINNING}])
    for statement in _TRIGGERS[op.get_bind().dialect.name]:
        op.execute(statement)


_TRIGGERS = {
    "sqlite": [
        f"CREATE TRIGGER audit_log_keeps_{what.lower()} BEFORE {what} ON audit_log "
        "BEGIN SELECT RAISE(ABORT, 'the audit log is only added to'); END"
        for what in ("UPDATE", "DELETE")
    ]
    + [
        "CREATE TRIGGER audit_log_moves_on AFTER INSERT ON audit_log "
        "BEGIN UPDATE audit_head SET number = NEW.id, hash = NEW.hash WHERE id = 1; END"
    ],
    "postgresql": [
        "CREATE FUNCTION audit_log_keeps() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the audit log is only added to'; END $$",
        "CREATE TRIGGER audit_log_keeps BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_log_keeps()",
        "CREATE FUNCTION audit_log_moves_on() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN UPDATE audit_head SET number = NEW.id, hash = NEW.hash WHERE id = 1; RETURN NULL; END $$",
        "CREATE TRIGGER audit_log_moves_on AFTER INSERT ON audit_log "
        "FOR EACH ROW EXECUTE FUNCTION audit_log_moves_on()",
    ],
}
