"""Stored facts that a person corrected; whole tenants that leave, with whom alone an audit chain may go.

Revision: 20261209_corrections, after: 20261208_score_digests
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations import row_security

revision = "20261209_corrections"
down_revision = "20261208_score_digests"
branch_labels = None
depends_on = None

JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
TIME = sa.DateTime(timezone=True)

REFUSAL = "rows of the audit chain are never changed or deleted"
LEAVING = "EXISTS (SELECT 1 FROM offboardings WHERE tenant_id = OLD.tenant_id AND state = 'deleting')"
SQLITE_REFUSAL = f"SELECT RAISE(ABORT, '{REFUSAL}')"
_FUNCTION = """
CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    {exception}
    RAISE EXCEPTION '{refusal}' USING ERRCODE = 'insufficient_privilege';
END
$$
"""
_EXCEPTION = f"""IF TG_OP = 'DELETE' THEN
        IF {LEAVING} THEN
            RETURN OLD;
        END IF;
    END IF;"""
# Workers have no right to delete from the table (docs/reliability.md), so its owner does it for them; the trigger and
# row-level security bind the owner as well. In batches, so that no statement runs for long.
_DELETE_CHAIN = """
CREATE FUNCTION audit_delete_chain(leaving text, most integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    deleted bigint;
BEGIN
    DELETE FROM audit WHERE tenant_id = leaving AND sequence IN (
        SELECT sequence FROM audit WHERE tenant_id = leaving ORDER BY sequence LIMIT most
    );
    GET DIAGNOSTICS deleted = ROW_COUNT;
    RETURN deleted;
END
$$
"""


def upgrade() -> None:
    _corrections()
    _offboardings()
    for table in ("corrections", "offboardings"):
        row_security.lock(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute(_FUNCTION.format(exception=_EXCEPTION, refusal=REFUSAL))
        op.execute(_DELETE_CHAIN)
    else:
        op.execute("DROP TRIGGER audit_no_delete")
        op.execute(
            f"CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit WHEN NOT {LEAVING} BEGIN {SQLITE_REFUSAL}; END"
        )


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION audit_delete_chain(text, integer)")
        op.execute(_FUNCTION.format(exception="", refusal=REFUSAL))
    else:
        op.execute("DROP TRIGGER audit_no_delete")
        op.execute(f"CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN {SQLITE_REFUSAL}; END")
    for table in ("offboardings", "corrections"):
        row_security.unlock(table)
        op.drop_table(table)


def _corrections() -> None:
    op.create_table(
        "corrections",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("correction_id", sa.String(), nullable=False),
        sa.Column("lead_id", sa.String(), nullable=False),
        sa.Column("field", sa.String(), nullable=False),
        sa.Column("change", sa.LargeBinary(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("corrected_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "lead_id"],
            ["leads.tenant_id", "leads.lead_id"],
            name="fk_corrections_leads",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "correction_id", name="pk_corrections"),
    )
    op.create_index("ix_corrections_tenant_id_lead_id", "corrections", ["tenant_id", "lead_id"])


def _offboardings() -> None:
    op.create_table(
        "offboardings",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("offboarding_id", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("before", JSON, nullable=False),
        sa.Column("statement", JSON, nullable=True),
        sa.Column("started_at", TIME, nullable=False),
        sa.Column("finished_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "offboarding_id", name="pk_offboardings"),
    )
