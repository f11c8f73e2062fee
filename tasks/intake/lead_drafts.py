"""Turn a lead of the contract into the draft that the store merges."""

from __future__ import annotations

from datetime import datetime

from db import merging
from db.records import LeadDraft
from tasks.contracts.leads import LeadIn
from tasks.intake.consent import with_marks

CONTACT_FIELDS = ("email", "phone", "first_name", "last_name", "full_name")
CONSENT_FIELDS = (
    "opt_in_email",
    "opt_in_sms",
    "opt_in_call",
    "dnd_all",
    "dnd_email",
    "dnd_sms",
    "dnd_call",
    "unsubscribed_at",
)
DRAFT_FIELDS = ("source_system", "external_id", "as_of", "label", "label_at", "custom")


def to_draft(lead: LeadIn, at: datetime) -> LeadDraft:
    """Return a draft with the lead's values sorted into contact, consent and fields; nothing is merged yet.

    `at` is when the lead was sent.
    """
    values = lead.model_dump(exclude_none=True, exclude=set(lead.model_extra or {}))
    sorted_out = {*CONTACT_FIELDS, *CONSENT_FIELDS, *DRAFT_FIELDS}
    draft = LeadDraft(
        source_system=lead.source_system,
        external_id=lead.external_id,
        contact={name: values[name] for name in CONTACT_FIELDS if name in values},
        consent={name: values[name] for name in CONSENT_FIELDS if name in values},
        fields={name: value for name, value in values.items() if name not in sorted_out},
        custom=values["custom"],
        as_of=lead.as_of,
        label=lead.label,
        label_at=lead.label_at,
    )
    return with_marks(draft, at=at)


def counted_as(draft: LeadDraft) -> tuple[str, ...]:
    """Return what a draft counts as among the labels of a file: won, lost, open; a label that does not close is two.

    >>> drafts = LeadDraft(label=False), LeadDraft(label=True, label_closes=False), LeadDraft()
    >>> [counted_as(draft) for draft in drafts]
    [('lost',), ('won', 'open'), ('open',)]
    """
    label = merging.draft_label(draft)
    names = () if label is None else ("won",) if label else ("lost",)
    return (*names, "open") if merging.draft_status(draft) == "open" else names
