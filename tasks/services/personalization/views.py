"""Read stored personalizations, and show them: for card and worklist, which compute nothing themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from db.records import PredictionRecord
from db.repositories.predictions import predictions
from db.session import Session
from domain.documents import JsonMapping, JsonObject

KIND = "personalization"
#: the parts of a stored personalization, each with what stands for it where an earlier version did not store it
PARTS: Mapping[str, list[JsonObject] | None] = {
    "journey": None,
    "tone": None,
    "channels": [],
    "send_window": None,
    "guide": None,
    "talking_points": [],
    "suggestion": None,
}
#: what a list of calls shows of each part
_BRIEF: Mapping[str, tuple[str, ...]] = {
    "tone": ("status", "why_not", "state", "confidence", "sure"),
    "journey": ("stage", "probability", "moved"),
    "send_window": ("status", "start_hour", "end_hour", "zone", "next_start", "basis", "basis_text"),
    "suggestion": ("code", "text", "by"),
}


def latest(session: Session, tenant_id: str, lead_ids: Sequence[str]) -> dict[str, PredictionRecord]:
    """Return the newest personalization of each lead, by lead; leads without one are left out."""
    return {row.lead_id: row for row in predictions.latest(session, tenant_id, kind=KIND, lead_ids=lead_ids)}


def card_section(record: PredictionRecord | None) -> JsonObject | None:
    """Return a personalization as a card shows it."""
    if record is None:
        return None
    return {"as_of": record.as_of, "computed_at": record.computed_at, **parts(record.detail)}


def parts(detail: JsonMapping) -> JsonObject:
    """Return every part of a stored personalization; null or nothing where an earlier version did not store it."""
    return {name: detail.get(name, absent) for name, absent in PARTS.items()}


def worklist_brief(record: PredictionRecord | None) -> JsonObject:
    """Return a personalization in short: tone, journey, send window and suggestion, null where unknown."""
    detail = {} if record is None else record.detail
    return {name: _short(detail.get(name), shown) for name, shown in _BRIEF.items()}


def _short(part: JsonMapping | None, shown: Sequence[str]) -> JsonObject | None:
    return None if part is None else {name: part.get(name) for name in shown}
