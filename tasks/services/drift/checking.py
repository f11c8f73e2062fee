"""Check one model over one window, and say what was found as figures that can be stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta

from db.records import FindingRecord, LabelledScore, WindowRecord
from db.repositories.monitoring import scores, windows
from db.repositories.online import checkpoints
from db.session import Session
from domain.documents import JsonMapping, JsonObject
from ml.monitoring.alerts import Alert, of_performance
from ml.monitoring.check import Checked, check
from ml.monitoring.population import FeatureShift
from tasks.contracts.base.wire import to_wire
from tasks.runtime.context import TaskContext
from tasks.services.drift import observations
from tasks.services.drift.observations import Subject, Window

#: rows of features, and alerts, that a check tells
MOST_INPUTS, MOST_ALERTS = 20, 20
#: how long what moved without labels is no news, and how long checks are kept
RETOLD, KEPT = timedelta(days=28), timedelta(days=800)
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a check of one model found, to be stored."""

    record: WindowRecord
    findings: Sequence[FindingRecord]


def check_kind(session: Session, context: TaskContext, kind: str, *, days: int, until: datetime) -> Outcome | None:
    """Check the model that answers for a kind over the days before a moment; None where there is nothing to look at."""
    subject = observations.subject_of(session, context, kind)
    if subject is None:
        return None
    window = Window(since=until - timedelta(days=days), until=until)
    labels = observations.labels_of(session, context.tenant_id, subject, window)
    observed = observations.observed(session, context.tenant_id, subject, window, labels)
    if not observed.probabilities and not observed.labels:
        return None
    checked = check(observed, subject.reference)
    if any(alert.series != "performance" for alert in checked.alerts):
        # it may be a season, or have been so from the start
        first, then, year_ago = observations.beginnings(session, context.tenant_id, subject, window)
        observed = replace(observed, first_probabilities=first, first=then, year_ago=year_ago)
        checked = check(observed, subject.reference)
    findings = _findings(subject, checked, labels.played, context.now)
    body = {
        **_figures(subject, checked),
        "label_delay": _delay(labels.played[labels.since :]),
        "online": _blend(session, context.tenant_id, subject),
        "worse_since": _worse_since(findings, window),
    }
    return Outcome(record=_record(subject, window, checked, body, context.now), findings=findings)


def _record(subject: Subject, window: Window, checked: Checked, body: JsonObject, now: datetime) -> WindowRecord:
    return WindowRecord(
        kind=subject.kind,
        version=subject.version,
        begins_at=window.since,
        ends_at=window.until,
        scored=0 if checked.estimated is None else checked.estimated.rows,
        labels=0 if checked.realised is None else checked.realised.labels,
        # an online learner learns by itself; whether it does so well enough is for a person to see
        action="warn" if subject.online and checked.action == "retrain" else checked.action,
        direction=checked.direction,
        body=body,
        computed_at=now,
    )


def store(session: Session, context: TaskContext, outcome: Outcome) -> list[FindingRecord]:
    """Store a check; return the findings that are news. What moved without labels is news once in four weeks."""
    kind, lately = outcome.record.kind, context.now - RETOLD
    told = {
        (found.version, found.series, found.level)
        for found in windows.findings(session, context.tenant_id, kind=kind, since=lately)
    }
    news = [
        found
        for found in outcome.findings
        if found.series == "performance" or (found.version, found.series, found.level) not in told
    ]
    windows.save(session, context.tenant_id, record=outcome.record)
    windows.purge(session, context.tenant_id, before=context.now - KEPT)
    return windows.add_findings(session, context.tenant_id, records=news)


def view(record: WindowRecord) -> JsonObject:
    """Return a stored check as it is answered."""
    return {
        "kind": record.kind,
        "version": record.version,
        "since": record.begins_at,
        "until": record.ends_at,
        "scored": record.scored,
        "labels": record.labels,
        "action": record.action,
        "direction": record.direction,
        "checked_at": record.computed_at,
        **record.body,
    }


