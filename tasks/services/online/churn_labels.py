"""Label scored snapshots as churned or not, by the definition that the churn model is trained on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from db.records import LeadRecord, ScoredSnapshot, SignalDraft
from db.repositories.events import events
from db.repositories.leads import leads
from db.repositories.predictions import snapshots
from db.session import Session
from domain.targets import MEANINGS
from ml.churn.activity import ends
from ml.churn.labels import History, labels
from tasks.runtime.context import TaskContext
from tasks.services.models.churn_training_data import history_of
from tasks.services.online.signals import draft_of


def churn_labels(session: Session, context: TaskContext, scored: Sequence[ScoredSnapshot]) -> list[SignalDraft]:
    """Return the labels of snapshots whose 30 days have passed; those that the definition leaves open have none.

    Left open are leads that nobody contacted, that were deleted or merged, and that had ended before the snapshot.
    """
    thresholds = context.settings().get("silence_days") or {}
    by_lead: dict[str, list[ScoredSnapshot]] = defaultdict(list)
    for snapshot in scored:
        by_lead[snapshot.lead_id].append(snapshot)
    drafts: list[SignalDraft] = []
    for history in _histories(session, context, by_lead):
        for snapshot in by_lead[history.profile.lead_id]:
            found = labels([history], [snapshot.as_of], until=context.now, thresholds=thresholds)
            churned = found[0].churned if found else None
            if churned is not None:
                at = snapshot.as_of + MEANINGS["churned"].horizon
                drafts.append(draft_of("churned", snapshot, label=churned, origin="matured", at=at))
    return drafts


def _histories(session: Session, context: TaskContext, by_lead: dict[str, list[ScoredSnapshot]]) -> Iterator[History]:
    """Yield the histories of leads as known now; where each stood at its snapshots, those say."""
    lead_ids, tenant_id = sorted(by_lead), context.tenant_id
    happened = events.for_leads(session, tenant_id, lead_ids=lead_ids)
    named = [snapshot.snapshot_id for lead_id in lead_ids for snapshot in by_lead[lead_id]]
    taken = defaultdict(list)
    for snapshot in snapshots.get(session, tenant_id, snapshot_ids=named):
        taken[snapshot.lead_id].append(snapshot)
    for record in leads.get(session, tenant_id, lead_ids=lead_ids):
        history = history_of(record, happened[record.lead_id], taken[record.lead_id], context.now)
        if _is_told(record, history):
            yield history


def _is_told(record: LeadRecord, history: History) -> bool:
    """Return whether it is known how the lead ended: an archived one of which no event says when would seem silent."""
    return record.status != "archived" or bool(ends(history.profile))
