"""What the messages of a lead say, as the answer of `hearth.conversations.analyze` gives it: no text of any message."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime

from db.records import MessageAnalysisRecord
from domain.documents import JsonMapping, JsonObject
from domain.facts import FactKind
from ml.features import extract
from ml.features.emotional import SURE_FACT
from ml.personalization.tone_history import tone_history
from ml.profiles import LeadProfile
from tasks.services.conversations import stored_results

#: most message ids beside one thing that they say, and most open questions, the newest: an answer has its limit
MOST_IDS, MOST_QUESTIONS = 5, 20
#: facts that are wishes, objections and refusals, and those that say something of the lead
INTENTS: tuple[FactKind, ...] = ("question", "appointment_wish", "price_objection", "competitor", "opt_out")
TOLD: tuple[FactKind, ...] = (
    *("budget", "timeline", "preapproval", "property_type", "beds", "baths"),
    "visit_time",
)


def conversation_view(read: Sequence[MessageAnalysisRecord], sent_at: Sequence[datetime], now: datetime) -> JsonObject:
    """Return what inbound messages say, `read` oldest first; `sent_at` are the moments of outbound ones."""
    facts = list(_facts(read))
    last_sent = max(sent_at, default=None)
    questions = [
        {"message_id": record.event_id, "at": record.occurred_at, "about": fact["value"]}
        for record, fact in facts
        if fact["kind"] == "question" and (last_sent is None or last_sent <= record.occurred_at)
    ]
    return {
        "messages": len(read),
        "tone": _tone(read, now),
        "timeline": [_tone_of_message(record) for record in read],
        "intents": _intents(facts),
        "open_questions": questions[-MOST_QUESTIONS:],
        "opt_out_detected": any(fact["kind"] == "opt_out" and fact["value"] == "clear" for _, fact in facts),
        "extracted": {kind: told for kind in TOLD if (told := _newest(facts, kind)) is not None},
    }


def is_sufficient(view: JsonMapping) -> bool:
    """Return whether anything at all was read in the messages."""
    return view["tone"]["status"] == "ok" or bool(view["intents"] or view["extracted"])


def _facts(read: Sequence[MessageAnalysisRecord]) -> Iterator[tuple[MessageAnalysisRecord, JsonMapping]]:
    """Yield the facts that are sure enough to count, each with its message."""
    for record in read:
        for fact in record.result["facts"]:
            if fact["confidence"] >= SURE_FACT:
                yield record, fact


def _intents(facts: Sequence[tuple[MessageAnalysisRecord, JsonMapping]]) -> list[JsonObject]:
    """Return each intent once for what it is about, in the order of `INTENTS` and of its first message."""
    found: dict[tuple[str, object], JsonObject] = {}
    for kind in INTENTS:
        for record, fact in facts:
            if fact["kind"] != kind:
                continue
            empty: JsonObject = {"intent": kind, "about": fact["value"], "confidence": 0.0, "message_ids": []}
            intent = found.setdefault((kind, fact["value"]), empty)
            intent["confidence"] = max(intent["confidence"], fact["confidence"])
            if record.event_id not in intent["message_ids"]:
                intent["message_ids"].append(record.event_id)
    return [{**intent, "message_ids": intent["message_ids"][-MOST_IDS:]} for intent in found.values()]


def _newest(facts: Sequence[tuple[MessageAnalysisRecord, JsonMapping]], kind: FactKind) -> JsonObject | None:
    """Return the surest word of the newest message that tells a fact, with all messages that say the same."""
    told = [(record, fact) for record, fact in facts if fact["kind"] == kind]
    if not told:
        return None
    newest = told[-1][0].event_id
    best = max((fact for record, fact in told if record.event_id == newest), key=lambda fact: fact["confidence"])
    same = [
        record.event_id for record, fact in told if (fact["value"], fact["bound"]) == (best["value"], best["bound"])
    ]
    return {
        "value": best["value"],
        "bound": best["bound"],
        "confidence": best["confidence"],
        "message_ids": list(dict.fromkeys(same))[-MOST_IDS:],
    }


def _tone_of_message(record: MessageAnalysisRecord) -> JsonObject:
    tone, sentiment = record.result["tone"], record.result["sentiment"] or {}
    return {
        "message_id": record.event_id,
        "at": record.occurred_at,
        "channel": record.channel,
        "state": tone["state"],
        "confidence": tone["confidence"],
        "polarity": sentiment.get("polarity"),
        "why_not": tone["why_not"],
    }


def _tone(read: Sequence[MessageAnalysisRecord], now: datetime) -> JsonObject:
    profile = LeadProfile(lead_id="", as_of=now, messages=tuple(map(stored_results.to_signal, read)))
    history = tone_history(extract([profile]).to_rows()[0], profile)
    known = history.state is not None
    return {
        "status": "ok" if known else "insufficient_data",
        "why_not": history.why_not,
        "state": history.state,
        "confidence": round(history.confidence, stored_results.DIGITS) if known else None,
        "sure": history.sure if known else None,
        "shares": {state: round(share, stored_results.DIGITS) for state, share in history.shares.items()},
        "polarity": history.polarity,
        "trend": history.trend,
        "volatility": history.volatility,
        "messages": history.messages,
        "last_event_id": history.last_event_id,
        "turning_points": [asdict(point) for point in history.turning_points],
        "by": "model",
    }
