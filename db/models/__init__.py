"""All tables; importing this package fills `db.base.Base.metadata`."""

# mypy: implicit-reexport
# ruff: noqa: F401 - this module is where the names are imported from; each stands here once

from db.models.api_keys import ApiKey
from db.models.audit import AuditEntry, AuditHead
from db.models.backfills import Backfill, BackfillChunk, ComparedRow, RejectedEntry
from db.models.checkpoints import OnlineCheckpoint, OnlineHead, SignalScore
from db.models.consent import ConsentEntry, ConsentReading
from db.models.crm_sends import CrmMessage, CrmSend, CrmSender
from db.models.due_queues import RescoreDue, RiskCheck
from db.models.events import EntityState, Event, MessageAnalysis, RawEvent
from db.models.interventions import Enrolment, Intervention, InterventionPause, PlanRelease
from db.models.jobs import (
    DeliveryAttempt,
    IdempotencyKey,
    Lease,
    OutboxEntry,
    QuarantinedMessage,
    QuarantineTally,
    QueueProbe,
    ScheduleSlot,
)
from db.models.leads import Lead, LeadIdentity
from db.models.model_history import ModelChange
from db.models.models import ModelLineage, ModelVersion, PoolLineage
from db.models.monitoring import DriftFinding, MonitoringWindow
from db.models.online import OnlineSignal, SignalCounter
from db.models.outbound import CircuitBreaker, OutboundCounter, OutboundDelivery, OutboundEvent
from db.models.overrides import ScoreFeedback, ScoreOverride, ThresholdState
from db.models.predictions import Assessment, Prediction, ScoreDigest, Snapshot
from db.models.privacy import Correction, Erasure, KeyMark, Offboarding, Tombstone
from db.models.reply_clocks import ReplyClock
from db.models.retraining import Retraining, ShadowScore
from db.models.tenants import Tenant, TenantSettings
from db.models.tuning import TuningFold, TuningStudy, TuningTrial
