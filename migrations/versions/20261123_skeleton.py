"""The walking skeleton: tenants, leads and what becomes of them, imports, keys, outbox.

Revision: 20261123_skeleton, after: nothing
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261123_skeleton"
down_revision = None
branch_labels = None
depends_on = None

JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    for create in TABLES.values():
        create()


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)


def _tenants() -> None:
    op.create_table(
        "tenants",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", name="pk_tenants"),
    )


def _outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("outbox_id", sa.String(), nullable=False),
        sa.Column("task", sa.String(), nullable=False),
        sa.Column("queue", sa.String(), nullable=False),
        sa.Column("kwargs", JSON, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("published_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "outbox_id", name="pk_outbox"),
    )
    op.create_index(
        "ix_outbox_pending",
        "outbox",
        ["created_at", "outbox_id"],
        sqlite_where=sa.text("published_at IS NULL"),
        postgresql_where=sa.text("published_at IS NULL"),
    )


def _processed() -> None:
    op.create_table(
        "processed",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("task", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("args_hash", sa.String(), nullable=False),
        sa.Column("task_id", sa.String(), nullable=False),
        sa.Column("result", JSON, nullable=True),
        sa.Column("done", sa.Boolean(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("finished_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "task", "key", name="pk_processed"),
    )
    op.create_index("ix_processed_tenant_id_task_id", "processed", ["tenant_id", "task_id"])


def _assessments() -> None:
    op.create_table(
        "assessments",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("assessment_id", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("lead_ids", JSON, nullable=False),
        sa.Column("snapshot_ids", JSON, nullable=False),
        sa.Column("as_of", TIME, nullable=False),
        sa.Column("due_at", TIME, nullable=False),
        sa.Column("stages", JSON, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("landed_at", TIME, nullable=True),
        sa.Column("finished_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.tenant_id"], name="fk_assessments_tenants"),
        sa.PrimaryKeyConstraint("tenant_id", "assessment_id", name="pk_assessments"),
    )
    op.create_index(
        "ix_assessments_due",
        "assessments",
        ["due_at"],
        sqlite_where=sa.text("state = 'running'"),
        postgresql_where=sa.text("state = 'running'"),
    )


def _backfills() -> None:
    op.create_table(
        "backfills",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("backfill_id", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("file_name", sa.String(), nullable=False),
        sa.Column("spool", sa.String(), nullable=False),
        sa.Column("mode", sa.String(), nullable=False),
        sa.Column("policy", sa.String(), nullable=False),
        sa.Column("profile", sa.String(), nullable=False),
        sa.Column("source", JSON, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("chunks", sa.Integer(), nullable=False),
        sa.Column("remaining", sa.Integer(), nullable=False),
        sa.Column("error", sa.String(), nullable=True),
        sa.Column("error_file", sa.String(), nullable=True),
        sa.Column("summary", JSON, nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("finished_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.tenant_id"], name="fk_backfills_tenants"),
        sa.PrimaryKeyConstraint("tenant_id", "backfill_id", name="pk_backfills"),
    )
    op.create_index(
        "uq_backfills_live_key",
        "backfills",
        ["tenant_id", "key"],
        unique=True,
        sqlite_where=sa.text("state IN ('running', 'finished')"),
        postgresql_where=sa.text("state IN ('running', 'finished')"),
    )


def _leads() -> None:
    op.create_table(
        "leads",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("lead_id", sa.String(), nullable=False),
        sa.Column("source_system", sa.String(), nullable=False),
        sa.Column("external_id", sa.String(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("lead_type", sa.String(), nullable=True),
        sa.Column("stage", sa.String(), nullable=True),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("assigned_to", sa.String(), nullable=True),
        sa.Column("contactable", sa.Boolean(), nullable=False),
        sa.Column("created_at", TIME, nullable=True),
        sa.Column("observed_at", TIME, nullable=False),
        sa.Column("label", sa.Boolean(), nullable=True),
        sa.Column("label_at", TIME, nullable=True),
        sa.Column("fields", JSON, nullable=False),
        sa.Column("consent", JSON, nullable=False),
        sa.Column("data_key", sa.LargeBinary(), nullable=False),
        sa.Column("contact", sa.LargeBinary(), nullable=False),
        sa.Column("custom", sa.LargeBinary(), nullable=False),
        sa.Column("email_hash", sa.LargeBinary(), nullable=True),
        sa.Column("phone_hash", sa.LargeBinary(), nullable=True),
        sa.Column("import_ref", sa.String(), nullable=True),
        sa.Column("stored_at", TIME, nullable=False),
        sa.Column("changed_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.tenant_id"], name="fk_leads_tenants"),
        sa.PrimaryKeyConstraint("tenant_id", "lead_id", name="pk_leads"),
    )
    op.create_index("ix_leads_tenant_id_email_hash", "leads", ["tenant_id", "email_hash"])
    op.create_index("ix_leads_tenant_id_phone_hash", "leads", ["tenant_id", "phone_hash"])
    op.create_index("ix_leads_tenant_id_status_lead_id", "leads", ["tenant_id", "status", "lead_id"])


def _model_versions() -> None:
    op.create_table(
        "model_versions",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("model_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("artifact", sa.LargeBinary(), nullable=False),
        sa.Column("feature_schema", sa.String(), nullable=False),
        sa.Column("metrics", JSON, nullable=False),
        sa.Column("report", JSON, nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("trained_at", TIME, nullable=False),
        sa.Column("promoted_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.tenant_id"], name="fk_model_versions_tenants"),
        sa.PrimaryKeyConstraint("tenant_id", "model_id", name="pk_model_versions"),
        sa.UniqueConstraint("tenant_id", "kind", "number", name="uq_model_versions_tenant_id_kind_number"),
        sa.UniqueConstraint(
            "tenant_id", "kind", "scope", "fingerprint", name="uq_model_versions_tenant_id_kind_scope_fingerprint"
        ),
    )
    op.create_index(
        "uq_model_versions_champion",
        "model_versions",
        ["tenant_id", "kind"],
        unique=True,
        sqlite_where=sa.text("state = 'champion'"),
        postgresql_where=sa.text("state = 'champion'"),
    )


def _tenant_settings() -> None:
    op.create_table(
        "tenant_settings",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("settings", JSON, nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.tenant_id"], name="fk_tenant_settings_tenants"),
        sa.PrimaryKeyConstraint("tenant_id", "version", name="pk_tenant_settings"),
    )


def _backfill_chunks() -> None:
    op.create_table(
        "backfill_chunks",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("backfill_id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column("first_record", sa.Integer(), nullable=False),
        sa.Column("first_line", sa.Integer(), nullable=False),
        sa.Column("records", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("counts", JSON, nullable=False),
        sa.Column("error", sa.String(), nullable=True),
        sa.Column("finished_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "backfill_id"],
            ["backfills.tenant_id", "backfills.backfill_id"],
            name="fk_backfill_chunks_backfills",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "backfill_id", "number", name="pk_backfill_chunks"),
    )


def _events() -> None:
    op.create_table(
        "events",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("lead_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("occurred_at", TIME, nullable=False),
        sa.Column("recorded_at", TIME, nullable=False),
        sa.Column("direction", sa.String(), nullable=True),
        sa.Column("channel", sa.String(), nullable=True),
        sa.Column("facts", JSON, nullable=False),
        sa.Column("text", sa.LargeBinary(), nullable=True),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("source_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "lead_id"], ["leads.tenant_id", "leads.lead_id"], name="fk_events_leads", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("tenant_id", "event_id", name="pk_events"),
        sa.UniqueConstraint(
            "tenant_id", "lead_id", "source", "source_id", name="uq_events_tenant_id_lead_id_source_source_id"
        ),
    )
    op.create_index("ix_events_tenant_id_lead_id_occurred_at", "events", ["tenant_id", "lead_id", "occurred_at"])


def _lead_identities() -> None:
    op.create_table(
        "lead_identities",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("source_system", sa.String(), nullable=False),
        sa.Column("external_id", sa.String(), nullable=False),
        sa.Column("lead_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "lead_id"],
            ["leads.tenant_id", "leads.lead_id"],
            name="fk_lead_identities_leads",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "source_system", "external_id", name="pk_lead_identities"),
    )
    op.create_index("ix_lead_identities_tenant_id_external_id", "lead_identities", ["tenant_id", "external_id"])
    op.create_index("ix_lead_identities_tenant_id_lead_id", "lead_identities", ["tenant_id", "lead_id"])


def _snapshots() -> None:
    op.create_table(
        "snapshots",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("snapshot_id", sa.String(), nullable=False),
        sa.Column("lead_id", sa.String(), nullable=False),
        sa.Column("lead_version", sa.Integer(), nullable=False),
        sa.Column("as_of", TIME, nullable=False),
        sa.Column("bucket", TIME, nullable=False),
        sa.Column("feature_schema", sa.String(), nullable=False),
        sa.Column("features", sa.LargeBinary(), nullable=False),
        sa.Column("label", sa.Boolean(), nullable=True),
        sa.Column("label_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "lead_id"],
            ["leads.tenant_id", "leads.lead_id"],
            name="fk_snapshots_leads",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "snapshot_id", name="pk_snapshots"),
        sa.UniqueConstraint(
            "tenant_id",
            "lead_id",
            "lead_version",
            "bucket",
            "feature_schema",
            name="uq_snapshots_moment",
        ),
    )


def _predictions() -> None:
    op.create_table(
        "predictions",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("prediction_id", sa.String(), nullable=False),
        sa.Column("lead_id", sa.String(), nullable=False),
        sa.Column("snapshot_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("model_id", sa.String(), nullable=True),
        sa.Column("model_version", sa.String(), nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("probability", sa.Double(), nullable=True),
        sa.Column("band", sa.String(), nullable=True),
        sa.Column("detail", JSON, nullable=False),
        sa.Column("as_of", TIME, nullable=False),
        sa.Column("computed_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "lead_id"],
            ["leads.tenant_id", "leads.lead_id"],
            name="fk_predictions_leads",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "model_id"],
            ["model_versions.tenant_id", "model_versions.model_id"],
            name="fk_predictions_model_versions",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "snapshot_id"],
            ["snapshots.tenant_id", "snapshots.snapshot_id"],
            name="fk_predictions_snapshots",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "prediction_id", name="pk_predictions"),
        sa.UniqueConstraint(
            "tenant_id",
            "snapshot_id",
            "kind",
            "model_version",
            name="uq_predictions_tenant_id_snapshot_id_kind_model_version",
        ),
    )
    op.create_index(
        "ix_predictions_tenant_id_kind_lead_id_as_of", "predictions", ["tenant_id", "kind", "lead_id", "as_of"]
    )
    op.create_index("ix_predictions_tenant_id_lead_id", "predictions", ["tenant_id", "lead_id"])


def _rejected_rows() -> None:
    op.create_table(
        "rejected_rows",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("backfill_id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("record", sa.Integer(), nullable=False),
        sa.Column("severity", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("column", sa.String(), nullable=True),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("cells", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "backfill_id", "number"],
            ["backfill_chunks.tenant_id", "backfill_chunks.backfill_id", "backfill_chunks.number"],
            name="fk_rejected_rows_backfill_chunks",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "backfill_id", "number", "position", name="pk_rejected_rows"),
    )
    op.create_index(
        "ix_rejected_rows_tenant_id_backfill_id_record", "rejected_rows", ["tenant_id", "backfill_id", "record"]
    )


TABLES = {
    "tenants": _tenants,
    "outbox": _outbox,
    "processed": _processed,
    "assessments": _assessments,
    "backfills": _backfills,
    "leads": _leads,
    "model_versions": _model_versions,
    "tenant_settings": _tenant_settings,
    "backfill_chunks": _backfill_chunks,
    "events": _events,
    "lead_identities": _lead_identities,
    "snapshots": _snapshots,
    "predictions": _predictions,
    "rejected_rows": _rejected_rows,
}
