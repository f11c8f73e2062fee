"""Studies, trials and folds of a search for hyperparameters.

Workers from before it neither read nor write the tables.

Revision: 20261220_tuning, after: 20261219_shadow_scores
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations import row_security

revision = "20261220_tuning"
down_revision = "20261219_shadow_scores"
branch_labels = None
depends_on = None

STUDIES, TRIALS, FOLDS = "tuning_studies", "tuning_trials", "tuning_folds"
JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
TIME = sa.DateTime(timezone=True)
LIVE, PENDING = sa.text("state IN ('searching', 'training')"), sa.text("state = 'pending'")


def upgrade() -> None:
    _create_studies()
    _create_trials()
    _create_folds()
    for table in (STUDIES, TRIALS, FOLDS):
        row_security.lock(table)


def downgrade() -> None:
    for table in (FOLDS, TRIALS, STUDIES):
        row_security.unlock(table)
        op.drop_table(table)


def _create_studies() -> None:
    op.create_table(
        STUDIES,
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("study_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("seed", sa.Integer(), nullable=False),
        sa.Column("as_of", TIME, nullable=False),
        sa.Column("trials", sa.Integer(), nullable=False),
        sa.Column("folds", sa.Integer(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("budget", sa.Double(), nullable=False),
        sa.Column("promote", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("space", JSON, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("stop", sa.String(), nullable=True),
        sa.Column("best_trial", sa.Integer(), nullable=True),
        sa.Column("version", sa.String(), nullable=True),
        sa.Column("promoted", sa.Boolean(), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("deadline", TIME, nullable=False),
        sa.Column("end_enqueued_at", TIME, nullable=True),
        sa.Column("ended_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.tenant_id"], name="fk_tuning_studies_tenants"),
        sa.PrimaryKeyConstraint("tenant_id", "study_id", name="pk_tuning_studies"),
    )
    op.create_index(
        "uq_tuning_studies_live",
        STUDIES,
        ["tenant_id", "kind"],
        unique=True,
        sqlite_where=LIVE,
        postgresql_where=LIVE,
    )
    op.create_index("ix_tuning_studies_kind", STUDIES, ["tenant_id", "kind", "created_at"])
    op.create_index("ix_tuning_studies_deadline", STUDIES, ["deadline"], sqlite_where=LIVE, postgresql_where=LIVE)


def _create_trials() -> None:
    op.create_table(
        TRIALS,
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("study_id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("params", JSON, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("loss", sa.Double(), nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("ended_at", TIME, nullable=True),
        _owner(TRIALS, STUDIES, {"study_id": "study_id"}),
        sa.PrimaryKeyConstraint("tenant_id", "study_id", "number", name="pk_tuning_trials"),
    )


def _create_folds() -> None:
    op.create_table(
        FOLDS,
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("study_id", sa.String(), nullable=False),
        sa.Column("trial", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("fold", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("loss", sa.Double(), nullable=True),
        sa.Column("auc", sa.Double(), nullable=True),
        sa.Column("rows", sa.Integer(), nullable=True),
        sa.Column("seconds", sa.Double(), nullable=True),
        sa.Column("error", sa.String(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("holder", sa.String(), nullable=True),
        sa.Column("enqueued_at", TIME, nullable=True),
        sa.Column("leased_until", TIME, nullable=True),
        sa.Column("ended_at", TIME, nullable=True),
        _owner(FOLDS, TRIALS, {"study_id": "study_id", "trial": "number"}),
        sa.PrimaryKeyConstraint("tenant_id", "study_id", "trial", "fold", name="pk_tuning_folds"),
    )
    op.create_index("ix_tuning_folds_pending", FOLDS, ["enqueued_at"], sqlite_where=PENDING, postgresql_where=PENDING)


def _owner(table: str, owner: str, columns: dict[str, str]) -> sa.ForeignKeyConstraint:
    """Return the key of the study or trial that a row goes with."""
    keys = {"tenant_id": "tenant_id", **columns}
    return sa.ForeignKeyConstraint(
        list(keys), [f"{owner}.{name}" for name in keys.values()], name=f"fk_{table}_{owner}", ondelete="CASCADE"
    )
