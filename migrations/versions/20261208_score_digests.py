"""Score changes that are told to the CRM once instead of once a lead, and at which version an import left a lead.

Workers from before it leave the new column empty and do not read it: a lead that they import counts as one that came by
an event.

Revision: 20261208_score_digests, after: 20261207_plan_releases
"""

import sqlalchemy as sa
from alembic import op

from migrations import row_security

revision = "20261208_score_digests"
down_revision = "20261207_plan_releases"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "score_digests",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("digest_id", sa.String(), nullable=False),
        sa.Column("cause", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("band", sa.String(), nullable=False),
        sa.Column("leads", sa.Integer(), nullable=False),
        sa.Column("up", sa.Integer(), nullable=False),
        sa.Column("down", sa.Integer(), nullable=False),
        sa.Column("as_of", TIME, nullable=False),
        sa.Column("added_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "digest_id", name="pk_score_digests"),
    )
    row_security.lock("score_digests")
    op.add_column("leads", sa.Column("loaded_version", sa.Integer(), nullable=True))


def downgrade() -> None:
    op.drop_column("leads", "loaded_version")
    row_security.unlock("score_digests")
    op.drop_table("score_digests")
