"""All tables; importing this package fills `db.base.Base.metadata`."""

from db.models.assessments import Assessment
from db.models.audit import AuditEntry, AuditHead
from db.models.backfills import Backfill, BackfillChunk, ComparedRow, RejectedEntry
from db.models.canaries import Canary
from db.models.consent import ConsentEntry, ConsentReading
from db.models.events import Event
from db.models.interventions import Enrolment, Intervention, InterventionPause, RiskCheck
from db.models.judgements import ScoreLevel, ScoreMark, ScoreOverride
from db.models.keys import KeyMark
from db.models.leads import Lead, LeadIdentity
from db.models.leases import Attempt, Lease, ScheduleSlot
from db.models.live import EntityState, RawEvent, RescoreDue
from db.models.models import ModelVersion
from db.models.outbound import OutboundCounter, OutboundDelivery, OutboundEvent, OutboundTarget
from db.models.outbox import OutboxEntry
from db.models.predictions import Prediction
from db.models.privacy import Erasure, ModelLineage, PoolLineage, Tombstone
from db.models.processed import Processed
from db.models.quarantine import Quarantined, QuarantineTally
from db.models.snapshots import Snapshot
from db.models.tenants import Tenant, TenantSettings

__all__ = [
    "Assessment",
    "Attempt",
    "AuditEntry",
    "AuditHead",
    "Backfill",
    "BackfillChunk",
    "Canary",
    "ComparedRow",
    "ConsentEntry",
    "ConsentReading",
    "Enrolment",
    "EntityState",
    "Erasure",
    "Event",
    "Intervention",
    "InterventionPause",
    "KeyMark",
    "Lead",
    "LeadIdentity",
    "Lease",
    "ModelLineage",
    "ModelVersion",
    "OutboundCounter",
    "OutboundDelivery",
    "OutboundEvent",
    "OutboundTarget",
    "OutboxEntry",
    "PoolLineage",
    "Prediction",
    "Processed",
    "QuarantineTally",
    "Quarantined",
    "RawEvent",
    "RejectedEntry",
    "RescoreDue",
    "RiskCheck",
    "ScheduleSlot",
    "ScoreLevel",
    "ScoreMark",
    "ScoreOverride",
    "Snapshot",
    "Tenant",
    "TenantSettings",
    "Tombstone",
]
