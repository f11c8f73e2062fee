"""How news about a lead meets what is known: pure rules, no database.

A blank never erases, a stage never moves back, negative consent always wins, whatever the policy.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from db import consent as consents
from db.base import utc
from db.records import LeadDraft, Policy

STAGE_KEPT = "stage.regression_ignored"
CONSENT_KEPT = "consent.conflict"

#: a lead moves forward along these; any other stage, such as `nurture`, may be entered and left at any time
LIFECYCLE = (
    "new",
    "contacted",
    "engaged",
    "qualified",
    "appointment",
    "showing",
    "offer",
    "under_contract",
    "closed",
)
_RANK = {stage: rank for rank, stage in enumerate(LIFECYCLE)}
_LABEL_OF_STATUS = {"won": True, "lost": False, "abandoned": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """All that sources have said of a lead, merged."""

    contact: dict[str, str] = field(default_factory=dict)
    fields: dict[str, Any] = field(default_factory=dict)
    custom: dict[str, float | str] = field(default_factory=dict)
    consent: dict[str, Any] = field(default_factory=dict)
    #: open, won, lost or abandoned
    status: str = "open"
    label: bool | None = None
    label_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """The outcome of one merge."""

    content: Content
    #: warnings, in no order that matters
    codes: tuple[str, ...]


def merge(current: Content | None, draft: LeadDraft, policy: Policy) -> Merged:
    """Merge a draft into what is known (None: nothing yet).

    Under `fill_blanks` known values stay, except that an open lead may be closed; under `overwrite` the draft's
    values win; under `skip_existing` a known lead takes over nothing but negative consent.

    Raises:
        NaiveTime: a time without zone.

    """
    known = current or Content()
    said = dict if draft.clean else _said
    told = said(consents.told(draft) if draft.statements else draft.consent)
    if current is not None and policy == "skip_existing":
        told = {name: value for name, value in told.items() if consents.refuses(name, value)}
        return Merged(content=replace(known, consent=consents.merge(known.consent, told)[0]), codes=())
    consent, contradicted = consents.merge(known.consent, told)
    codes = (CONSENT_KEPT,) if contradicted else ()
    keep = _KEEPS[policy]
    fields, regressed = _merge_fields(known.fields, said(draft.fields), keep)
    label, label_at = _merge_label(known, draft, policy)
    content = Content(
        contact=_merge_values(known.contact, said(draft.contact), _keep_known if policy != "overwrite" else _keep_none),
        fields=fields,
        custom=_merge_values(known.custom, said(draft.custom), keep),
        consent=consent,
        status=_status(fields, known.status),
        label=label,
        label_at=label_at,
    )
    return Merged(content=content, codes=(*codes, STAGE_KEPT) if regressed else codes)


def differences(before: Content, after: Content) -> tuple[str, ...]:
    """Name the columns that a merge changed, the tenant's own with `custom.` in front; never what they hold."""
    parts = (
        ("", before.contact, after.contact),
        ("", before.fields, after.fields),
        ("", before.consent, after.consent),
        ("custom.", before.custom, after.custom),
    )
    # A merge erases nothing: whatever differs is there afterwards.
    named = {f"{mark}{name}" for mark, was, now in parts for name in now if name not in was or was[name] != now[name]}
    told = {name for name in ("label", "label_at") if getattr(before, name) != getattr(after, name)}
    return tuple(sorted(named | told))


def moves_back(known: str | None, told: str | None) -> bool:
    """Whether `told` lies before `known` on the lifecycle; side states and unknown names never do."""
    return known in _RANK and told in _RANK and _RANK[told] < _RANK[known]


def _keep_known(_name: str, _known: object) -> bool:
    return True


def _keep_none(_name: str, _known: object) -> bool:
    return False


def _keep_unless_open(name: str, known: object) -> bool:
    # An opportunity that is still open is a blank: its end is yet to be told.
    return not (name == "opportunity_status" and known == "open")


_Keep = Callable[[str, object], bool]
_KEEPS: dict[Policy, _Keep] = {
    "fill_blanks": _keep_unless_open,
    "overwrite": _keep_none,
    "skip_existing": _keep_known,
}


def _said(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: clean for name, value in values.items() if (clean := _clean(value)) is not None}


def _clean(value: object) -> object:
    """Give a value as it is stored, None for a blank."""
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


def _merge_values(known: Mapping[str, Any], told: dict[str, Any], keep: _Keep) -> dict[str, Any]:
    if not known:
        return told
    news = {name: value for name, value in told.items() if name not in known or not keep(name, known[name])}
    return {**known, **news}


def _merge_fields(known: Mapping[str, Any], told: dict[str, Any], keep: _Keep) -> tuple[dict[str, Any], bool]:
    regressed = moves_back(known.get("stage"), told.get("stage"))
    if regressed:
        told = {name: value for name, value in told.items() if name not in {"stage", "stage_changed_at"}}
    return _merge_values(known, told, keep), regressed


def _status(fields: Mapping[str, Any], known: str) -> str:
    return str(fields.get("opportunity_status") or known)


def _merge_label(known: Content, draft: LeadDraft, policy: Policy) -> tuple[bool | None, datetime | None]:
    told = draft.label
    if told is None:
        told = _LABEL_OF_STATUS.get(str(draft.fields.get("opportunity_status")))
    at = draft.label_at or draft.fields.get("closed_at")
    moment = utc(at) if told is not None and at else None
    if told is None or (known.label is not None and known.label != told and policy != "overwrite"):
        return known.label, known.label_at
    if known.label == told:
        kept = known.label_at or moment
        return told, (moment or kept) if policy == "overwrite" else kept
    return told, moment
