"""What the reports, a lead's risk and its actions look like on paper, and the settings that are shown as an example."""

import doctest
import tomllib
from pathlib import Path

import pytest

from tasks.contracts.tenants import ConfigureTenant
from tests.support.pages.report_answers import FRESH, NOTHING, REPORT, VALUE
from workers.cli.interventions.interventions import show_report
from workers.cli.interventions.report import show_value
from workers.cli.leads import action_views, card_view, judgements, worklist_view
from workers.cli.leads.card_view import show_card
from workers.cli.leads.worklist_view import show_worklist
from workers.pages import labels

EXAMPLE = Path(__file__).parents[5] / "examples" / "tenant.toml"
RISK = {
    "prediction_id": "p1",
    "as_of": "2026-11-23T09:00:00Z",
    "probability": 0.83,
    "level": "critical",
    "confidence": 0.31,
    "days_silent": 21.0,
    "threshold": 7.0,
    "days_to_churn": 4.2,
    "neglected": False,
    "next_check_at": "2026-11-24T09:00:00Z",
    "horizon_days": 30,
    "members": {},
    "drivers": [
        {"name": "communication_gaps", "value": 1.0, "evidence": {"silent_days": 21.0, "threshold_days": 7.0}},
        {"name": "external_factors", "value": 0.6, "evidence": {"financing_lacking": 1.0}},
        {"name": "behavioral_changes", "value": 0.2, "evidence": {}},
    ],
    "note": None,
    "model": "scorecard-1",
    "scope": "scorecard",
}
RULES = [
    {"gate": "kill_switch", "rule": "kill.off", "decision": "allow", "until": None, "note": None},
    {
        "gate": "quiet_hours",
        "rule": "quiet.hours",
        "decision": "defer",
        "until": "2026-11-24T14:00:00Z",
        "note": "state: America/New_York",
    },
]
ACTION = {
    "action_id": "a1",
    "intervention": "proactive_outreach",
    "action": "sms",
    "channel": "sms",
    "urgency": "urgent",
    "state": "approval",
    "not_before": "2026-11-24T14:00:00Z",
    "expires_at": "2026-11-26T09:00:00Z",
    "requires_approval": True,
    "reason_codes": ["communication_gaps", "overdue"],
    "expected_uplift": None,
    "evidence": "rule",
    "compliance": {"decision": "defer", "rules": RULES},
    "text": "We wanted to check in.",
    "planned_at": "2026-11-23T09:00:00Z",
}
HELD_OUT = {"state": "held_out", "planned_at": "2026-11-23T09:00:00Z"}


@pytest.mark.parametrize("module", [labels, action_views, card_view, judgements, worklist_view])
def test_examples(module):
    tried = doctest.testmod(module)
    assert (tried.failed, tried.attempted > 0) == (0, True)


def test_a_report_says_first_what_it_says(capsys):
    show_report(REPORT)
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "interventions of acme: too early to say"
    assert told[1] == "the difference may still be chance"
    assert told[2].startswith("PAUSED: incentive offer: it does harm (hearth")
    figures = dict(line.strip().split("  ", 1) for line in told if line.startswith("  "))
    assert figures["difference"].strip() == "+4.1 points, 95 % interval -6.6 to +14.6 points"
    assert figures["leads held out"].strip() == "131, of them settled 92, kept 44.1 %"
    assert figures["still needed"].strip() == "not enough yet: 21 weeks"
    (offer,) = [line for line in told if line.startswith("incentive offer")]
    assert [word in offer for word in ("-21.0 points", "-33.0 to -8.0 points", "PAUSED")] == [True] * 3
    assert any(line.split() == ["waits", "for", "a", "person's", "approval", "3"] for line in told)


def test_a_report_of_nothing_has_no_tables_and_no_figures_made_up(capsys):
    show_report(NOTHING)
    told = capsys.readouterr().out
    assert "kept -" in told
    assert "difference      -, 95 % interval -" in told
    assert "cannot be told: no leads come" in told
    assert "by type" not in told
    show_report(NOTHING | {"weeks_needed": 0.0})
    assert "still needed    nothing\n" in capsys.readouterr().out
    show_report(NOTHING | {"weeks_needed": 20.2})
    assert "still needed    not enough yet: 21 weeks\n" in capsys.readouterr().out, "as the reason rounds it"
    show_report(REPORT | {"verdict": "helps"})
    assert "nothing: the verdict stands" in capsys.readouterr().out


def test_a_value_report_names_no_money_without_its_interval(capsys):
    show_value(VALUE)
    told = capsys.readouterr().out
    assert "hot   41     27      65.9 %  50.5 % to 78.4 %" in told
    assert "84,000 USD, 95 % interval -51,000 to 190,000" in told
    assert "too early to say: kept +4.1 points, 95 % interval -6.6 to +14.6 points" in told
    show_value(FRESH)
    told = capsys.readouterr().out
    assert "none is named" in told
    assert "USD" not in told


def test_a_card_tells_risk_and_actions_in_words(capsys):
    nothing = {"held_out": False, "running": [ACTION], "blocked": [], "past": []}
    show_card("L1", {"lead_id": "1", "stage": "showing", "risk": RISK, "actions": nothing, "history": []})
    told = capsys.readouterr().out
    assert "critical: 83 % within 30 days, says the written scorecard" in told
    assert "communication gaps  1.00, silent for 21 days, its stage allows 7" in told
    assert "behavioral changes  0.20\n" in told
    assert "proactive outreach: sms, urgency urgent" in told
    assert "waits for a person's approval" in told
    assert "passed 1 of 2; quiet hours deferred until 2026-11-24 14:00 UTC (quiet.hours; state" in told
    assert "how sure            low, 31 %" in told
    assert "not allowed" not in told
    assert "We wanted to check in." in told


