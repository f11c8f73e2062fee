"""Rows of planning, for tests of repositories."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from db.records import EnrolmentDraft, InterventionDraft

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


HOUR, DAY = timedelta(hours=1), timedelta(days=1)


FACTS = {"decision": "defer", "rules": [{"gate": "quiet_hours", "rule": "quiet.night", "decision": "defer"}]}


def planned(lead_id, action_id="a1", state="planned", **given):
    given = {"planned_at": NOW, "not_before": NOW + HOUR, "expires_at": NOW + DAY, **given}
    return InterventionDraft(
        action_id=action_id,
        lead_id=lead_id,
        prediction_id=None,
        intervention=given.pop("intervention", "proactive_outreach"),
        action="call_task",
        channel="call",
        urgency="high",
        state=state,
        held_out=state == "held_out",
        propensity=0.9,
        cost=4.0,
        policy="1",
        reason_codes=("communication_gaps",),
        evidence="rule",
        requires_approval=state == "approval",
        decision=FACTS,
        detail={"text": None, "expected_uplift": None, "crm": {"method": "POST"}},
        **given,
    )


DAY = timedelta(days=1)


HOLDOUT = "holdout"


def enrolled(lead_id, *, held_out=False, days=0, **given):
    at = NOW + days * DAY
    return EnrolmentDraft(
        experiment=given.pop("experiment", HOLDOUT),
        lead_id=lead_id,
        held_out=held_out,
        propensity=0.1 if held_out else 0.9,
        intervention=given.pop("intervention", "proactive_outreach"),
        action_id=given.pop("action_id", "a1"),
        enrolled_at=at,
        due_at=at + 30 * DAY,
    )
