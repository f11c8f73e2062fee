"""Records of model versions to make pages of: as old as the registry, or with everything a report can hold."""

from datetime import UTC, datetime

from db.records import ModelRecord

METRICS = {
    "auc": 0.783,
    "pr_auc": 0.468,
    "brier": 0.138,
    "ece": 0.034,
    "slope": 1.02,
    "accuracy": 0.806,
    "log_loss": 0.429,
    "lift_top_decile": 2.54,
    "base_rate": 0.2,
    "rows": 500,
    "intervals": {"auc": [0.746, 0.816], "brier": [0.13, 0.147]},
}
BASE_RATE = {**METRICS, "auc": 0.5, "brier": 0.165, "slope": 0.0, "lift_top_decile": 1.0, "intervals": {}}
#: ten bins of fifty leads, 100 won in all
WON = (0, 1, 2, 4, 6, 8, 12, 16, 21, 30)
BINS = [
    {
        "low": tenth / 12,
        "high": (tenth + 1) / 12,
        "said": (tenth + 0.5) / 12,
        "came": won / 50,
        "rows": 50,
        "positives": won,
    }
    for tenth, won in enumerate(WON)
]
REPORT = {
    "rows": 500,
    "positives": 100,
    "features": ["showings", "reply_days", "source", "custom:Pool wanted"],
    "dropped": {"offers": "the same value everywhere", "custom:Agent note": "leaks the outcome: AUC 0.981 alone"},
    "leaks": {"custom:Agent note": 0.981},
    "baselines": {"base_rate": BASE_RATE, "silence_days": {**METRICS, "auc": 0.629}},
    "bands": BINS,
    "decision": {"promoted": True, "reason": "better than the base rate: Brier 0.138 against 0.165"},
    "seed": 0,
    "libraries": {"python": "3.11.7", "numpy": "2.4.6"},
}
NEWER = {
    "bands_by_score": [
        {"low": 0.8, "high": 0.9, "rows": 41, "positives": 34},
        {"low": 0.1, "high": 0.2, "rows": 459, "positives": 66},
    ],
    "members": {"lr": METRICS, "gb": {**METRICS, "auc": 0.781}},
    "weights": {"lr": 0.62, "gb": 0.41},
    "choice": "the blend beats each of its members by more than noise",
    "interval": {"level": 0.9, "coverage": 0.912, "groups": 40, "window": 50, "width": 0.2},
    "lift": [[step / 20, min(1.0, (step / 20) ** 0.5)] for step in range(21)],
    "top": {"showings": 0.61, "source": 0.2, "reply_days": 0.35, "custom:Pool wanted": 0.0},
    "period": {"observed": ["2025-01-03T10:00:00+00:00", "2026-10-01T09:00:00+00:00"]},
    "sources": {"leads": 480, "snapshots": 20, "blocked": 3},
}
#: what a version trained today records beside that
NEWEST = {
    "closed": {"won": 110, "lost": 405, "usable": 500, "left_out": {"not_a_client": 12, "blocked": 3}},
    "observed": {"before": 500, "same_moment": 0, "after": 0},
    "stamped_later": {},
    "probed": ["custom:Agent note", "custom:Pool wanted", "offers", "reply_days", "showings", "source"],
    "unprobed": {},
    "meanings": [
        {"meaning": "showings and offers", "features": ["showings"], "log_odds": 0.6, "share": 0.6},
        {"meaning": "how they answer", "features": ["reply_days", "calls"], "log_odds": 0.3, "share": 0.3},
        {"meaning": "Pool wanted", "features": ["custom:Pool wanted"], "log_odds": 0.1, "share": 0.1},
    ],
}


def model(report=REPORT, **changed):
    facts = {
        "model_id": "m1",
        "kind": "lead_score",
        "scope": "tenant",
        "version": "lead_score-0001",
        "state": "champion",
        "artifact": b"{}",
        "feature_schema": "1",
        "metrics": METRICS,
        "report": report,
        "rows": 500,
        "fingerprint": "9f2c" * 16,
        "trained_at": datetime(2026, 11, 23, 4, 39, tzinfo=UTC),
    }
    return ModelRecord(**facts | changed)


SECTIONS = (
    "purpose",
    "quality",
    "calibration",
    "lift",
    "features",
    "data",
    "leakage",
    "unused",
    "decision",
    "versions",
)
