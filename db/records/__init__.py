"""The plain records that repositories take and give: frozen, without behaviour, free of SQLAlchemy.

`Draft` records are what a caller wants stored; `Record` records are what is stored. Times are aware and in UTC.
"""

from db.records.answers import (
    AssessmentRecord,
    ModelDraft,
    ModelRecord,
    PredictionDraft,
    PredictionRecord,
    SnapshotDraft,
    SnapshotRecord,
)
from db.records.common import Json, Policy
from db.records.imports import BackfillDraft, BackfillRecord, ChunkDraft, ChunkRecord, Compared, RejectedRow
from db.records.jobs import (
    CanaryRecord,
    ClaimDraft,
    Claimed,
    LeaseRecord,
    OutboxDraft,
    OutboxLag,
    OutboxRecord,
    ProcessedRecord,
    QuarantineCount,
    QuarantineDraft,
    QuarantineEntry,
    QuarantineRecord,
)
from db.records.leads import EventDraft, EventRecord, LeadDraft, LeadRecord, Outcome, TenantRecord, UpsertResult
from db.records.live import Entity, EntityRecord, RawEventDraft, RawEventRecord, Taken
from db.records.privacy import Erased, ErasureRecord, ImportPlace
from db.records.told import (
    AuditAnchor,
    AuditDraft,
    AuditFault,
    AuditReport,
    DeadLetter,
    OutboundDraft,
    OutboundRecord,
    TargetRecord,
)

__all__ = [
    "AssessmentRecord",
    "AuditAnchor",
    "AuditDraft",
    "AuditFault",
    "AuditReport",
    "BackfillDraft",
    "BackfillRecord",
    "CanaryRecord",
    "ChunkDraft",
    "ChunkRecord",
    "ClaimDraft",
    "Claimed",
    "Compared",
    "DeadLetter",
    "Entity",
    "EntityRecord",
    "Erased",
    "ErasureRecord",
    "EventDraft",
    "EventRecord",
    "ImportPlace",
    "Json",
    "LeadDraft",
    "LeadRecord",
    "LeaseRecord",
    "ModelDraft",
    "ModelRecord",
    "OutboundDraft",
    "OutboundRecord",
    "OutboxDraft",
    "OutboxLag",
    "OutboxRecord",
    "Outcome",
    "Policy",
    "PredictionDraft",
    "PredictionRecord",
    "ProcessedRecord",
    "QuarantineCount",
    "QuarantineDraft",
    "QuarantineEntry",
    "QuarantineRecord",
    "RawEventDraft",
    "RawEventRecord",
    "RejectedRow",
    "SnapshotDraft",
    "SnapshotRecord",
    "Taken",
    "TargetRecord",
    "TenantRecord",
    "UpsertResult",
]
