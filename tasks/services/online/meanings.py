"""Tell what an event says of the targets: that one came true, or that it no longer can."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from db.merging import draft_label
from db.records import EventDraft, EventRecord, LeadDraft, UpsertResult
from domain.targets import MEANINGS, Target
from ml.churn.activity import end_of, plain_kind
from ml.personalization.replies import is_reply
from tasks.intake.consent import REFUSES
from tasks.services.leads.profiles import to_interaction

Event = EventDraft | EventRecord


def answers(event: Event) -> dict[Target, bool]:
    """Return the targets that an event decides. A message that refuses contact is no reply.

    >>> from datetime import UTC
    >>> noon = datetime(2026, 5, 4, 12, tzinfo=UTC)
    >>> def answered(kind, direction=None):
    ...     return answers(EventDraft(
    ...         kind=kind, direction=direction, occurred_at=noon, recorded_at=noon, source_id="1"
    ...     ))
    >>> answered("sms", "inbound"), answered("sms", "outbound"), answered("appointment"), answered("outcome.lost")
    ({'reply': True}, {}, {'booking': True}, {'won': False})
    """
    interaction = to_interaction(event)
    kind = plain_kind(interaction)
    decided: dict[Target, bool] = {}
    for target, meaning in MEANINGS.items():
        if kind in meaning.happened:
            decided[target] = True
        elif kind in meaning.ruled_out:
            decided[target] = False
    if is_reply(interaction) and not event.facts.get(REFUSES):
        decided["reply"] = True
    return decided


def is_gone(event: Event) -> bool:
    """Return whether the lead was deleted or merged by it: what it would have done is not known."""
    end = end_of(to_interaction(event))
    return end is not None and end.outcome == "gone"


def news_of(
    drafts: Sequence[LeadDraft], results: Sequence[UpsertResult], now: datetime
) -> Iterator[tuple[str, EventDraft]]:
    """Yield lead and event of what is new of leads that were known before; a label that is new counts as an event.

    A lead that is new itself was never scored.
    """
    for draft, result in zip(drafts, results, strict=True):
        if result.lead_id is None or result.outcome == "created":
            continue
        if "events" in result.columns:
            yield from ((result.lead_id, event) for event in draft.events)
        label = draft_label(draft)
        if "label" in result.columns and label is not None:
            yield result.lead_id, _closing(label, min(draft.label_at or now, now))


def _closing(label: bool, at: datetime) -> EventDraft:
    kind = "outcome.won" if label else "outcome.lost"
    return EventDraft(kind=kind, occurred_at=at, recorded_at=at, source_id=kind)
