"""Merge a draft of a lead into what is stored: pure rules, no database.

Under every policy a blank never erases, a stage never moves back, and negative consent wins.

A label closes a lead unless its source says otherwise: by a status of its own, which wins over a label that came with
it or before it, or by a draft whose label is for learning alone (`LeadDraft.label_closes`). The source's own word stays
in the field `opportunity_status`, and the lead's status is what follows from both.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar

from db import consent as consents
from db.base import utc
from db.records import LeadDraft
from domain.documents import JsonMapping, JsonObject
from domain.leads import LIFECYCLE, MergePolicy

STAGE_KEPT = "stage.regression_ignored"
CONSENT_KEPT = "consent.conflict"

#: a lead only moves forward; a stage beside the lifecycle, such as `nurture`, is entered and left at any time
_RANK = {stage: rank for rank, stage in enumerate(LIFECYCLE)}
_LABEL_OF_STATUS = {"won": True, "lost": False, "abandoned": False}
_STATUS_OF_LABEL = {True: "won", False: "lost"}
_OWN_STATUS = "opportunity_status"


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadContent:
    """A lead's stored profile, merged from all its sources."""

    contact: dict[str, str] = field(default_factory=dict)
    fields: JsonObject = field(default_factory=dict)
    custom: dict[str, float | str] = field(default_factory=dict)
    consent: JsonObject = field(default_factory=dict)
    #: open, won, lost or abandoned
    status: str = "open"
    label: bool | None = None
    label_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeResult:
    """The merged content and the warnings of one merge."""

    content: LeadContent
    #: codes of warnings, in any order
    codes: tuple[str, ...]


def merge(current: LeadContent | None, draft: LeadDraft, policy: MergePolicy) -> MergeResult:
    """Merge a draft into the stored content (None: a new lead).

    Under `fill_blanks` stored values stay, except that an open lead may be closed; under `overwrite` the draft's
    values win; under `skip_existing` a stored lead takes over nothing but negative consent.

    Raises:
        NaiveTime: a time without zone.

    """
    stored = current or LeadContent()
    cleaned = dict if draft.clean else _without_blanks
    new_consent = cleaned(consents.draft_view(draft) if draft.statements else draft.consent)
    if current is not None and policy == "skip_existing":
        refusals = {name: value for name, value in new_consent.items() if consents.refuses(name, value)}
        return MergeResult(content=replace(stored, consent=consents.merge(stored.consent, refusals)[0]), codes=())
    consent, contradicted = consents.merge(stored.consent, new_consent)
    codes = (CONSENT_KEPT,) if contradicted else ()
    keep = _KEEPS[policy]
    fields, regressed = _merge_fields(stored.fields, cleaned(draft.fields), keep)
    label, label_at = _merge_label(stored, draft, policy)
    if draft.label is not None and not draft.label_closes:
        fields = {_OWN_STATUS: "open", **fields}
    content = LeadContent(
        contact=_merge_values(
            stored.contact, cleaned(draft.contact), _keep_stored if policy != "overwrite" else _keep_none
        ),
        fields=fields,
        custom=_merge_values(stored.custom, cleaned(draft.custom), keep),
        consent=consent,
        status=_status(stored, draft, fields, label),
        label=label,
        label_at=label_at,
    )
    return MergeResult(content=content, codes=(*codes, STAGE_KEPT) if regressed else codes)


def changed_columns(before: LeadContent, after: LeadContent) -> tuple[str, ...]:
    """Return the names of the columns that a merge changed, never values; a tenant's own begin with `custom.`."""
    parts = (
        ("", before.contact, after.contact),
        ("", before.fields, after.fields),
        ("", before.consent, after.consent),
        ("custom.", before.custom, after.custom),
    )
    # A merge erases nothing: whatever differs exists afterwards.
    names = {
        f"{prefix}{name}" for prefix, was, now in parts for name in now if name not in was or was[name] != now[name]
    }
    labels = {name for name in ("label", "label_at") if getattr(before, name) != getattr(after, name)}
    return tuple(sorted(names | labels))


