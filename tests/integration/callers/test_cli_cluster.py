"""The commands against a real cluster: their JSON, and nothing else on stdout."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from examples import generate
from tests.support.commands import HEARTH, ROOT, environment, wait_until
from workers.cli.base.client import client

pytestmark = pytest.mark.cluster("callers")

TENANT = "sim"
IMPORT_KEYS = {
    "job_id",
    "state",
    "profile",
    "encoding",
    "delimiter",
    "rows",
    "warnings",
    "columns",
    "labels",
    "usable",
    "error_file",
    "seconds",
}
LEAD_KEYS = {
    *("lead_id", "external_id", "probability", "band", "log_odds", "base", "up", "down", "rest", "rest_parts", "model"),
}
CALL_KEYS = {
    "rank",
    "lead_id",
    "external_id",
    "probability",
    "band",
    "reasons",
    "why_now",
    "action",
    "due_by",
    "model",
}


@pytest.fixture(scope="module")
def ask(hearth):
    """One JSON object from a command that must succeed."""

    def run(*args: str) -> dict:
        done = hearth(*args, "--json")
        assert done.exit_code == 0, done.stderr
        assert done.stdout.count("\n") == 1
        return json.loads(done.stdout)

    return run


@pytest.fixture(scope="module")
def imported(home) -> dict:
    """The sample, imported by a process of its own."""
    command = [*HEARTH, "backfill", "examples/leads.csv", "--tenant", TENANT, "--json"]
    done = subprocess.run(
        command, cwd=ROOT, env=environment(home), capture_output=True, text=True, timeout=90, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "was created" in done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def trained(ask, imported) -> dict:
    return ask("train", "lead_score", "--tenant", TENANT)


def test_an_import_counts_every_row_once(imported):
    rows = imported["rows"]
    bad = [row for row in generate.rows(7, 1200) if not (row["external_id"] or row["email"])]
    assert set(imported) == {*IMPORT_KEYS, "advice"}
    assert imported["state"] == "finished"
    assert rows["read"] == sum(count for name, count in rows.items() if name != "read")
    assert rows["created"] == 1200
    assert rows["rejected"] == len(bad)
    assert imported["error_file"]


def test_the_same_import_again_is_the_same_job(ask, imported):
    again = ask("backfill", "examples/leads.csv", "--tenant", TENANT)
    assert again == imported


def test_a_finished_import_can_be_looked_up_and_not_cancelled(ask, hearth, imported):
    job = ask("backfill", "status", imported["job_id"])
    assert job["state"] == "finished"
    assert job["progress"]["done"] == job["progress"]["total"] == imported["rows"]["read"]
    refused = hearth("backfill", "cancel", imported["job_id"])
    assert refused.exit_code == 1
    assert "had ended already" in refused.stderr


def test_a_preview_writes_nothing(ask, imported):
    seen = ask("backfill", "examples/leads.csv", "--tenant", TENANT, "--mode", "preview")
    shown = {"profile_why", "readings", "ignored", "consent", "ends", "rejected", "passed_over", "advice"}
    assert set(seen) == {*IMPORT_KEYS, *shown}
    assert seen["state"] == "preview"
    assert {reading["column"] for reading in seen["readings"]} >= {"external_id", "email", "Pool wanted"}
    assert seen["ends"] == [{"column": "opportunity_status", "words": {"lost": "lost", "won": "won"}, "not_read": []}]


def test_a_preview_tells_what_each_column_is_taken_for(hearth, imported):
    seen = hearth("backfill", "examples/leads.csv", "--tenant", TENANT, "--mode", "preview")
    assert seen.exit_code == 0, seen.stderr
    cells = [re.split(r"\s{2,}", line.strip()) for line in seen.stdout.splitlines()]
    read_as = {row[0]: row[1] for row in cells if len(row) > 2}
    assert read_as["external_id"] == "external_id"
    assert read_as["Pool wanted"] == "an attribute of your own"
    assert "@example.com" not in seen.stdout


def test_training_reports_and_registers_a_version(ask, trained):
    assert set(trained) == {
        *("run_id", "kind", "rows", "metrics", "promoted", "reason", "version"),
        *("usable", "left_out", "missing", "verdict", "bands_changed"),
    }
    assert trained["promoted"]
    assert trained["verdict"] == "promote"
    assert trained["metrics"]["auc"] > 0.75
    listed = ask("models", "list", "--tenant", TENANT)["models"]
    assert [(model["version"], model["state"]) for model in listed] == [(trained["version"], "champion")]
    assert ask("models", "show", trained["version"], "--tenant", TENANT)["report"]
    assert ask("models", "promote", trained["version"], "--tenant", TENANT)["champion"] == trained["version"]


def test_scores_are_ranked_and_their_reasons_add_up(ask, trained):
    leads = ask("score", "--tenant", TENANT, "--all", "--top", "30")["leads"]
    assert len(leads) == 30
    assert [lead["probability"] for lead in leads] == sorted((lead["probability"] for lead in leads), reverse=True)
    for lead in leads:
        told = lead["base"] + lead["rest"] + sum(reason["contribution"] for reason in lead["up"] + lead["down"])
        assert set(lead) == LEAD_KEYS
        assert told == pytest.approx(lead["log_odds"], abs=1e-9)
        assert lead["model"] == trained["version"]
    one = ask("score", "--tenant", TENANT, "--lead", leads[0]["external_id"])["leads"]
    assert [lead["lead_id"] for lead in one] == [leads[0]["lead_id"]]


def test_scores_agree_with_the_hidden_truth(ask, trained):
    truth = generate.truth(7, 1200)
    leads = ask("score", "--tenant", TENANT, "--all", "--top", "1000")["leads"]
    known = [(lead["probability"], truth[lead["external_id"]].converts) for lead in leads if lead["external_id"]]
    won, lost = [p for p, converts in known if converts], [p for p, converts in known if not converts]
    auc = sum((w > rival) + (w == rival) / 2 for w in won for rival in lost) / (len(won) * len(lost))
    assert auc > 0.75


def test_assessed_leads_make_a_worklist_and_cards(ask, trained):
    assert len(ask("assess", "--tenant", TENANT, "--all")["leads"]) == 20
    worklist = ask("worklist", "--tenant", TENANT, "--top", "10")
    counts = {"withheld", "withheld_by", "in_doubt", "cut", "scored", "without_dates", "not_assessed"}
    assert set(worklist) == {"as_of", "leads", *counts}
    assert (worklist["cut"], worklist["without_dates"], worklist["not_assessed"]) == (0, 0, 0)
    assert worklist["scored"] > 10
    assert [lead["rank"] for lead in worklist["leads"]] == list(range(1, 11))
    assert all(set(lead) >= CALL_KEYS for lead in worklist["leads"])
    card = ask("card", "--tenant", TENANT, worklist["leads"][0]["external_id"])
    assert card["score"]["model"] == trained["version"]

    def agree():
        for row in ask("worklist", "--tenant", TENANT, "--top", "10")["leads"]:
            following = ask("card", "--tenant", TENANT, row["external_id"])["next"]
            if (following["action"], following["channel"], following["why_not"]) != (row["action"], row["channel"], []):
                return False
        return True

    # planning follows an assessment and may change what is next between two questions
    assert wait_until(agree, 60)


def test_a_lead_that_nobody_may_contact_is_on_no_list_and_its_card_says_so(ask, hearth, trained):
    refused = {"external_id": "closed-1", "created_at": "2026-11-01T00:00:00Z", "dnd_call": True}
    with client(TENANT) as caller:
        lead_id = caller.call("hearth.leads.upsert", leads=[{**refused, "source": "Website"}])["lead_ids"][0]
    ask("score", "--tenant", TENANT, "--lead", "closed-1")
    assert lead_id not in {row["lead_id"] for row in ask("worklist", "--tenant", TENANT, "--top", "200")["leads"]}
    shown = hearth("card", "--tenant", TENANT, "closed-1")
    assert "may not be contacted by call" in shown.stdout
    assert "(refusal.dnd_channel)" in shown.stdout
    assert hearth("worklist", "--tenant", TENANT, "--top", "200").exit_code == 0


def test_a_score_is_explained_and_replayed_whatever_was_asked(ask, hearth, trained):
    # a scored lead, whether or not it may be called at this hour
    lead = ask("score", "--tenant", TENANT, "--all", "--top", "1")["leads"][0]
    prediction_id = ask("card", "--tenant", TENANT, lead["external_id"])["score"]["prediction_id"]
    evidence = ask("explain", prediction_id)
    assert (evidence["tenant_id"], evidence["lead_id"]) == (TENANT, lead["lead_id"])
    assert evidence["replay"]["same"]
    shown = hearth("explain", prediction_id, "--tenant", TENANT)
    assert "the same bit for bit" in shown.stdout
    assert "no score has this id" in hearth("explain", "nothing", "--json").stderr
    newest = hearth("explain", "--lead", lead["external_id"], "--tenant", TENANT, "--all").stdout
    assert newest.startswith("the chance that this lead closes: ")
    assert newest.index("how sure") < newest.index("for an audit") < newest.index("reasons, in log-odds")
    missing = evidence["snapshot"]["missing"]
    assert f"missing: {', '.join(missing)}\n" in newest
    assert f"missing: {len(missing)} of " in shown.stdout


def test_people_judge_a_score_by_command_and_go_back(ask, hearth, trained):
    lead = ask("score", "--tenant", TENANT, "--all", "--top", "1")["leads"][0]
    of_lead, by = ("--tenant", TENANT, lead["external_id"]), ("--by", "ada.quill")
    said = hearth("override", *of_lead, "--band", "cold", *by, "--reason", "not_serious")
    assert (said.exit_code, said.stderr) == (0, "")
    assert said.stdout.startswith(f"lead {lead['external_id']}: cold, ")
    assert said.stdout.endswith("says ada.quill (not serious)\n")
    assert ask("card", *of_lead)["score"]["band"] == "cold"
    assert ask("override", *of_lead, "--withdraw", *by)["withdrawn"]
    assert "no override was active" in hearth("override", *of_lead, "--withdraw", *by).stdout
    by_lead = ask("mark", *of_lead, "--verdict", "wrong", *by, "--reason", "too_high")
    by_score = ask("mark", "--tenant", TENANT, by_lead["prediction_id"], "--verdict", "right", *by)
    assert by_score["prediction_id"] == by_lead["prediction_id"]
    told = ask("history", *of_lead)
    assert told["points"][0]["marks"][-1]["verdict"] == "right"
    assert told["overrides"][0]["reason"] == "not_serious"
    assert "right (other), says ada.quill" in hearth("history", *of_lead).stdout
    nobody = hearth("mark", "--tenant", TENANT, "nobody", "--verdict", "wrong", *by)
    assert (nobody.exit_code, "no lead and no score" in nobody.stderr) == (1, True)


def test_one_view_of_the_cluster(ask, hearth, imported):
    told = ask("status")
    assert told["ok"]
    assert {queue for worker in told["workers"] for queue in worker["queues"]} == set(told["queues"])
    assert set(told["queues"]["batch"]) == {"depth", "oldest_age", "estimated_wait", "canary"}
    with client(TENANT) as caller:
        by_task = caller.call("hearth.system.status")
    assert by_task.keys() == told.keys() - {"version", "ok", "workers"}
    shown = hearth("status").stdout
    assert f"{len(told['workers'])} of {len(told['workers'])} workers answer" in shown
    assert "dead letters" in shown


@pytest.fixture(scope="module")
def planned(ask, trained) -> dict:
    """What became of planning for every open lead."""
    lead_ids = [lead["lead_id"] for lead in ask("score", "--tenant", TENANT, "--all", "--top", "1000")["leads"]]
    with client(TENANT) as caller:
        return caller.call("hearth.interventions.plan", lead_ids=lead_ids)


@pytest.fixture(scope="module")
def released(ask, hearth, planned) -> dict:
    """The first plan and the yes to it, as commands show them, and what the CRM was told before and after."""
    whose = ("--tenant", TENANT)
    listed = ask("interventions", "list", *whose, "--plan", "--limit", "100")
    before, unasked = told_actions(), hearth("interventions", "release", *whose)
    shown = hearth("interventions", "report", *whose).stdout
    yes = hearth("interventions", "release", *whose, "--by", "ada.quill", "--yes")
    again = hearth("interventions", "release", *whose, "--by", "bo", "--yes")
    return {
        "listed": listed,
        "before": before,
        "unasked": unasked,
        "shown": shown,
        "yes": yes,
        "again": again,
    }


def told_actions() -> list[str]:
    """The actions that the CRM was handed, as often as it was."""
    events: list[dict] = []
    with client(TENANT) as caller:
        while page := caller.call("hearth.outbound.pull", cursor=events[-1]["cursor"] if events else 0)["events"]:
            events += page
    return [event["data"]["action_id"] for event in events if event["type"] == "action.planned"]


def test_the_first_plan_is_shown_waits_for_a_yes_and_goes_out_once(planned, released):
    plan = released["listed"]["plan"]
    assert (plan["reason"], plan["actions"]) == ("plan.first", planned["waiting_for_yes"])
    ids = {one["action_id"] for one in released["listed"]["actions"]}
    assert ids
    assert not ids & set(released["before"])
    assert released["unasked"].exit_code == 1
    assert "give --yes" in released["unasked"].stderr
    assert "A plan waits for a person's yes" in released["shown"]
    assert f"hearth interventions release --tenant {TENANT}" in released["shown"]
    assert released["yes"].exit_code == 0, released["yes"].stderr
    assert f"{plan['actions']:,} actions for {plan['leads']:,} leads released" in released["yes"].stdout
    assert released["again"].stdout == f"no plan of {TENANT} waits for a yes\n"
    # which of them go at once depends on the hour of the day
    handed_over = told_actions()
    assert len(handed_over) == len(set(handed_over)), "each once"


def test_what_waits_is_approved_or_rejected_once_and_a_lead_shows_its_actions(ask, hearth, planned):
    first, second, *_ = waiting = ask("interventions", "list", "--tenant", TENANT, "--limit", "5")["actions"]
    assert len(waiting) == 5
    assert {one["state"] for one in waiting} == {"approval"}
    who = ("--tenant", TENANT, "--actor", "ada.quill")
    (approved,) = ask("interventions", "approve", first["action_id"], *who)["reviewed"]
    (rejected,) = ask("interventions", "reject", second["action_id"], *who)["reviewed"]
    assert (approved["changed"], rejected["changed"], rejected["state"]) == (True, True, "rejected")
    assert "unchanged, rejected by a person" in hearth("interventions", "approve", second["action_id"], *who).stdout
    still = ask("interventions", "list", "--tenant", TENANT, "--limit", "100")["actions"]
    assert not {first["action_id"], second["action_id"]} & {one["action_id"] for one in still}
    of_lead = ask("interventions", "list", "--tenant", TENANT, "--lead", second["external_id"])["actions"]
    assert {one["action_id"]: one["state"] for one in of_lead}[second["action_id"]] == "rejected"
    unknown = hearth("interventions", "approve", "nothing", *who)
    assert (unknown.exit_code, "no action of this tenant" in unknown.stderr) == (1, True)


def test_a_card_shows_risk_and_actions_in_words(ask, hearth, planned):
    action = ask("interventions", "list", "--tenant", TENANT, "--limit", "1")["actions"][0]
    shown = hearth("card", "--tenant", TENANT, action["external_id"])
    assert shown.exit_code == 0, shown.stderr
    assert "says the written scorecard" in shown.stdout
    assert "waits for a person's approval" in shown.stdout
    assert f"  {action['action_id']}\n" in shown.stdout
    told = hearth("interventions", "list", "--tenant", TENANT, "--lead", action["external_id"])
    assert f"lead {action['external_id']}: " in told.stdout
    assert action["text"].splitlines()[0] in told.stdout


def test_a_risk_is_explained_and_computed_again(ask, hearth, planned):
    action = ask("interventions", "list", "--tenant", TENANT, "--limit", "1")["actions"][0]
    risk = ask("card", "--tenant", TENANT, action["external_id"])["risk"]
    shown = hearth("explain", risk["prediction_id"])
    assert shown.exit_code == 0, shown.stderr
    assert f"the same bit for bit, probability {risk['probability']:.3f}" in shown.stdout
    assert risk["drivers"][0]["name"].replace("_", " ") in shown.stdout


def test_the_report_counts_who_was_sent_to_and_held_out_and_is_a_page(ask, hearth, planned, released, tmp_path):
    path = tmp_path / "report.html"
    told = ask("interventions", "report", "--tenant", TENANT, "--page", str(path))
    assert told["held_out"] == planned["held_out"] > 0
    assert told["sent"] > told["held_out"]
    assert sum(one["sent"] for one in told["types"]) == told["sent"]
    assert (told["verdict"], told["settled"], told["difference"]) == ("too_early", {"sent": 0, "held_out": 0}, None)
    assert told["actions"]["held_out"] == planned["held_out"]
    page = path.read_text(encoding="utf-8")
    assert "Too early to say" in page
    assert TENANT in page
    shown = hearth("interventions", "report", "--tenant", TENANT).stdout
    assert shown.startswith(f"interventions of {TENANT}: too early to say\n{told['reason'][:40]}")


def test_a_type_is_paused_and_resumed(ask, hearth, planned):
    named = ("social_proof", "--tenant", TENANT, "--actor", "ada.quill")
    assert ask("interventions", "pause", *named, "--reason", "complaints")["paused"]
    paused = {one["intervention"]: one["paused"] for one in ask("interventions", "report", "--tenant", TENANT)["types"]}
    assert (paused["social_proof"]["reason"], paused["social_proof"]["by"]) == ("complaints", "ada.quill")
    assert hearth("interventions", "resume", *named).stdout == "social proof: not paused\n"
    assert not ask("interventions", "resume", *named)["changed"]
    assert ask("interventions", "pause", "all", "--tenant", TENANT)["intervention"] == "*"
    assert ask("interventions", "resume", "all", "--tenant", TENANT)["changed"]
    assert ask("audit", "verify", "--tenant", TENANT)["ok"]


def test_the_report_of_value_names_bands_and_agents_and_no_money_without_figures(ask, planned, tmp_path):
    path = tmp_path / "value.html"
    told = ask("report", "value", "--tenant", TENANT, "--days", "30", "--page", str(path))
    assert set(told) == {"tenant_id", "since", "bands", "use", "effect", "money"}
    assert [band["band"] for band in told["bands"]] == ["hot", "warm", "cold"]
    assert "ada.quill" in {row["agent"] for row in told["use"]}
    assert told["money"] is None
    assert "In money" in path.read_text(encoding="utf-8")


def test_running_workers_take_a_new_champion_up_and_go_back_from_it(ask, hearth, trained, redis_url):
    def scorer() -> str:
        with client(TENANT) as caller:
            lead_id = caller.call("hearth.leads.worklist", capacity=1)["leads"][0]["lead_id"]
            return caller.envelope("hearth.leads.score", lead_id=lead_id)["model"]["version"]

    with client(TENANT) as caller:
        given = {"kind": "lead_score", "promote": "never", "seed": 1}
        newer = caller.call("hearth.models.train", patience=90, **given)["version"]
    assert scorer() == trained["version"]
    promoted = ask("models", "promote", newer, "--tenant", TENANT, "--actor", "ada.quill")
    assert promoted == {"kind": "lead_score", "champion": newer, "retired": trained["version"]}
    assert scorer() == newer
    back = ask("models", "rollback", "--tenant", TENANT)
    assert back == {"kind": "lead_score", "champion": trained["version"], "retired": newer}
    assert scorer() == trained["version"]
    refused = hearth("models", "rollback", "--tenant", TENANT)
    assert (refused.exit_code, "no former champion" in refused.stderr) == (1, True)
    told = ask("models", "history", "--tenant", TENANT, "--kind", "lead_score")["changes"]
    assert [(row["change"], row["to"], row["actor"]) for row in told[:2]] == [
        ("rollback", trained["version"], "hearth models"),
        ("promotion", newer, "ada.quill"),
    ]
    for row in told[:2]:
        answering = ask("models", "list", "--tenant", TENANT, "--at", row["at"])["answering"]
        assert (answering[0]["version"], answering[0]["since"]) == (row["to"], row["at"])
    before = ask("models", "list", "--tenant", TENANT, "--at", "2020-01-01")["answering"]
    assert [one["version"] for one in before] == [None, None]
    refused = hearth("models", "refuse", trained["version"], "--tenant", TENANT)
    assert (refused.exit_code, "no challenger but champion" in refused.stderr) == (1, True)
    assert ask("audit", "verify", "--tenant", TENANT)["ok"]


def test_tenants_are_created_once_and_configured(ask, hearth, tmp_path):
    settings = tmp_path / "settings.toml"
    settings.write_text('timezone = "America/New_York"\n[bands]\nhot = 0.7\nwarm = 0.4\n', encoding="utf-8")
    assert ask("tenant", "create", "fresh")["created"]
    assert hearth("tenant", "create", "fresh").exit_code == 1
    assert ask("tenant", "configure", "fresh", "--settings", str(settings))["version"] == 2
    assert not ask("tenant", "readiness", "fresh")["answers"]["lead_score"]["own_model_possible"]
    assert "hearth assess" in ask("interventions", "report", "--tenant", "fresh")["reason"]
    unfit = hearth("train", "lead_score", "--tenant", "fresh", "--json")
    answer = json.loads(unfit.stdout)
    assert (unfit.exit_code, answer["promoted"], answer["missing"]["won"], answer["left_out"]) == (1, False, 40, {})
    assert unfit.stderr.splitlines()[-1] == f"Error: nothing was trained: {answer['reason']}"
    assert hearth("train", "lead_score", "--tenant", "fresh").stdout == ""


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["worklist", "--tenant", "nobody"], "unknown_tenant"),
        (["interventions", "report", "--tenant", "nobody"], "unknown_tenant"),
        (["interventions", "list", "--tenant", "nobody"], "unknown_tenant"),
        (["report", "value", "--tenant", "nobody"], "unknown_tenant"),
        (["score", "--tenant", "nobody", "--all"], "unknown tenant"),
        (["train", "lead_score", "--tenant", "nobody"], "unknown_tenant"),
        (
            ["backfill", "examples/leads.csv", "--tenant", "nobody", "--mode", "dry_run"],
            "stores nothing, so it creates none",
        ),
        (["backfill", "pyproject.toml", "--tenant", "not a tenant"], "tenant_id"),
        (["backfill", "examples/leads.csv", "--tenant", "nobody", "--mode", "preview", "--timezone", "Mars"], "time"),
        (["tenant", "configure", "nobody", "--settings", "examples/mappings/x_education.toml"], "unknown_tenant"),
        (["backfill", "status", "no-such-job"], "no import has this id"),
        (["models", "show", "lead_score-9999", "--tenant", "fresh2"], "tenant"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_failure_is_one_line_and_exit_1(hearth, args, said):
    refused = hearth(*args, "--json")
    assert refused.exit_code == 1, refused.stderr
    assert not refused.stdout
    assert said in refused.stderr.splitlines()[-1]
    assert "Traceback" not in refused.stderr


def test_a_person_is_copied_stopped_and_forgotten_by_command(ask, home, tmp_path):
    given = tmp_path / "people.csv"
    given.write_text("external_id,email,lead_type\nP1,p1@example.com,buyer\nP2,p2@example.com,buyer\n")
    assert ask("backfill", str(given), "--tenant", "people")["rows"]["created"] == 2
    who = ("--tenant", "people", "--lead", "P1")
    assert "p1@example.com" in Path(ask("privacy", "export", *who)["file"]).read_text()
    assert ask("privacy", "restrict", *who, "--objected")["leads"][0]["blocked"] == ["objected"]
    assert ask("privacy", "forget", *who, "--dry-run")["leads"] == 1
    gone = ask("privacy", "forget", *who)
    assert (gone["leads"], gone["files"]) == (1, {"exports": 1})
    assert ask("privacy", "forget", *who) == gone | {"duplicate": True}
    again = ask("backfill", str(given), "--tenant", "people", "--no-resume", "--max-error-rate", "1")
    assert (again["rows"]["rejected"], again["rows"]["created"]) == (1, 0)
    readmitted = ask("privacy", "readmit", gone["erasure_id"], "--tenant", "people", "--actor", "ada.quill")
    assert readmitted["identities"] == 2
    assert {store["table"] for store in ask("privacy", "registry")["stores"]} >= {"leads", "outbox"}
    assert ask("audit", "verify", "--tenant", "people")["ok"]


def test_events_are_read_again(ask, imported):
    told = ask("events", "replay", "--tenant", TENANT, "--since", "7d", "--status", "ignored", "--dry-run")
    counts = dict.fromkeys(("read", "accepted", "duplicates", "ignored", "failed", "leads"), 0)
    assert told == {"tenant_id": TENANT, "dry_run": True, "ignored_by": {}, **counts}
