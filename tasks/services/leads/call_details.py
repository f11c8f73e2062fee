"""Tell of calling a lead why now, by when and what it may bring, for the worklist and the card.

`urgency` is the detail of the lead's newest prediction of kind `urgency`, empty where there is none.
"""

from __future__ import annotations

from datetime import datetime

from domain.documents import JsonMapping, JsonObject
from ml.urgency import waiting
from tasks.services.interventions.next_action import NextAction


def deal_price(urgency: JsonMapping) -> float | None:
    """Return the deal's price as far as it is known: the deal's own, else the budget."""
    value = urgency.get("value")
    return float(value) if value else None


def expected_value(probability: float, price: float | None, settings: JsonMapping) -> JsonObject | None:
    """Return probability times what the tenant earns, in its own figures.

    None where the tenant has set none, or where no price is known and it named no typical one.
    """
    worth = settings.get("worth")
    price = price or (worth or {}).get("typical_price")
    if not worth or not price:
        return None
    amount = probability * price * worth["commission"]
    return {"amount": round(amount, 2), "currency": worth.get("currency", "USD")}


def unanswered_since(urgency: JsonMapping) -> datetime | None:
    """Return when an inquiry came in that nobody has answered."""
    inquiry_at = urgency.get("inquiry_at")
    return datetime.fromisoformat(inquiry_at) if inquiry_at else None


def why_now(urgency: JsonMapping, now: datetime) -> str | None:
    """Return why to call now; the words of an unanswered inquiry say how long it has waited until `now`."""
    since = unanswered_since(urgency)
    return waiting(since, now) if since is not None and since <= now else urgency.get("why_now")


def due_by(urgency: JsonMapping, action: NextAction) -> datetime | None:
    """Return by when to act: while it is urgent, before the plan expires, and not before the gates allow it."""
    urgent = urgency.get("due_by")
    expires_at = None if action.plan is None else action.plan.expires_at
    limits = (datetime.fromisoformat(urgent) if urgent else None, expires_at)
    due = min((at for at in limits if at is not None), default=None)
    return due if due is None or action.not_before is None else max(due, action.not_before)
