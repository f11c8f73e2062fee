"""What is planned for leads at risk, who is held out of it, what is paused, when risks are looked at again.

Revision: 20261201_interventions, after: 20261130_trust
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261201_interventions"
down_revision = "20261130_trust"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
STANDING = "state IN ('approval', 'dispatched', 'planned')"


def upgrade() -> None:
    _interventions()
    _enrolments()
    _pauses()
    op.create_table(
        "risk_checks",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("lead_id", sa.String(), nullable=False),
        sa.Column("due_at", TIME, nullable=True),
        sa.Column("free_at", TIME, nullable=True),
        _of_lead("risk_checks"),
        sa.PrimaryKeyConstraint("tenant_id", "lead_id", name="pk_risk_checks"),
    )
    _partial("ix_risk_checks_due", "risk_checks", ["tenant_id", "due_at"], "due_at IS NOT NULL")


def _interventions() -> None:
    op.create_table(
        "interventions",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("action_id", sa.String(), nullable=False),
        sa.Column("lead_id", sa.String(), nullable=False),
        sa.Column("prediction_id", sa.String(), nullable=True),
        sa.Column("intervention", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("urgency", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("held_out", sa.Boolean(), nullable=False),
        sa.Column("propensity", sa.Double(), nullable=False),
        sa.Column("cost", sa.Double(), nullable=False),
        sa.Column("policy", sa.String(), nullable=False),
        sa.Column("reason_codes", JSON, nullable=False),
        sa.Column("evidence", sa.String(), nullable=False),
        sa.Column("requires_approval", sa.Boolean(), nullable=False),
        sa.Column("decision", JSON, nullable=False),
        sa.Column("detail", JSON, nullable=False),
        sa.Column("planned_at", TIME, nullable=False),
        sa.Column("not_before", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("dispatched_at", TIME, nullable=True),
        sa.Column("reported_at", TIME, nullable=True),
        sa.Column("reviewed_by", sa.String(), nullable=True),
        sa.Column("reviewed_at", TIME, nullable=True),
        sa.Column("withdrawn_at", TIME, nullable=True),
        sa.Column("withdrawn_reason", sa.String(), nullable=True),
        _of_lead("interventions"),
        sa.PrimaryKeyConstraint("tenant_id", "action_id", name="pk_interventions"),
    )
    op.create_index(
        "ix_interventions_tenant_id_lead_id_planned_at", "interventions", ["tenant_id", "lead_id", "planned_at"]
    )
    op.create_index("ix_interventions_tenant_id_planned_at", "interventions", ["tenant_id", "planned_at"])
    _partial("ix_interventions_standing", "interventions", ["tenant_id", "lead_id"], STANDING)
    _partial("ix_interventions_ending", "interventions", ["tenant_id", "expires_at"], STANDING)
    _partial("ix_interventions_due", "interventions", ["tenant_id", "not_before"], "state = 'planned'")
    _partial("ix_interventions_waiting", "interventions", ["tenant_id", "planned_at"], "state = 'approval'")


def _enrolments() -> None:
    op.create_table(
        "enrolments",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("experiment", sa.String(), nullable=False),
        sa.Column("lead_id", sa.String(), nullable=False),
        sa.Column("held_out", sa.Boolean(), nullable=False),
        sa.Column("propensity", sa.Double(), nullable=False),
        sa.Column("intervention", sa.String(), nullable=False),
        sa.Column("action_id", sa.String(), nullable=False),
        sa.Column("enrolled_at", TIME, nullable=False),
        sa.Column("due_at", TIME, nullable=False),
        sa.Column("outcome", sa.String(), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("settled_at", TIME, nullable=True),
        _of_lead("enrolments"),
        sa.PrimaryKeyConstraint("tenant_id", "experiment", "lead_id", name="pk_enrolments"),
    )
    op.create_index("ix_enrolments_tenant_id_lead_id", "enrolments", ["tenant_id", "lead_id"])
    _partial("ix_enrolments_due", "enrolments", ["tenant_id", "due_at"], "settled_at IS NULL")


def _pauses() -> None:
    op.create_table(
        "intervention_pauses",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("pause_id", sa.String(), nullable=False),
        sa.Column("intervention", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("evidence", JSON, nullable=False),
        sa.Column("paused_by", sa.String(), nullable=False),
        sa.Column("paused_at", TIME, nullable=False),
        sa.Column("lifted_at", TIME, nullable=True),
        sa.Column("lifted_by", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "pause_id", name="pk_intervention_pauses"),
    )
    standing = ("tenant_id", "intervention")
    _partial("uq_intervention_pauses_standing", "intervention_pauses", standing, "lifted_at IS NULL", unique=True)


def _partial(name: str, table: str, columns: list[str] | tuple[str, ...], where: str, *, unique: bool = False) -> None:
    condition = sa.text(where)
    op.create_index(name, table, list(columns), unique=unique, sqlite_where=condition, postgresql_where=condition)


def _of_lead(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant_id", "lead_id"],
        ["leads.tenant_id", "leads.lead_id"],
        name=f"fk_{table}_leads",
        ondelete="CASCADE",
    )


def downgrade() -> None:
    for table in ("risk_checks", "intervention_pauses", "enrolments", "interventions"):
        op.drop_table(table)
