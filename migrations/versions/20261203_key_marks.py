"""Marks of the keys that sealed this database, so that a ring that does not open it is noticed at the start.

Revision: 20261203_key_marks, after: 20261202_consent
"""

import sqlalchemy as sa
from alembic import op

revision = "20261203_key_marks"
down_revision = "20261202_consent"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "key_marks",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("key_id", sa.String(), nullable=False),
        sa.Column("mark", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "key_id", name="pk_key_marks"),
    )


def downgrade() -> None:
    op.drop_table("key_marks")
