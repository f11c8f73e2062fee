"""`hearth score`, `assess`, `worklist` and `card`: the commands of every day."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import click

from db.records import PredictionRecord
from db.repositories import tenants
from db.repositories.leads import leads
from db.repositories.predictions import predictions
from db.session import reading
from domain.documents import JsonMapping, JsonObject
from workers.base.settings import settings
from workers.cli.base.client import Client, client
from workers.cli.base.command import Command, Function, example, json_option, tenant_option
from workers.cli.base.database import database
from workers.cli.base.output import emit, facts, notice, progress, table
from workers.cli.leads.action_views import show_actions, show_consent, show_next, show_risk, way
from workers.pages.labels import moment

#: leads in one message
BATCH = 1000
KIND = "lead_score"
WORKLIST_COLUMNS = (
    "rank",
    "lead",
    "probability",
    "band",
    "why now",
    "action",
    "due by",
    "new",
    "risk",
    "reasons",
    "model",
)
#: code of a worklist's warning -> what it says
WARNINGS: Mapping[str, str] = {"kill_switch": "the kill switch is on: no lead may be contacted, so the list is empty"}
NO_CONSENT = (
    "most leads have no stored consent to calls: import opt_in_call, or, if the brokerage has the consent of all, "
    "set attested (docs/compliance.md)"
)
#: parts of a card that are printed in words
PARTS: Mapping[str, Callable[[JsonMapping], None]] = {
    "next": show_next,
    "consent": show_consent,
    "risk": show_risk,
    "actions": show_actions,
}


def leads_options(function: Function) -> Function:
    """`--lead ID` or `--all`, and `--top N`."""
    function = click.option("--top", type=click.IntRange(1), default=20, show_default=True, help="How many.")(function)
    function = click.option("--all", "every", is_flag=True, help="All open leads.")(function)
    return click.option("--lead", metavar="ID", help="One lead: Hearth's id or the CRM's.")(function)


@click.command(cls=Command, epilog=example("hearth score --tenant demo --all --top 20"))
@tenant_option
@leads_options
@json_option
def score(tenant: str, lead: str | None, every: bool, top: int, as_json: bool) -> None:
    """Score leads now and print them ranked by their probability."""
    _one_of(lead, every=every)
    with client(tenant) as caller, database(settings()):
        lead_ids = chosen(tenant, lead)
        with progress("scoring") as show:
            for done, batch in _batches(lead_ids):
                caller.call("hearth.leads.score", queue="batch", lead_ids=batch)
                show(done, len(lead_ids))
        ranked = ranking(tenant, lead_ids, top)
    show_ranking(f"leads of {tenant}", ranked, as_json=as_json)


@click.command(cls=Command, epilog=example("hearth assess --tenant demo --all"))
@tenant_option
@leads_options
@json_option
def assess(tenant: str, lead: str | None, every: bool, top: int, as_json: bool) -> None:
    """Run the whole assessment of leads and wait for it.

    Prints the assessed leads, ranked by their probability.
    """
    _one_of(lead, every=every)
    with client(tenant) as caller, database(settings()):
        lead_ids = chosen(tenant, lead)
        run_assessment(caller, lead_ids)
        ranked = ranking(tenant, lead_ids, top)
    show_ranking(f"leads of {tenant}", ranked, as_json=as_json)


@click.command(cls=Command, epilog=example("hearth worklist --tenant demo --agent ada.quill --top 10"))
@tenant_option
@click.option("--agent", metavar="A", help="Only leads assigned to this agent.")
@click.option("--top", type=click.IntRange(1, 200), help="How many calls; the agent's capacity, else 20, without it.")
@json_option
def worklist(tenant: str, agent: str | None, top: int | None, as_json: bool) -> None:
    """Today's calls in order, with reasons."""
    with client(tenant) as caller:
        answer = caller.envelope("hearth.leads.worklist", assigned_to=agent, capacity=top)
    if as_json:
        emit(answer["data"])
        return
    show_worklist(f"worklist of {tenant}", answer["data"])
    for warning in answer["warnings"]:
        if warning["code"] in WARNINGS:
            notice(WARNINGS[warning["code"]])


@click.command(cls=Command, epilog=example("hearth card --tenant demo SIM-00001"))
@tenant_option
@click.argument("lead", metavar="LEAD")
@json_option
def card(tenant: str, lead: str, as_json: bool) -> None:
    """Everything known of one lead's score: LEAD is Hearth's id or the CRM's."""
    with client(tenant) as caller, database(settings()):
        data = caller.call("hearth.leads.card", lead_id=chosen(tenant, lead)[0])
    if as_json:
        emit(data)
    else:
        show_card(lead, data)


def _one_of(lead: str | None, *, every: bool) -> None:
    if (lead is None) == (not every):
        raise click.UsageError("give --lead ID or --all, one of the two")


def chosen(tenant: str, lead: str | None) -> list[str]:
    """Return the lead with either id, else all open leads; raise UnknownTenant."""
    with reading(tenant) as session:
        tenants.require(session, tenant)
        if lead is None:
            return leads.ids(session, tenant, status="open")
        return [leads.find(session, tenant, external_id=lead) or lead]


