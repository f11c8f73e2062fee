"""Read the stored risks of leads, and show them: for worklist, card and planning, which assess nothing themselves."""

from __future__ import annotations

from collections.abc import Sequence

from db.records import PredictionRecord
from db.repositories.predictions import predictions
from db.session import Session
from domain.documents import JsonObject
from domain.model_kinds import CHURN

KIND = CHURN.name
#: what is said of a lead whose risk is the agent's doing
NEGLECTED = "nobody has contacted this lead"


def latest(session: Session, tenant_id: str, lead_ids: Sequence[str]) -> dict[str, PredictionRecord]:
    """Return the newest risk of each lead, by lead; leads without one are left out."""
    return {row.lead_id: row for row in predictions.latest(session, tenant_id, kind=KIND, lead_ids=lead_ids)}


def risk_view(risk: PredictionRecord | None) -> JsonObject | None:
    """Return a risk as a card shows it: what drives it, strongest first, and all that goes with it."""
    if risk is None:
        return None
    detail = {name: value for name, value in risk.detail.items() if name != "indicators"}
    warning = [indicator for indicator in risk.detail["indicators"] if indicator["known"] and indicator["value"] > 0]
    return {
        "prediction_id": risk.prediction_id,
        "as_of": risk.as_of,
        "probability": risk.probability,
        **detail,
        "drivers": sorted(warning, key=lambda indicator: (-indicator["value"], indicator["name"])),
        "note": _note(risk),
        "model": risk.model_version,
        "scope": risk.scope,
    }


def risk_brief(risk: PredictionRecord | None) -> JsonObject | None:
    """Return a risk in short."""
    if risk is None:
        return None
    return {
        "probability": risk.probability,
        "level": risk.band,
        "neglected": risk.detail["neglected"],
        "note": _note(risk),
    }


def _note(risk: PredictionRecord) -> str | None:
    """Return what the brokerage itself has to put right."""
    return NEGLECTED if risk.detail["neglected"] else None
