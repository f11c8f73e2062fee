"""What a plan that waits looks like, on paper and in the report."""

from datetime import UTC, datetime

from tests.support.pages.report_answers import NOTHING
from workers.cli.base.formatting import local
from workers.cli.interventions.interventions import show_report
from workers.cli.interventions.release import _of_types, show_plan
from workers.pages import labels

PLAN = {
    "reason": "plan.first",
    "actions": 1204,
    "leads": 1203,
    "since": "2026-11-29T09:00:00Z",
    "until": "2026-11-29T09:05:00Z",
    "expires_at": "2026-12-01T09:00:00Z",
    "kinds": [
        {
            "intervention": "proactive_outreach",
            "action": "call_task",
            "channel": "call",
            "actions": 1200,
            "leads": 1200,
        },
        {"intervention": "personal_attention", "action": "manager_escalation", "channel": "internal"}
        | {"actions": 4, "leads": 3},
    ],
}


def test_a_plan_is_shown_by_kind_with_its_reason_and_its_end(capsys):
    with local(None, datetime(2026, 11, 29, 12, tzinfo=UTC)):
        show_plan("acme", PLAN)
    told = capsys.readouterr().out
    assert told.startswith("a plan of acme waits for a yes since today 09:00 UTC: it is the tenant's first plan; ")
    assert "1,204 actions for 1,203 leads would be handed to the CRM" in told
    (row,) = [line.split() for line in told.splitlines() if line.startswith("personal attention")]
    assert row == ["personal", "attention", "manager", "escalation", "in", "house", "4", "3"]


def test_a_yes_to_one_type_counts_that_alone():
    assert _of_types(PLAN, []) == PLAN
    few = _of_types(PLAN, ["personal_attention"])
    assert few is not None
    assert (few["actions"], few["leads"], len(few["kinds"])) == (4, 3, 1)
    assert _of_types(PLAN, ["social_proof"]) is None


def test_the_report_says_what_to_type(capsys):
    show_report(NOTHING | {"plan": PLAN})
    assert "to decide: hearth interventions release --tenant acme\n" in capsys.readouterr().out
    show_report(NOTHING | {"plan": None})
    assert "release" not in capsys.readouterr().out


def test_the_rule_of_a_plan_is_said_in_words():
    said = labels.gate({"gate": "plan", "rule": "plan.large", "decision": "wait"})
    assert said == "plan waits for a person's yes (plan.large)"
