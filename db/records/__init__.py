"""The plain records that repositories take and return: frozen, without behaviour, free of SQLAlchemy.

`Draft` records are what a caller wants stored; `Record` records are what is stored. Times are aware and in UTC.
"""

# mypy: implicit-reexport
# ruff: noqa: F401 - this module is where the names are imported from; each stands here once

from db.records.api_keys import ApiKeyCredentials, ApiKeyDraft, ApiKeyRecord, IssuedApiKey
from db.records.audit import AuditAnchor, AuditDraft, AuditFault, AuditReport
from db.records.backfills import (
    BackfillDraft,
    BackfillFiles,
    BackfillRecord,
    ChunkDraft,
    ChunkRecord,
    ComparedLead,
    RejectedRow,
)
from db.records.checkpoints import CheckpointDraft, CheckpointRecord, HeadRecord, ServedScore, SignalScoreRecord
from db.records.consent import ConsentReadingRecord, ConsentRecord, ConsentStatement
from db.records.crm_sends import CrmSenderRecord, CrmSendRecord, SendState
from db.records.due_queues import ClaimedLeads
from db.records.events import (
    EntityKey,
    EntityRecord,
    EventDraft,
    EventRecord,
    MessageAnalysisDraft,
    MessageAnalysisRecord,
    RawEventDraft,
    RawEventRecord,
    UnreadMessage,
)
from db.records.interventions import (
    EnrolmentDraft,
    EnrolmentRecord,
    EnrolmentTally,
    InterventionDraft,
    InterventionRecord,
    PauseRecord,
    PlanReleaseRecord,
    PlanWait,
)
from db.records.jobs import (
    AcceptDraft,
    AcceptResult,
    ClaimDraft,
    ClaimResult,
    IdempotencyRecord,
    LeaseRecord,
    OutboxDraft,
    OutboxLag,
    OutboxRecord,
    QuarantineCount,
    QuarantineDraft,
    QuarantineEntry,
    QuarantineRecord,
    QueueProbeRecord,
)
from db.records.leads import LeadDraft, LeadRecord, LeadState, Outcome, ScoringView, UpsertResult
from db.records.model_history import ModelChangeDraft, ModelChangeRecord
from db.records.models import ModelDraft, ModelRecord
from db.records.monitoring import FindingRecord, LabelledScore, ScoredLead, WindowRecord
from db.records.online import (
    DueSnapshot,
    LabelDelay,
    MaturedSignal,
    MaturityCursor,
    ScoredSnapshot,
    SignalDraft,
    SignalRecord,
)
from db.records.outbound import CircuitBreakerRecord, DeadLetter, OutboundDraft, OutboundRecord
from db.records.overrides import (
    FeedbackDraft,
    FeedbackRecord,
    FeedbackTally,
    OverrideDraft,
    OverrideRecord,
    ThresholdCrossing,
)
from db.records.predictions import (
    AssessmentRecord,
    ContactTally,
    PredictionDraft,
    PredictionRecord,
    PriorScore,
    RealisedRecord,
    ReviewerTally,
    ScoreTally,
    SnapshotDraft,
    SnapshotRecord,
)
from db.records.privacy import CorrectionRecord, ErasureRecord, ErasureResult, FoundPerson, OffboardingRecord, Removal
from db.records.reply_clocks import LeadPlace, ReplyClockRecord
from db.records.retraining import (
    ChallengerRecord,
    JudgedPair,
    RetrainingRecord,
    ServedSnapshot,
    ShadowRecord,
    ShadowScoreRecord,
)
from db.records.tenants import TenantRecord
from db.records.tuning import FoldKey, FoldRecord, StudyDraft, StudyRecord, TrialRecord
