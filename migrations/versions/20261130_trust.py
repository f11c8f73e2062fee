"""What people say of scores, thresholds crossed, the way back to a former champion, models of several tenants.

Revision: 20261130_trust, after: 20261128_reconcile
"""

import sqlalchemy as sa
from alembic import op

revision = "20261130_trust"
down_revision = "20261128_reconcile"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
STANDING = sa.text("withdrawn_at IS NULL")


def upgrade() -> None:
    op.add_column("model_versions", sa.Column("rolled_back_at", TIME, nullable=True))
    _overrides()
    _marks()
    op.create_table(
        "score_levels",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("lead_id", sa.String(), nullable=False),
        sa.Column("threshold", sa.String(), nullable=False),
        sa.Column("above", sa.Boolean(), nullable=False),
        sa.Column("entered_at", TIME, nullable=False),
        sa.Column("told_at", TIME, nullable=True),
        _of_lead("score_levels"),
        sa.PrimaryKeyConstraint("tenant_id", "lead_id", "threshold", name="pk_score_levels"),
    )
    op.create_table(
        "pool_lineages",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("model_id", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("leads", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["owner", "model_id"],
            ["model_versions.tenant_id", "model_versions.model_id"],
            name="fk_pool_lineages_model_versions",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "model_id", name="pk_pool_lineages"),
    )
    op.create_index("ix_pool_lineages_owner_model_id", "pool_lineages", ["owner", "model_id"])


def _overrides() -> None:
    op.create_table(
        "score_overrides",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("override_id", sa.String(), nullable=False),
        sa.Column("lead_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("band", sa.String(), nullable=False),
        sa.Column("probability", sa.Double(), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("set_at", TIME, nullable=False),
        sa.Column("withdrawn_at", TIME, nullable=True),
        sa.Column("withdrawn_by", sa.String(), nullable=True),
        _of_lead("score_overrides"),
        sa.PrimaryKeyConstraint("tenant_id", "override_id", name="pk_score_overrides"),
    )
    op.create_index("ix_score_overrides_tenant_id_lead_id", "score_overrides", ["tenant_id", "lead_id"])
    op.create_index(
        "uq_score_overrides_standing",
        "score_overrides",
        ["tenant_id", "kind", "lead_id"],
        unique=True,
        sqlite_where=STANDING,
        postgresql_where=STANDING,
    )


def _marks() -> None:
    op.create_table(
        "score_marks",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("mark_id", sa.String(), nullable=False),
        sa.Column("lead_id", sa.String(), nullable=False),
        sa.Column("prediction_id", sa.String(), nullable=False),
        sa.Column("model_version", sa.String(), nullable=False),
        sa.Column("verdict", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("marked_at", TIME, nullable=False),
        _of_lead("score_marks"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "prediction_id"],
            ["predictions.tenant_id", "predictions.prediction_id"],
            name="fk_score_marks_predictions",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "mark_id", name="pk_score_marks"),
        sa.UniqueConstraint("tenant_id", "prediction_id", "actor", name="uq_score_marks_tenant_id_prediction_id_actor"),
    )
    op.create_index("ix_score_marks_tenant_id_lead_id", "score_marks", ["tenant_id", "lead_id"])
    op.create_index("ix_score_marks_tenant_id_model_version", "score_marks", ["tenant_id", "model_version"])


def _of_lead(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant_id", "lead_id"],
        ["leads.tenant_id", "leads.lead_id"],
        name=f"fk_{table}_leads",
        ondelete="CASCADE",
    )


def downgrade() -> None:
    for table in ("pool_lineages", "score_levels", "score_marks", "score_overrides"):
        op.drop_table(table)
    op.drop_column("model_versions", "rolled_back_at")