def _batches(lead_ids: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    for start in range(0, len(lead_ids), BATCH):
        batch = list(lead_ids[start : start + BATCH])
        yield start + len(batch), batch


def run_assessment(caller: Client, lead_ids: Sequence[str], *, as_of: str | None = None) -> None:
    """Assess the leads batch by batch, as of now or of a past moment.

    A stage that failed or is late is named on stderr.
    """
    with progress("assessing") as show:
        show(0, len(lead_ids))
        for done, batch in _batches(lead_ids):
            started = caller.call("hearth.pipelines.assess", lead_ids=batch, as_of=as_of)
            job = caller.follow(started["assessment_id"], lambda _done, _total: None)
            show(done, len(lead_ids))
            if job.get("error"):
                notice(f"assessment {job['job_id']}: {job['error']}")


def ranking(tenant: str, lead_ids: Sequence[str], top: int) -> list[JsonObject]:
    """Return the newest scores of these leads, highest first, as JSON objects."""
    with reading(tenant) as session:
        scores = predictions.latest(session, tenant, kind=KIND, lead_ids=lead_ids)
        scores = sorted(scores, key=lambda p: (-(p.probability or 0.0), p.lead_id))[:top]
        external = leads.external_ids(session, tenant, lead_ids=[prediction.lead_id for prediction in scores])
    return [_scored(prediction, external.get(prediction.lead_id)) for prediction in scores]


def _scored(prediction: PredictionRecord, external_id: str | None) -> JsonObject:
    reasons = {name: prediction.detail[name] for name in ("log_odds", "base", "up", "down", "rest")}
    return {
        "lead_id": prediction.lead_id,
        "external_id": external_id,
        "probability": prediction.probability,
        "band": prediction.band,
        **reasons,
        "model": prediction.model_version,
    }


def show_ranking(title: str, ranked: Sequence[JsonObject], *, as_json: bool) -> None:
    """Print scored leads."""
    if as_json:
        emit({"leads": list(ranked)})
        return
    rows = [
        (rank, _name(lead), lead["probability"], lead["band"], _texts(lead["up"]), _texts(lead["down"]), lead["model"])
        for rank, lead in enumerate(ranked, 1)
    ]
    table(title, ("rank", "lead", "probability", "band", "up", "down", "model"), rows)


def show_worklist(title: str, data: JsonObject) -> None:
    """Print a worklist, and the number of leads left out because they may not be contacted."""
    rows = [_call(lead) for lead in data["leads"]]
    table(f"{title}, as of {data['as_of']}", WORKLIST_COLUMNS, rows)
    if data.get("in_doubt"):
        click.echo(f"possible refusals: {_many(len(data['in_doubt']))} in doubt; `hearth privacy doubts` lists them")
    if data["withheld"]:
        click.echo(f"left out: {_many(data['withheld'])} that may not be contacted; `hearth card` says why")
    if data.get("withheld_by", {}).get("consent.call_missing"):
        click.echo(NO_CONSENT)


def _many(number: int) -> str:
    return "1 lead" if number == 1 else f"{number} leads"


def _call(lead: JsonObject) -> tuple[object, ...]:
    band = f"{lead['band']}, says {lead['override']['actor']}" if lead.get("override") else lead["band"]
    plain = (lead["why_now"], _action(lead), lead["due_by"])
    new = (lead.get("changed") or {}).get("text")
    who = (lead["rank"], _name(lead), lead["probability"], band)
    return (*who, *plain, new, _risk(lead.get("risk")), _texts(lead["reasons"]), lead["model"])


def _action(lead: JsonObject) -> str:
    """Return the action, and its earliest time if that is not now."""
    later = f", not before {moment(lead['not_before'])}" if lead["not_before"] else ""
    return f"{way(lead)}{later}"


def _risk(risk: JsonObject | None) -> str | None:
    """Return a lead's risk level, or that it has never been contacted."""
    return None if risk is None else str(risk["note"] or risk["level"]).replace("_", " ")


def _name(lead: JsonObject) -> str:
    return str(lead["external_id"] or lead["lead_id"])


def _texts(reasons: Sequence[object]) -> str:
    return "; ".join(str(reason["text"] if isinstance(reason, dict) else reason) for reason in reasons)


def show_card(lead: str, data: JsonObject) -> None:
    """Print a card: single values as lines, risk and actions in words, lists item by item."""
    facts(f"lead {lead}", {name: value for name, value in data.items() if not isinstance(value, (dict, list))})
    for name, value in data.items():
        if value and name in PARTS:
            PARTS[name](value)
        elif isinstance(value, dict):
            facts(name, {key: _short(inner) for key, inner in value.items()})
        elif isinstance(value, list):
            facts(name, {str(index): _short(item) for index, item in enumerate(value, 1)})


def _short(value: object) -> object:
    """Return a value in a line: a dict as names and values, a list as its items; of a reason its text."""
    if isinstance(value, list):
        return "; ".join(str(item["text"] if _has_text(item) else _short(item)) for item in value)
    if isinstance(value, dict):
        return ", ".join(f"{name} {_short(inner)}" for name, inner in value.items() if inner is not None)
    return value


def _has_text(item: object) -> bool:
    return isinstance(item, dict) and "text" in item
