"""The ledger of consent: who agreed or refused, when, in which words; and how far stored leads were read again.

Revision: 20261202_consent, after: 20261201_interventions
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261202_consent"
down_revision = "20261201_interventions"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    op.add_column("leads", sa.Column("doubt_at", TIME, nullable=True))
    where = sa.text("doubt_at IS NOT NULL")
    op.create_index("ix_leads_doubt", "leads", ["tenant_id", "doubt_at"], sqlite_where=where, postgresql_where=where)
    op.create_table(
        "consent_entries",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("lead_id", sa.String(), nullable=False),
        sa.Column("entry_id", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("said_at", TIME, nullable=True),
        sa.Column("recorded_at", TIME, nullable=False),
        sa.Column("import_ref", sa.String(), nullable=True),
        sa.Column("said", JSON, nullable=False),
        sa.Column("quote", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "lead_id"],
            ["leads.tenant_id", "leads.lead_id"],
            name="fk_consent_entries_leads",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "lead_id", "entry_id", name="pk_consent_entries"),
    )
    op.create_table(
        "consent_readings",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("cursor", sa.String(), nullable=False),
        sa.Column("leads", sa.Integer(), nullable=False),
        sa.Column("refused", sa.Integer(), nullable=False),
        sa.Column("doubtful", sa.Integer(), nullable=False),
        sa.Column("started_at", TIME, nullable=False),
        sa.Column("finished_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.tenant_id"], name="fk_consent_readings_tenants"),
        sa.PrimaryKeyConstraint("tenant_id", "version", name="pk_consent_readings"),
    )


def downgrade() -> None:
    op.drop_table("consent_readings")
    op.drop_table("consent_entries")
    op.drop_index("ix_leads_doubt", "leads")
    op.drop_column("leads", "doubt_at")
