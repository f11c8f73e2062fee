"""All tables; importing this package fills `db.base.Base.metadata`."""

from db.models.assessments import Assessment
from db.models.backfills import Backfill, BackfillChunk, RejectedEntry
from db.models.events import Event
from db.models.leads import Lead, LeadIdentity
from db.models.models import ModelVersion
from db.models.outbox import OutboxEntry
from db.models.predictions import Prediction
from db.models.processed import Processed
from db.models.snapshots import Snapshot
from db.models.tenants import Tenant, TenantSettings

__all__ = [
    "Assessment",
    "Backfill",
    "BackfillChunk",
    "Event",
    "Lead",
    "LeadIdentity",
    "ModelVersion",
    "OutboxEntry",
    "Prediction",
    "Processed",
    "RejectedEntry",
    "Snapshot",
    "Tenant",
    "TenantSettings",
]