def finding_view(found: FindingRecord) -> JsonObject:
    """Return a finding as it is answered."""
    return asdict(found)


def worst_of(findings: Sequence[FindingRecord]) -> FindingRecord | None:
    """Return the finding that needs somebody most: worse, above the watch line, of the largest effect."""
    serious = [found for found in findings if found.direction == "worse" and found.level != "watch"]
    return max(serious, key=lambda found: (found.level == "retrain", found.effect), default=None)


def harm_of(record: WindowRecord) -> float:
    """Return the largest likely effect that a check told; 0 without an alert."""
    return max((alert["effect"] for alert in record.body["alerts"]), default=0.0)


def _figures(subject: Subject, checked: Checked) -> JsonObject:
    """Return what is stored of a check: finite figures and names of columns."""
    figures: JsonObject = to_wire(
        {
            "performance": None if checked.realised is None else asdict(checked.realised),
            "estimate": None if checked.estimated is None else asdict(checked.estimated),
            "training": None
            if subject.reference is None
            else {"brier": subject.reference.brier, "expected_brier": subject.reference.expected_brier},
            "score": None if checked.score is None else asdict(checked.score),
            "inputs": [asdict(shift) for shift in _most_telling(checked.inputs)],
            "features": len(checked.inputs),
            "alerts": [asdict(alert) for alert in checked.alerts[:MOST_ALERTS]],
        }
    )
    return figures


def _most_telling(inputs: Sequence[FeatureShift]) -> list[FeatureShift]:
    """Return the features that have shifted, and others up to a number, those of the largest likely effect first."""
    return sorted(inputs, key=lambda shift: shift.shifted == "none")[:MOST_INPUTS]


def _delay(labels: Sequence[LabelledScore]) -> JsonObject | None:
    """Return how many hours the labels of the window took to be known."""
    delay = scores.delay_of(labels)
    if delay is None:
        return None
    return {"labels": delay.signals, "p50_hours": delay.p50 / _HOUR, "p90_hours": delay.p90 / _HOUR}


def _blend(session: Session, tenant_id: str, subject: Subject) -> JsonObject | None:
    """Return what an online learner last told of itself: the weights of its experts, and who leads the race."""
    if not subject.online:
        return None
    told = checkpoints.reports(session, tenant_id, target=subject.target)
    if not told:
        return None
    report: JsonMapping = told[-1].report
    return {name: report.get(name) for name in ("signals", "weights", "calibrated", "leader", "accuracy", "log_loss")}


def _findings(
    subject: Subject, checked: Checked, played: Sequence[LabelledScore], now: datetime
) -> list[FindingRecord]:
    """Return all drift of the model's errors, and what else has moved by now."""
    # one alert of each finding, in its order
    in_errors = zip(of_performance(checked.findings), checked.findings, strict=True)
    others = [alert for alert in checked.alerts if alert.series != "performance" and alert.level != "watch"]
    return [
        *(
            _finding(subject, alert, at=played[found.at].recorded_at, since=played[found.since].recorded_at, now=now)
            for alert, found in in_errors
        ),
        *(_finding(subject, alert, at=now, since=now, now=now) for alert in others),
    ]


def _worse_since(findings: Sequence[FindingRecord], window: Window) -> str | None:
    """Return from which label on errors surely rose, as found within the window; None where they did not."""
    sure = [found for found in findings if found.level == "retrain" and found.at >= window.since]
    return max(sure, key=lambda found: found.at).since.isoformat() if sure else None


def _finding(subject: Subject, alert: Alert, *, at: datetime, since: datetime, now: datetime) -> FindingRecord:
    # every signal of an online learner makes a version, while its drift is one
    version = subject.version.partition(".")[0] if subject.online else subject.version
    return FindingRecord(kind=subject.kind, version=version, at=at, since=since, found_at=now, **asdict(alert))