def test_a_model_is_named_with_its_members_and_what_is_unknown_is_left_out(capsys):
    own = {"scope": "tenant", "model": "churn-0001", "members": {"lr": 0.5, "gb": 0.75}, "days_to_churn": None}
    action_views.show_risk(RISK | own | {"note": "nobody has contacted this lead"})
    told = capsys.readouterr().out
    assert "says churn-0001" in told
    assert "lr 50 %, gb 75 %" in told
    assert "nobody has contacted this lead" in told
    assert "likely cold" not in told


def test_what_the_gates_did_not_allow_is_a_line_with_the_rule(capsys):
    refused = {"gate": "refusal", "rule": "refusal.opted_out", "decision": "block"}
    stopped = ACTION | {"state": "blocked", "compliance": {"decision": "block", "rules": [RULES[0], refused]}}
    action_views.show_actions({"held_out": False, "running": [], "blocked": [stopped], "past": []})
    told = capsys.readouterr().out
    assert told.splitlines() == [
        "not allowed",
        "  proactive outreach: sms, urgency urgent  refusal blocked (refusal.opted_out)",
    ]


def test_of_a_lead_that_is_held_out_nothing_is_shown_that_could_be_done(capsys):
    action_views.show_actions({"held_out": True, "running": [], "blocked": [], "past": [HELD_OUT]})
    told = capsys.readouterr().out
    assert "nothing is sent to this lead" in told
    assert "proactive" not in told
    action_views.show_action(HELD_OUT | {"external_id": "L1"})
    told = capsys.readouterr().out
    assert told == "lead L1: held out: nothing is sent, for comparison\n  planned  2026-11-23 09:00 UTC\n"


def test_a_card_before_there_is_a_risk_or_an_action(capsys):
    show_card(
        "L1", {"lead_id": "1", "risk": None, "actions": {"held_out": False, "running": [], "blocked": [], "past": []}}
    )
    assert "held out" not in capsys.readouterr().out


NEXT = {
    "why_now": "last sign 40 days ago, limit 14 days",
    "action": "market_report",
    "channel": "email",
    "due_by": "2026-11-24T14:00:00Z",
    "not_before": "2026-11-24T14:00:00Z",
    "action_id": "a1",
    "state": "approval",
    "why_not": [],
}
CALL = {"channel": "call", "rule": "consent.call_missing", "text": "A call needs the lead's consent."}
GONE = {"rule": "refusal.unsubscribed", "text": "The lead has unsubscribed."}


def test_a_card_names_the_next_action_and_from_when_on(capsys):
    action_views.show_next(NEXT)
    assert capsys.readouterr().out.splitlines() == [
        "what to do next",
        "  action      market report by e-mail, waits for a person's approval",
        "  why now     last sign 40 days ago, limit 14 days",
        "  not before  2026-11-24 14:00 UTC",
        "  due by      2026-11-24 14:00 UTC",
    ]


def test_a_card_says_why_a_lead_may_not_be_contacted(capsys):
    nothing = dict.fromkeys(NEXT)
    closed = nothing | {"why_not": [CALL, {"channel": "email", **GONE}, {"channel": "sms", **GONE}]}
    show_card("L1", {"lead_id": "1", "next": closed})
    told = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert told == [
        "lead L1",
        "MAY NOT BE CONTACTED by call, by e-mail, by text",
        "lead",
        "Hearth's id 1",
        "what to do next",
        "action none",
        "may not be contacted by call A call needs the lead's consent. (consent.call_missing)",
        "may not be contacted by e-mail, by text The lead has unsubscribed. (refusal.unsubscribed)",
    ]
    action_views.show_next(
        nothing | {"why_not": [{"channel": None, "rule": "record.ended", "text": "The lead has ended."}]}
    )
    assert "is on no list  The lead has ended. (record.ended)" in capsys.readouterr().out


def test_a_worklist_says_what_to_do_from_when_on_and_how_many_are_left_out(capsys):
    told = ("rank", "lead_id", "external_id", "probability", "band", "why_now", "due_by", "model")
    row = dict.fromkeys(told) | {"rank": 1, "external_id": "C-1", "reasons": [], "action": "call_task"}
    rows = [row | {"channel": "call", "not_before": at} for at in (None, "2026-11-24T14:00:00Z")]
    show_worklist("worklist of acme", {"as_of": "2026-11-23", "leads": rows, "withheld": 3})
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == ["rank", "lead", "chance", "action"], "columns that are empty in all rows are left out"
    assert lines[2].endswith("call task")
    assert "call task, not before 2026-11-24 14:00 UTC" in lines[3]
    assert lines[4] == "left out: 3 leads that may not be contacted; `hearth card` says why"
    show_worklist("worklist of acme", {"as_of": "2026-11-23", "leads": rows[:1], "withheld": 0})
    assert "left out" not in capsys.readouterr().out
    show_worklist("worklist of acme", {"as_of": "2026-11-23", "leads": [], "withheld": 1})
    assert "left out: 1 lead that" in capsys.readouterr().out


def test_the_example_of_settings_is_one_and_every_key_is_known():
    given = tomllib.loads(EXAMPLE.read_text(encoding="utf-8"))
    settings = ConfigureTenant.model_validate({"tenant_id": "acme", "settings": given}).settings
    assert settings.model_extra == {}
    assert settings.interventions is not None
    parts = (settings.interventions, settings.interventions.caps, settings.interventions.quiet_hours)
    assert [part.model_extra for part in parts] == [{}, {}, {}]
