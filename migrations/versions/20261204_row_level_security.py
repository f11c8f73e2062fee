"""Row-level security on every table: on PostgreSQL a transaction reaches the rows of its own tenant and no others.

Revision: 20261204_row_level_security, after: 20261203_key_marks
"""

from migrations import row_security

revision = "20261204_row_level_security"
down_revision = "20261203_key_marks"
branch_labels = None
depends_on = None

TABLES = (
    "assessments",
    "attempts",
    "audit",
    "audit_heads",
    "backfill_chunks",
    "backfills",
    "canaries",
    "compared_rows",
    "consent_entries",
    "consent_readings",
    "enrolments",
    "entity_states",
    "erasures",
    "events",
    "intervention_pauses",
    "interventions",
    "key_marks",
    "lead_identities",
    "leads",
    "leases",
    "model_lineages",
    "model_versions",
    "outbound_counters",
    "outbound_deliveries",
    "outbound_events",
    "outbound_targets",
    "outbox",
    "pool_lineages",
    "predictions",
    "processed",
    "quarantine",
    "quarantine_tallies",
    "raw_events",
    "rejected_rows",
    "rescore_due",
    "risk_checks",
    "schedule_slots",
    "score_levels",
    "score_marks",
    "score_overrides",
    "snapshots",
    "tenant_settings",
    "tenants",
    "tombstones",
)
#: the pooled models, by which tenants that learnt none of their own are scored; and how long queues wait
SHARED = ("canaries", "model_versions")


def upgrade() -> None:
    for table in TABLES:
        row_security.lock(table)
    for table in SHARED:
        row_security.share(table)


def downgrade() -> None:
    for table in TABLES:
        row_security.unlock(table)
