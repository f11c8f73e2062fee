"""What the features of a snapshot were made of, for the later stages of the same assessment; purged soon.

Workers from before it leave the column empty and do not read it. Making the index reads the table once, which is short:
it holds no row yet.

Revision: 20261206_snapshot_profiles, after: 20261205_audit_insert
"""

import sqlalchemy as sa
from alembic import op

revision = "20261206_snapshot_profiles"
down_revision = "20261205_audit_insert"
branch_labels = None
depends_on = None

STORED = sa.text("profile IS NOT NULL")


def upgrade() -> None:
    op.add_column("snapshots", sa.Column("profile", sa.LargeBinary(), nullable=True))
    op.create_index("ix_snapshots_profile", "snapshots", ["as_of"], sqlite_where=STORED, postgresql_where=STORED)


def downgrade() -> None:
    op.drop_index("ix_snapshots_profile", "snapshots")
    op.drop_column("snapshots", "profile")
