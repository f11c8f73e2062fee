"""`hearth score`, `assess`, `worklist` and `card`: the commands of every day."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import click
from click.core import ParameterSource

from db.records import PredictionRecord
from db.repositories import tenants
from db.repositories.leads import leads
from db.repositories.predictions import predictions
from db.session import reading
from domain.documents import JsonObject
from workers.base.database import database_exists
from workers.base.settings import settings
from workers.cli.base.client import Client, client, reader
from workers.cli.base.command import Command, CommandFailed, Function, example, json_option, tenant_option
from workers.cli.base.database import database
from workers.cli.base.formatting import percent
from workers.cli.base.output import emit, filled, notice, progress, table
from workers.cli.base.zones import lead_zones
from workers.cli.leads.card_view import show_card, texts
from workers.cli.leads.worklist_view import empty_hint, show_worklist

#: leads in one message
BATCH = 1000
KIND = "lead_score"
#: of an option that somebody wrote
_GIVEN = ParameterSource.COMMANDLINE
#: code of a worklist's warning -> what it says
WARNINGS: Mapping[str, str] = {"kill_switch": "the kill switch is on: no lead may be contacted, so the list is empty"}


def leads_options(function: Function) -> Function:
    """`--lead ID` or `--all`, and `--top N`."""
    function = click.option("--top", type=click.IntRange(1), default=20, show_default=True, help="How many.")(function)
    function = click.option("--all", "every", is_flag=True, help="All open leads.")(function)
    return click.option("--lead", metavar="ID", help="One lead: Hearth's id or the CRM's.")(function)


@click.command(
    cls=Command, epilog=example("hearth score --tenant demo --all --top 20", "hearth score --tenant demo --top 20")
)
@tenant_option
@leads_options
@json_option
def score(tenant: str, lead: str | None, every: bool, top: int, as_json: bool) -> None:
    """Score leads now and print them ranked by their probability.

    With --top alone nothing is scored: the stored scores of all open leads are ranked, which needs no cluster.
    """
    if lead is None and not every and click.get_current_context().get_parameter_source("top") is _GIVEN:
        with reader(tenant), database(settings()):
            ranked = ranking(tenant, chosen(tenant, None), top)
        show_ranking(f"leads of {tenant}, by their stored scores", ranked, as_json=as_json)
        return
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
@click.option("--what-if", is_flag=True, help="Also what would change each score; takes longer.")
@json_option
def worklist(tenant: str, agent: str | None, top: int | None, what_if: bool, as_json: bool) -> None:
    """Today's calls in order, with reasons."""
    with reader(tenant) as caller:
        answer = caller.envelope("hearth.leads.worklist", assigned_to=agent, capacity=top, what_if=what_if)
    if as_json:
        emit(answer["data"])
        return
    zones = lead_zones(tenant, [lead["lead_id"] for lead in answer["data"]["leads"]])
    show_worklist(f"worklist of {tenant}", answer["data"], zones)
    _warn(tenant, answer)


def _warn(tenant: str, answer: JsonObject) -> None:
    """Print what a worklist was warned of, and what to do where it is empty since nothing has a score."""
    warned = {warning["code"]: warning["path"] for warning in answer["warnings"]}
    for code in WARNINGS.keys() & warned.keys():
        notice(WARNINGS[code])
    if not answer["data"]["scored"] and "kill_switch" not in warned:
        unscored = "not_scored" in warned
        notice(empty_hint(tenant, stored=unscored or _has_leads(tenant), unscored=unscored))
    elif "not_scored" in warned:
        notice(f"{warned['not_scored']} have no score yet: `hearth assess --tenant {tenant} --all` makes them")


def _has_leads(tenant: str) -> bool:
    """Return whether any lead is stored; True where there is no database to ask."""
    chosen_settings = settings()
    if not database_exists(chosen_settings):
        return True
    with database(chosen_settings), reading(tenant) as session:
        return bool(leads.ids(session, tenant, limit=1))


@click.command(cls=Command, epilog=example("hearth card --tenant demo SIM-00001"))
@tenant_option
@click.argument("lead", metavar="LEAD")
@click.option("--what-if", is_flag=True, help="Also what would change the score; takes longer.")
@json_option
def card(tenant: str, lead: str, what_if: bool, as_json: bool) -> None:
    """Everything known of one lead's score: LEAD is Hearth's id or the CRM's."""
    with reader(tenant) as caller, database(settings()):
        data = caller.call("hearth.leads.card", lead_id=chosen(tenant, lead)[0], what_if=what_if)
        if as_json:
            emit(data)
            return
        show_card(lead, data, lead_zones(tenant, [data["lead_id"]]).get(data["lead_id"]))


def _one_of(lead: str | None, *, every: bool) -> None:
    if (lead is None) == (not every):
        raise click.UsageError("give --lead ID or --all, one of the two")


def chosen(tenant: str, lead: str | None) -> list[str]:
    """Return the lead with either id, else all open leads, and say where there are none; raise UnknownTenant."""
    with reading(tenant) as session:
        tenants.require(session, tenant)
        if lead is not None:
            return [leads.find(session, tenant, external_id=lead) or lead]
        lead_ids = leads.ids(session, tenant, status="open")
    if not lead_ids:
        notice(f"no lead of {tenant} is open: `hearth tenant readiness {tenant}` counts them; a label closes a lead")
    return lead_ids


def newest_score(tenant: str, lead: str) -> str:
    """Return the id of a lead's newest score; raise CommandFailed where it has none, or is not there."""
    lead_id = chosen(tenant, lead)[0]
    with reading(tenant) as session:
        if not leads.exists(session, tenant, lead_id=lead_id):
            raise CommandFailed("no lead of this tenant has this id, or several systems have one of this id")
        scores = predictions.latest(session, tenant, kind=KIND, lead_ids=[lead_id])
    if not scores:
        raise CommandFailed("this lead has no score yet; `hearth score --lead` makes one")
    return scores[0].prediction_id


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
    """Return the newest scores of these leads, highest first, as JSON objects.

    Leads for which nothing may be computed any more (restricted, objected) are left out: they keep an old score.
    """
    with reading(tenant) as session:
        scores = predictions.latest(session, tenant, kind=KIND, lead_ids=lead_ids)
        closed = leads.restricted(session, tenant, lead_ids=[prediction.lead_id for prediction in scores])
        scores = [prediction for prediction in scores if prediction.lead_id not in closed]
        scores = sorted(scores, key=lambda p: (-(p.probability or 0.0), p.lead_id))[:top]
        external = leads.external_ids(session, tenant, lead_ids=[prediction.lead_id for prediction in scores])
    return [_scored(prediction, external.get(prediction.lead_id)) for prediction in scores]


def _scored(prediction: PredictionRecord, external_id: str | None) -> JsonObject:
    reasons = {name: prediction.detail[name] for name in ("log_odds", "base", "up", "down", "rest")}
    # scores of before name no parts
    if "rest_parts" in prediction.detail:
        reasons["rest_parts"] = prediction.detail["rest_parts"]
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
    rows = [_ranked(rank, lead) for rank, lead in enumerate(ranked, 1)]
    table(title, *filled(("rank", "lead", "chance", "band", "for it", "against it", "model"), rows))


def _ranked(rank: int, lead: JsonObject) -> tuple[object, ...]:
    reasons = texts(lead["up"]), texts(lead["down"])
    return (rank, _name(lead), percent(lead["probability"]), lead["band"], *reasons, lead["model"])


def _name(lead: JsonObject) -> str:
    return str(lead["external_id"] or lead["lead_id"])
