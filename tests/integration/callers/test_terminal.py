"""Every command over a database of hostile names: a pipe gets printable text, a terminal no codes but our own."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta

import click
import pytest

from db.records import ApiKeyDraft, AuditDraft, OutboundDraft, QuarantineDraft
from db.repositories import api_keys, audit
from db.repositories.jobs import quarantine as held
from db.repositories.outbound import outbound
from db.repositories.predictions import predictions
from db.session import EVERY_TENANT, reading, transaction
from tests.support.terminals import DRAWING, MARK, forbidden, terminal
from workers.base.settings import settings
from workers.cli import main
from workers.cli.base.client import client
from workers.cli.base.database import database

pytestmark = pytest.mark.cluster("callers")

TENANT = "marked"
NOW = datetime.now(UTC)
#: they run a cluster of their own on our own sample; the gateway runs until Ctrl-C (tests of the gateway start it)
APART = {("demo",), ("up",), ("gateway",)}
WHO = ("--tenant", TENANT)
#: a file with bells and backspaces is taken for no text
IN_FILES = MARK.replace("\x07", "\x1b\\").replace("\x08", "")
#: where a marked name is seen, so that the walk says something
TOLD = {
    ("explain",),
    ("card",),
    ("worklist",),
    ("override",),
    ("mark",),
    ("history",),
    ("interventions", "report"),
    ("evaluate", "leads"),
    ("quarantine", "list"),
    ("quarantine", "show"),
    ("outbound", "dead"),
    ("evaluate", "churn"),
    ("report", "value"),
    ("tenant", "key", "list"),
}


def _leaves(group, path=()):
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        if isinstance(command, click.Group):
            yield from _leaves(command, (*path, name))
        else:
            yield (*path, name)


def marked_lead(number):
    won = (number * 7919) % 10 < (6 if number % 2 else 2)
    return {
        "external_id": f"M{number} {MARK}",
        "source_system": "marked",
        "email": f"m{number}@example.com",
        "phone": f"30555501{number % 100:02}",
        "first_name": MARK,
        "last_name": f"{MARK} {number}",
        "lead_type": "buyer",
        "stage": "engaged",
        "source": MARK,
        "tags": [MARK, "do not text"] if number % 5 == 0 else [MARK],
        "state": "FL",
        "assigned_to": f"agent {MARK}",
        "opt_in_call": True,
        "opt_in_email": True,
        "created_at": (NOW - timedelta(days=40)).isoformat(),
        "as_of": (NOW - timedelta(days=2)).isoformat(),
        "showings": 3 if number % 2 else 0,
        "custom": {f"Pool {MARK}": "yes" if won else f"no {MARK}", f"Lender {MARK}": MARK},
        **({"label": won, "label_at": (NOW - timedelta(days=1)).isoformat()} if number >= 40 else {}),
    }


def table_of(path, rows):
    """A CSV file with hostile names in its header and its cells."""
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    path.write_text(text.getvalue(), encoding="utf-8")
    return str(path)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("marked")
    name = f"{MARK.replace('/', '')}.csv"
    header = ["external_id", "email", f"Pool {IN_FILES}", f"Lender {IN_FILES}", IN_FILES, "Outcome"]
    rows = [
        [f"F{n} {IN_FILES}", f"f{n}@example.com", (IN_FILES, "b")[n % 2], n % 7, n % 2, (IN_FILES, "won")[n % 2]]
        for n in range(120)
    ]
    said = [[f"stop {IN_FILES}", "refusal"], [f"see you {IN_FILES}", "none"]]
    refusals = [["body", f"label {IN_FILES}"], *said * 20]
    pairs = [(f"us {IN_FILES}", f"a{n % 2} {IN_FILES}")[:: 1 if n % 4 < 2 else -1] for n in range(80)]
    talks = [["from", "to", IN_FILES], *([*pair, 1_700_000_000 + n * 3600] for n, pair in enumerate(pairs))]
    turns = [{"speaker": "USER", "text": f"3 beds {IN_FILES}", "slots": [], "acts": [[IN_FILES, IN_FILES, [IN_FILES]]]}]
    dialogues = folder / f"dialogues {name}"
    dialogues.write_text("".join(json.dumps(turn) + "\n" for turn in turns * 3), encoding="utf-8")
    odd = table_of(folder / f"odd {name}", [["external_id", "email", IN_FILES], [IN_FILES] * 3, ["a", "b"], [""]])
    settings_ = folder / "tenant.toml"
    settings_.write_text('timezone = "America/New_York"\n', encoding="utf-8")
    return {
        "leads": table_of(folder / name, [header, *rows]),
        "refusals": table_of(folder / f"refusals {name}", refusals),
        "dialogues": str(dialogues),
        "talks": table_of(folder / f"talks {name}", talks),
        "odd": odd,
        "settings": str(settings_),
        "folder": folder,
    }


@pytest.fixture(scope="module")
def ids(hearth, files):
    """A tenant full of hostile names, and the ids by which commands are asked of it."""
    with client(TENANT) as caller:
        caller.call("hearth.tenants.configure", settings={"interventions": {"holdout": 0}}, actor=MARK)
        lead_ids = caller.call("hearth.leads.upsert", leads=[marked_lead(n) for n in range(100)])["lead_ids"]
        more = [marked_lead(n) for n in range(100, 300)]
        caller.call("hearth.leads.upsert", leads=more[:100])
        caller.call("hearth.leads.upsert", leads=more[100:])
        trained = caller.call("hearth.models.train", patience=90, kind="lead_score")
        caller.call("hearth.leads.score", lead_ids=lead_ids)
        caller.call("hearth.churn.predict", lead_ids=lead_ids)
        plan = caller.call("hearth.interventions.plan", lead_ids=lead_ids)
        # who is planned for counts in the report from the yes on
        caller.call("hearth.interventions.release", actor=f"who {MARK}")
        scored = caller.call("hearth.leads.history", lead_id=lead_ids[1])["points"][0]["prediction_id"]
        caller.call("hearth.leads.mark", prediction_id=scored, actor=f"who {MARK}")
        caller.call("hearth.leads.override", lead_id=lead_ids[1], band="hot", actor=f"who {MARK}")
        forgotten = caller.call("hearth.privacy.forget", lead_id=lead_ids[3], reason="request")["erasure_id"]
        caller.call("hearth.interventions.pause", intervention="*", actor=f"who {MARK}", reason="other")
        waiting = caller.call("hearth.interventions.waiting", limit=50)["actions"]
    assert plan
    with database(settings()):
        event, message = _troubles()
        with reading(EVERY_TENANT) as session:
            risks = predictions.latest(session, TENANT, kind="churn", lead_ids=lead_ids)
        key = ApiKeyDraft(name=MARK, kind="signing", scopes=("read",), rate=1.0, created_by=MARK)
        with transaction(TENANT) as session:
            issued = api_keys.create(session, TENANT, draft=key, now=NOW)
    return {
        "lead": lead_ids[1],
        "score": scored,
        "risk": risks[0].prediction_id,
        "version": trained["version"],
        "erasure": forgotten,
        "key": issued.record.key_id,
        "actions": [one["action_id"] for one in waiting] or [MARK.replace("\n", " ")],
        "event": event,
        "message": message,
    }


def _troubles():
    """A dead letter and a held message, whose sender chose the names."""
    facts = {"headers": {"task": MARK, f"x-{MARK}": MARK}, "properties": {}, "content_type": MARK}
    draft = QuarantineDraft(task=MARK, queue="batch", reason="poison", headers=facts, body=MARK.encode())
    with transaction(EVERY_TENANT) as session:
        letter = OutboundDraft(type="band.changed", lead_id="L1", body={})
        (event,) = outbound.emit(session, TENANT, events=[letter], now=NOW)
        outbound.mark_dead(session, TENANT, event_id=event.event_id, error=MARK)
        message = held.hold(session, TENANT, draft=draft, now=NOW)
        audit.append(session, TENANT, entries=[AuditDraft(kind="note", body={"actor": MARK})], now=NOW)
    return event.event_id, message


@pytest.fixture(scope="module")
def steps(ids, files):
    """Every command with what it is asked, in an order in which each finds something to tell."""
    actions, lead, folder = ids["actions"], ids["lead"], files["folder"]
    target = ("--target", "Outcome", "--positive", "won", "--folds", "2")
    emotion = (files["refusals"], "--text", "body", "--label", f"label {IN_FILES}")
    return [
        (("migrate",), ()),
        (("tenant", "create"), (f"no{MARK}name",)),
        (("tenant", "create"), (TENANT,)),
        (("tenant", "configure"), (TENANT, "--settings", files["settings"])),
        (("tenant", "configure"), (TENANT, "--settings", files["leads"])),
        (("tenant", "readiness"), (TENANT,)),
        (("tenant", "key", "create"), (*WHO, "--name", MARK, "--by", MARK)),
        (("tenant", "key", "create"), (*WHO, "--name", MARK, "--signing", "--scope", MARK)),
        (("tenant", "key", "list"), WHO),
        (("tenant", "key", "rotate"), (ids["key"], "--by", MARK)),
        (("tenant", "key", "rotate"), (MARK, "--grace", MARK)),
        (("tenant", "key", "revoke"), (ids["key"], "--by", MARK)),
        (("tenant", "key", "revoke"), (MARK,)),
        (("backfill", "import"), (files["leads"], *WHO, "--mode", "preview")),
        (("backfill", "import"), (files["leads"], *WHO)),
        (("backfill", "import"), (files["odd"], *WHO)),
        (("backfill", "import"), (files["odd"], *WHO, "--mapping", files["odd"])),
        (("backfill", "status"), (MARK,)),
        (("backfill", "cancel"), (MARK,)),
        (("train",), ("churn", *WHO)),
        (("train",), ("lead_score", *WHO)),
        (("tune",), ("lead_score", *WHO, "--trials", "2", "--folds", "2", "--html", str(folder / "tuning.html"))),
        (("tune",), ("lead_score", *WHO, "--show")),
        (("models", "list"), WHO),
        (("models", "list"), (*WHO, "--at", "1h")),
        (("models", "history"), WHO),
        (("models", "monitor"), (*WHO, "--check", "--html", str(folder / "monitoring.html"))),
        (("models", "refuse"), (ids["version"], *WHO, "--actor", MARK, "--reason", MARK)),
        (("models", "refuse"), (MARK, *WHO)),
        (("models", "show"), (ids["version"], *WHO)),
        (("models", "show"), (MARK, *WHO)),
        (("models", "promote"), (ids["version"], *WHO, "--actor", MARK)),
        (("models", "promote"), (MARK, *WHO)),
        (("models", "rollback"), WHO),
        (("evaluate", "leads"), (files["leads"], *target)),
        (("evaluate", "leads"), (files["leads"], "--target", "none")),
        (("evaluate", "leads"), (files["odd"], "--target", IN_FILES)),
        (("evaluate", "churn"), (files["leads"], *target, "--drop", f"Pool {IN_FILES}")),
        (("evaluate", "churn"), (files["leads"], *target, "--drop", f"no {MARK}")),
        (("evaluate", "refusals"), (files["refusals"], "--text", "body", "--label", f"label {IN_FILES}")),
        (("evaluate", "refusals"), (files["refusals"], "--text", "none", "--label", "none")),
        (("evaluate", "sentiment"), (files["refusals"], "--text", "body", "--rating", f"label {IN_FILES}")),
        (("evaluate", "sentiment"), (files["refusals"], "--text", "body", "--label", "none", "--positive", MARK)),
        (("evaluate", "emotion"), emotion),
        (("evaluate", "emotion"), (*emotion, "--fit", files["refusals"])),
        (("evaluate", "emotion"), (*emotion, "--labels", files["refusals"])),
        (("evaluate", "facts"), (files["dialogues"],)),
        (("evaluate", "facts"), (files["talks"],)),
        (("evaluate", "sendtime"), (files["talks"], "--source", "from", "--target", "to", "--at", IN_FILES)),
        (("evaluate", "sendtime"), (files["talks"], "--source", "from", "--target", "to", "--at", "from")),
        (("evaluate", "stream"), (files["leads"], *target)),
        (("evaluate", "stream"), (files["leads"], *target, "--positions", files["refusals"])),
        (("evaluate", "stream"), (files["odd"], "--target", IN_FILES)),
        (("score",), (*WHO, "--all")),
        (("assess",), (*WHO, "--lead", lead)),
        (("worklist",), WHO),
        (("worklist",), (*WHO, "--agent", f"agent {MARK}")),
        (("card",), (*WHO, lead)),
        (("card",), (*WHO, MARK)),
        (("override",), (*WHO, lead, "--band", "hot", "--by", MARK)),
        (("mark",), (*WHO, lead, "--verdict", "wrong", "--by", MARK)),
        (("mark",), (*WHO, MARK, "--verdict", "wrong", "--by", MARK)),
        (("history",), (*WHO, lead)),
        (("override",), (*WHO, lead, "--withdraw", "--by", MARK)),
        (("status",), ()),
        (("explain",), (ids["score"],)),
        (("explain",), (*WHO, "--lead", lead, "--all")),
        (("explain",), (ids["risk"],)),
        (("explain",), (MARK,)),
        (("explain",), (*WHO, "--model", "churn")),
        (("card",), (*WHO, lead, "--what-if")),
        (("worklist",), (*WHO, "--what-if")),
        (("interventions", "report"), (*WHO, "--page", str(folder / "report.html"))),
        (("interventions", "list"), WHO),
        (("interventions", "list"), (*WHO, "--lead", lead)),
        (("interventions", "release"), (*WHO, "--by", MARK, "--yes")),
        (("interventions", "approve"), (*actions[:1], *WHO, "--actor", MARK)),
        (("interventions", "reject"), (*actions[-1:], *WHO, "--actor", MARK)),
        (("interventions", "pause"), ("all", *WHO, "--actor", MARK)),
        (("interventions", "resume"), ("all", *WHO, "--actor", MARK)),
        (("report", "value"), WHO),
        (("outbound", "dead"), WHO),
        (("outbound", "replay"), (MARK, *WHO)),
        (("sender", "status"), WHO),
        (("sender", "list"), (*WHO, "--state", "unsure")),
        (("sender", "resend"), (MARK, *WHO, "--by", MARK)),
        (("sender", "settle"), (MARK, *WHO, "--not-sent", "--by", MARK)),
        (("quarantine", "list"), ()),
        (("quarantine", "show"), (ids["message"], "--reveal")),
        (("quarantine", "show"), (MARK,)),
        (("quarantine", "replay"), (MARK,)),
        (("quarantine", "drop"), (MARK,)),
        (("events", "replay"), WHO),
        (("audit", "verify"), WHO),
        (("privacy", "consent"), (*WHO, lead, "--reveal")),
        (("privacy", "doubts"), WHO),
        (("privacy", "decide"), (*WHO, lead, "--refused", "--actor", MARK)),
        (("privacy", "export"), (*WHO, "--lead", lead)),
        (("privacy", "restrict"), (*WHO, "--lead", lead)),
        (("privacy", "reread"), WHO),
        (("privacy", "forget"), (*WHO, "--external-id", MARK, "--yes")),
        (("privacy", "readmit"), (ids["erasure"], *WHO, "--actor", f"a{MARK}")),
        (("privacy", "find"), (*WHO, "--email", f"{MARK}@example.com", "--by", MARK)),
        (("privacy", "find"), (*WHO, "--email", "f1@example.com", "--by", MARK)),
        (("privacy", "correct"), (*WHO, "--lead", lead, "--set", f"campaign={MARK}", "--by", MARK)),
        (("privacy", "correct"), (*WHO, "--lead", lead, "--set", f"{MARK}=1", "--by", MARK)),
        (("privacy", "purged"), WHO),
        (("tenant", "export"), (*WHO, "--out", str(folder / "archive"))),
        (("tenant", "delete"), (*WHO, "--by", MARK, "--dry-run")),
        (("tenant", "delete"), (*WHO, "--by", MARK, "--yes", MARK)),
        (("privacy", "registry"), ()),
        (("schemas",), (str(folder / f"schemas {MARK.replace('/', '')}"),)),
    ]


@pytest.fixture(scope="module")
def outputs(hearth, steps):
    """What each step said into a pipe, for people and as JSON."""
    return [(path, args, [hearth(*path, *args, *more) for more in ((), ("--json",))]) for path, args in steps]


def test_every_command_is_walked(steps):
    assert {path for path, _ in steps} == set(_leaves(main)) - APART


def test_a_pipe_gets_printable_text_only(outputs):
    for path, args, done in outputs:
        for one in done:
            assert forbidden(one.stdout + one.stderr) == [], (path, args)
            assert not [line for line in one.output.splitlines() if line.startswith("FORGED")], (path, args)
            assert not isinstance(one.exception, Exception) or isinstance(one.exception, SystemExit), (path, args)


def test_what_was_walked_holds_the_names(outputs):
    told = {path for path, _, done in outputs if "FORGED" in done[0].stdout}
    assert told >= TOLD, TOLD - told


def test_a_terminal_gets_our_own_codes_only(hearth, steps, monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    for path, args in steps:
        with terminal() as shown, pytest.raises(SystemExit):
            main.main([*path, *args], prog_name="hearth")
        assert forbidden(DRAWING.sub("", shown.text)) == [], (path, args)
        assert "\x1b[31m" not in shown.text, (path, args)