def effective_status(status: str, label: bool | None, own_status: object) -> str:
    """Return the status of a stored lead: one that is labelled is closed, unless its source itself calls it open.

    `own_status` is the field `opportunity_status`. Rows that were stored before labels closed leads say `open`.

    >>> [effective_status(*row) for row in (("open", False, None), ("open", False, "open"), ("won", True, None))]
    ['lost', 'open', 'won']
    """
    if status != "open" or label is None or own_status == "open":
        return status
    return _STATUS_OF_LABEL[label]


def draft_label(draft: LeadDraft) -> bool | None:
    """Return the label of a draft: its own, else what its status says."""
    return draft.label if draft.label is not None else _LABEL_OF_STATUS.get(str(draft.fields.get(_OWN_STATUS)))


def draft_status(draft: LeadDraft) -> str:
    """Return the status that a new lead of this draft would have."""
    own = draft.fields.get(_OWN_STATUS)
    return str(own) if own else effective_status("open", draft.label if draft.label_closes else None, None)


def moves_back(stored: str | None, new: str | None) -> bool:
    """Return whether the stage `new` comes before `stored` in the lifecycle; stages outside it never do."""
    return stored in _RANK and new in _RANK and _RANK[new] < _RANK[stored]


def _keep_stored(_name: str, _stored: object) -> bool:
    return True


def _keep_none(_name: str, _stored: object) -> bool:
    return False


def _keep_unless_open(name: str, stored: object) -> bool:
    # An opportunity that is still open counts as a blank: its end is not known yet.
    return not (name == "opportunity_status" and stored == "open")


_Value = TypeVar("_Value")
_Keep = Callable[[str, object], bool]
_KEEPS: dict[MergePolicy, _Keep] = {
    "fill_blanks": _keep_unless_open,
    "overwrite": _keep_none,
    "skip_existing": _keep_stored,
}


def _without_blanks(values: JsonMapping) -> JsonObject:
    return {name: clean for name, value in values.items() if (clean := _clean(value)) is not None}


def _clean(value: object) -> object:
    """Return a value in the form that is stored; None for a blank."""
    if isinstance(value, str):
        return None if not value or value.isspace() else value if value.isprintable() else _text(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, datetime):
        return utc(value)
    if isinstance(value, list | tuple):
        return [item for item in map(_clean, value) if item is not None] or None
    return value


def _text(value: str) -> str:
    # PostgreSQL takes no NUL in text, and half a surrogate pair is no UTF-8; neither is printable
    return value.replace("\x00", "").encode(errors="replace").decode()


def _merge_values(stored: Mapping[str, _Value], new: dict[str, _Value], keep: _Keep) -> dict[str, _Value]:
    if not stored:
        return new
    taken_over = {name: value for name, value in new.items() if name not in stored or not keep(name, stored[name])}
    return {**stored, **taken_over}


def _merge_fields(stored: JsonMapping, new: JsonObject, keep: _Keep) -> tuple[JsonObject, bool]:
    regressed = moves_back(stored.get("stage"), new.get("stage"))
    if regressed:
        new = {name: value for name, value in new.items() if name not in {"stage", "stage_changed_at"}}
    return _merge_values(stored, new, keep), regressed


def _status(stored: LeadContent, draft: LeadDraft, fields: JsonMapping, label: bool | None) -> str:
    own = fields.get(_OWN_STATUS)
    if own is not None and (own != stored.fields.get(_OWN_STATUS) or _clean(draft.fields.get(_OWN_STATUS)) is not None):
        return str(own)
    # a label that was known before closes nothing that the source called open since
    is_news = own != "open" or stored.label != label
    if draft.label is None or label != draft.label or not draft.label_closes or not is_news:
        return stored.status
    contradicts = _LABEL_OF_STATUS.get(stored.status) is (not label)
    return _STATUS_OF_LABEL[label] if stored.status == "open" or contradicts else stored.status


def _merge_label(stored: LeadContent, draft: LeadDraft, policy: MergePolicy) -> tuple[bool | None, datetime | None]:
    label = draft_label(draft)
    at = draft.label_at or draft.fields.get("closed_at")
    label_at = utc(at) if label is not None and at else None
    if label is None or (stored.label is not None and stored.label != label and policy != "overwrite"):
        return stored.label, stored.label_at
    if stored.label == label:
        earlier = stored.label_at or label_at
        return label, (label_at or earlier) if policy == "overwrite" else earlier
    return label, label_at
