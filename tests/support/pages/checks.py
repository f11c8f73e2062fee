"""Checks of models for the monitoring page: two weeks of a batch model that turns worse, and of an online learner."""

from datetime import UTC, datetime, timedelta

from db.records import FindingRecord, WindowRecord

AT = datetime(2026, 11, 30, 6, tzinfo=UTC)
DAY = timedelta(days=1)
ALERT = {
    "series": "performance",
    "level": "retrain",
    "direction": "worse",
    "effect": 0.12,
    "reason": "the squared error of scores went from 0.100 to 0.220",
}
SHIFT = {
    "feature": "showings<script>",
    "psi": 0.41,
    "ks": 0.3,
    "p_value": 0.0001,
    "effect": 0.02,
    "shifted": "new",
}


def _performance(brier):
    return {
        "labels": 120,
        "positives": 40,
        "accuracy": 0.8,
        "log_loss": 0.41,
        "brier": brier,
        "ece": 0.02,
        "no_change": 0.6,
        "kappa_t": 0.5,
    }


def _estimate(brier):
    errors = {"accuracy_error": 0.02, "brier_error": 0.01}
    return {"rows": 400, "accuracy": 0.82, "log_loss": 0.4, "brier": brier, **errors}


def _record(place, *, kind, brier, alerts, online=None):
    return WindowRecord(
        kind=kind,
        version="online-1.99" if online else "lead_score-0002",
        begins_at=AT - (20 - place) * DAY,
        ends_at=AT - (13 - place) * DAY,
        scored=400,
        labels=120,
        action="retrain" if alerts else "none",
        direction="worse" if alerts else None,
        body={
            "performance": _performance(brier),
            "estimate": None if online else _estimate(0.1),
            "training": None if online else {"brier": 0.1, "expected_brier": 0.1},
            "score": None,
            "inputs": [SHIFT] if alerts else [],
            "features": 0 if online else 30,
            "label_delay": {"labels": 120, "p50_hours": 30.0, "p90_hours": 90.0},
            "online": online,
            "alerts": alerts,
            "worse_since": None,
        },
        computed_at=AT - (13 - place) * DAY,
    )


def _blend(place):
    weights = {"base_rate": 0.1, "logistic_regression": 0.6 - place / 50, "adaptive_random_forest": 0.3 + place / 50}
    return {
        "signals": 900,
        "weights": weights,
        "calibrated": 0.4,
        "leader": "logistic_regression",
        "accuracy": 0.8,
        "log_loss": 0.4,
    }


RECORDS = [
    record
    for place in range(14)
    for record in (
        _record(place, kind="lead_score", brier=0.1 if place < 9 else 0.22, alerts=[ALERT] if place == 13 else []),
        _record(place, kind="online_reply", brier=0.15, alerts=[], online=_blend(place)),
    )
]
FINDINGS = [
    FindingRecord(
        kind="lead_score",
        version="lead_score-0002",
        series="performance",
        level=level,
        direction="worse",
        at=AT - back * DAY,
        since=AT - 5 * DAY,
        effect=0.12,
        reason=str(ALERT["reason"]),
        found_at=AT - back * DAY,
    )
    for level, back in (("watch", 5), ("warning", 4), ("retrain", 3))
]
