"""What a person said to a plan that waited, and which actions wait for that or went out by it.

Workers from before it leave the new columns empty and do not read them. Making the indexes reads the table once, which
is short: they hold no row yet.

Revision: 20261207_plan_releases, after: 20261206_snapshot_profiles
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations import row_security

revision = "20261207_plan_releases"
down_revision = "20261206_snapshot_profiles"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
AWAITING = sa.text("awaits IS NOT NULL")
RELEASED = sa.text("release_id IS NOT NULL")


def upgrade() -> None:
    op.create_table(
        "plan_releases",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("release_id", sa.String(), nullable=False),
        sa.Column("decision", sa.String(), nullable=False),
        sa.Column("decided_by", sa.String(), nullable=False),
        sa.Column("decided_at", TIME, nullable=False),
        sa.Column("scope", JSON, nullable=True),
        sa.Column("actions", sa.Integer(), nullable=False),
        sa.Column("leads", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "release_id", name="pk_plan_releases"),
    )
    row_security.lock("plan_releases")
    op.add_column("interventions", sa.Column("awaits", sa.String(), nullable=True))
    op.add_column("interventions", sa.Column("release_id", sa.String(), nullable=True))
    _index("ix_interventions_awaiting", "planned_at", AWAITING)
    _index("ix_interventions_released", "release_id", RELEASED)


def _index(name: str, column: str, where: sa.TextClause) -> None:
    op.create_index(name, "interventions", ["tenant_id", column], sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    op.drop_index("ix_interventions_released", "interventions")
    op.drop_index("ix_interventions_awaiting", "interventions")
    op.drop_column("interventions", "release_id")
    op.drop_column("interventions", "awaits")
    row_security.unlock("plan_releases")
    op.drop_table("plan_releases")
