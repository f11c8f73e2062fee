"""Answers of the report tasks to make pages of: from the first day, and after half a year."""

from datetime import UTC, datetime

AT = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
PAUSE = {"reason": "harms", "by": "hearth.interventions.follow_up", "at": "2026-11-20T03:00:00Z"}
NOTHING = {
    "tenant_id": "acme",
    "experiment": "interventions",
    "share": 0.1,
    "sent": 0,
    "held_out": 0,
    "settled": {"sent": 0, "held_out": 0},
    "rates": {"sent": None, "held_out": None},
    "difference": None,
    "interval": None,
    "detectable_effect": None,
    "weeks_needed": None,
    "verdict": "too_early",
    "reason": "no lead was planned for yet",
    "types": [],
    "actions": {},
}


def told(name, difference, interval, *, paused=None, sent=400, held_out=40):
    rates = {"sent": 0.45 + difference, "held_out": 0.45}
    facts = {"sent": sent, "held_out": held_out, "rates": rates, "difference": difference}
    return {"intervention": name, **facts, "interval": interval, "paused": paused}


REPORT = NOTHING | {
    "sent": 1204,
    "held_out": 131,
    "settled": {"sent": 840, "held_out": 92},
    "rates": {"sent": 0.482, "held_out": 0.441},
    "difference": 0.041,
    "interval": [-0.066, 0.146],
    "detectable_effect": 0.155,
    "weeks_needed": 20.3,
    "reason": "the difference may still be chance",
    "types": [
        told("proactive_outreach", 0.06, [-0.04, 0.17]),
        told("incentive_offer", -0.21, [-0.33, -0.08], paused=PAUSE),
        told("social_proof", 0.03, [-0.09, 0.15], sent=404, held_out=51),
    ],
    "actions": {"approval": 3, "planned": 12, "dispatched": 40, "executed": 610, "held_out": 131, "blocked": 77},
}
FRESH = {
    "tenant_id": "acme",
    "since": "2026-08-25T09:30:00Z",
    "bands": [
        {"band": band, "leads": 0, "converted": 0, "rate": None, "interval": None} for band in ("hot", "warm", "cold")
    ],
    "use": [],
    "effect": {"difference": None, "interval": None, "verdict": "too_early"},
    "money": None,
}
VALUE = FRESH | {
    "bands": [
        {"band": "hot", "leads": 41, "converted": 27, "rate": 27 / 41, "interval": [0.505, 0.784]},
        {"band": "warm", "leads": 120, "converted": 44, "rate": 44 / 120, "interval": [0.286, 0.456]},
        {"band": "cold", "leads": 310, "converted": 22, "rate": 22 / 310, "interval": [0.047, 0.105]},
    ],
    "use": [
        {
            "agent": "ada.quill",
            "leads": 80,
            "contacted": 61,
            "executed": 40,
            "rejected": 3,
            "replied": 12,
            "overrides": 4,
            "marks": 9,
        },
        {
            "agent": None,
            "leads": 5,
            "contacted": 0,
            "executed": 0,
            "rejected": 0,
            "replied": 0,
            "overrides": 0,
            "marks": 0,
        },
    ],
    "effect": {"difference": 0.041, "interval": [-0.066, 0.146], "verdict": "too_early"},
    "money": {
        "currency": "USD",
        "amount": 84000.0,
        "low": -51000.0,
        "high": 190000.0,
        "from": {"commission": 0.025, "typical_price": 400000.0, "leads": 840, "difference": 0.01},
    },
}
