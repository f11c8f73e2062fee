"""Read what was seen of a model in a window: scores with their features, and labels in the order in which they came."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from db.records import LabelledScore, ScoredLead
from db.repositories.monitoring import scores
from db.repositories.online import heads
from db.repositories.predictions import snapshots
from db.session import Session
from domain.drift import JUDGED_BY, ONLINE
from ml.monitoring.check import Columns, Observed
from ml.monitoring.reference import Reference
from tasks.runtime.context import TaskContext
from tasks.services.models import model_registry
from tasks.services.models.model_kinds import MODEL_KINDS
from tasks.services.online import names

#: most leads of a window, the ones scored last, and most labels that a detector plays, the newest ones
MOST_LEADS, MOST_LABELS = 4_000, 50_000
#: a season comes again after whole weeks
YEAR = timedelta(weeks=52)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A model that is checked."""

    kind: str
    #: who answers now
    version: str
    #: the target whose labels judge it
    target: str
    #: an online learner, whose scores carry a version each
    online: bool
    #: since when it answers; None: it is written, or online
    begun_at: datetime | None
    #: None: it is written, online, or was trained before references were stored
    reference: Reference | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """From a moment up to another one, which is not in it."""

    since: datetime
    until: datetime

    def moved(self, by: timedelta) -> Window:
        """Return the window as much later."""
        return Window(since=self.since + by, until=self.until + by)


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """The labels of a model in the order in which they came."""

    #: that a detector may play
    played: Sequence[LabelledScore]
    #: place among them of the first within the window
    since: int


def subject_of(session: Session, context: TaskContext, kind: str) -> Subject | None:
    """Return the model that answers for a kind now; None where no online learner has learnt anything."""
    if kind.startswith(ONLINE):
        return _online(session, context.tenant_id, kind.removeprefix(ONLINE))
    champion = model_registry.champion(session, context.tenant_id, context.settings(), MODEL_KINDS[kind])
    record = model_registry.record_of(session, context.tenant_id, champion.version)
    stored = None if record is None else record.report.get("reference")
    return Subject(
        kind=kind,
        version=champion.version,
        target=JUDGED_BY[kind],
        online=False,
        begun_at=None if record is None else record.promoted_at or record.trained_at,
        reference=None if stored is None else Reference.from_json(stored),
    )


def _online(session: Session, tenant_id: str, target: str) -> Subject | None:
    head = heads.get(session, tenant_id, target=target)
    if head is None or not head.cursor:
        return None
    version = names.version_of(head.generation, head.cursor)
    kind = names.kind_of(target)
    return Subject(kind=kind, version=version, target=target, online=True, begun_at=None, reference=None)


def labels_of(session: Session, tenant_id: str, subject: Subject, window: Window) -> Labels:
    """Return the labels of what a model served, from where their order is fair.

    Positives come when something happens, negatives when the horizon has passed. Until the first horizon has passed,
    labels are of one kind, and errors would seem to change when the others begin to come: detectors begin there. Where
    no label came by its horizon, as of imported outcomes, all are played.
    """
    if subject.online:
        told = scores.learnt_labels(session, tenant_id, target=subject.target, limit=MOST_LABELS)
    else:
        told = scores.served_labels(
            session, tenant_id, target=subject.target, version=subject.version, limit=MOST_LABELS
        )
    told = [label for label in told if label.recorded_at < window.until]
    begin = next((place for place, label in enumerate(told) if label.origin == "matured"), 0)
    played = told[begin:]
    since = next((place for place, label in enumerate(played) if label.recorded_at >= window.since), len(played))
    return Labels(played=played, since=since)


def observed(session: Session, tenant_id: str, subject: Subject, window: Window, labels: Labels) -> Observed:
    """Return what was seen of a model in a window, without its first window and the year before."""
    leads = _scored(session, tenant_id, subject, window)
    return Observed(
        probabilities=[lead.probability for lead in leads],
        columns=_features(session, tenant_id, subject, leads),
        labels=[label.label for label in labels.played],
        served=[label.probability for label in labels.played],
        since=labels.since,
    )


def beginnings(
    session: Session, tenant_id: str, subject: Subject, window: Window
) -> tuple[Sequence[float], Columns, Columns]:
    """Return scores and features of the model's first window, and the features of the same weeks a year before."""
    earlier = window.moved(-YEAR)
    every = _scored(session, tenant_id, subject, earlier, any_version=True)
    year_ago = _features(session, tenant_id, subject, every)
    if subject.begun_at is None or subject.begun_at + (window.until - window.since) > window.since:
        return (), {}, year_ago
    first = Window(since=subject.begun_at, until=subject.begun_at + (window.until - window.since))
    leads = _scored(session, tenant_id, subject, first)
    return [lead.probability for lead in leads], _features(session, tenant_id, subject, leads), year_ago


def _scored(
    session: Session, tenant_id: str, subject: Subject, window: Window, *, any_version: bool = False
) -> list[ScoredLead]:
    version = None if subject.online or any_version else subject.version
    return scores.scored(
        session,
        tenant_id,
        kind=subject.kind,
        version=version,
        since=window.since,
        until=window.until,
        limit=MOST_LEADS,
    )


def _features(session: Session, tenant_id: str, subject: Subject, leads: Sequence[ScoredLead]) -> Columns:
    """Return the features behind scores that the reference knows, by name; nothing without reference or rows."""
    if subject.reference is None or not leads:
        return {}
    rows = snapshots.get(session, tenant_id, snapshot_ids=[lead.snapshot_id for lead in leads])
    return {name: [row.features.get(name) for row in rows] for name in subject.reference.features}
