"""`hearth explain`: show the evidence behind one score, and replay it bit for bit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import click

from db.repositories import tenants
from db.repositories.predictions import predictions
from db.session import EVERY_TENANT, reading
from domain.documents import JsonMapping
from domain.model_kinds import KIND_LABELS
from tasks.contracts.base.wire import to_wire
from tasks.services.explanations.importance_view import importance_view
from tasks.services.leads.explanation import Explanation, explain_prediction
from workers.base.settings import settings
from workers.cli.base.command import Command, CommandFailed, example, json_option
from workers.cli.base.database import database
from workers.cli.base.formatting import form, moment, number, percent
from workers.cli.base.output import emit, facts, say, table
from workers.cli.base.zones import times_of
from workers.cli.leads.action_views import surety
from workers.cli.leads.card_view import how_sure, marked, reasons
from workers.cli.leads.explanation_view import show_importance, show_similar, show_what_if
from workers.cli.leads.scores import newest_score
from workers.pages.labels import evidence, plain

#: what the verdict of a replay names, the first that it has computed again
FIGURES = ("log_odds", "probability")
#: who made a model
SCOPES: Mapping[str, str] = {
    "tenant": "trained on your own leads",
    "pooled": "trained on the leads of several brokerages",
    "scorecard": "a written table of points",
    "rules": "written rules",
}
#: of a risk, besides its probability
RISK = ("days_silent", "threshold", "days_to_churn", "neglected", "confidence", "members", "next_check_at")


@click.command(
    cls=Command,
    epilog=example(
        "hearth explain 0190c0de-1111-7222-8333-444455556666",
        "hearth explain --lead SIM-00001 --tenant demo --all",
        "hearth explain --model lead_score --tenant demo",
    ),
)
@click.argument("prediction", metavar="[PREDICTION]", required=False)
@click.option("--lead", metavar="ID", help="Explain the newest score of this lead, by your own id or Hearth's.")
@click.option("--tenant", metavar="T", help="The tenant; needed for --lead, else found by the id of the score.")
@click.option("--model", type=click.Choice([*KIND_LABELS]), help="Explain the model of this kind over all leads.")
@click.option("--all", "everything", is_flag=True, help="List every value that was missing, too.")
@json_option
@click.pass_context
def explain(
    context: click.Context,
    *,
    prediction: str | None,
    lead: str | None,
    tenant: str | None,
    model: str | None,
    everything: bool,
    as_json: bool,
) -> None:
    """Explain one score and compute it again; exits with 1 when the new score differs.

    PREDICTION is the id of a score, as cards, worklists and the history name it. Tells first what was said and why,
    how sure it is and by which model, what would change it, and what became of closed leads like this one; then, for an
    audit, the snapshot, events, what was missing, and the replay. With --model: what the model needs to know, with
    bounds, over all leads with a known outcome.
    """
    if sum(given is not None for given in (prediction, lead, model)) != 1:
        raise click.UsageError("give the id of a score, --lead or --model, one of them")
    if prediction is None and tenant is None:
        raise click.UsageError("--lead and --model need --tenant")
    if model is not None:
        _explain_model(tenant or "", model, as_json=as_json)
        return
    with database(settings()):
        score_id = prediction or newest_score(tenant or "", lead or "")
        explanation, owner = _explained(score_id, tenant)
        if explanation is None or owner is None:
            raise CommandFailed("no score has this id; `hearth card` names the scores of a lead")
        if as_json:
            emit(explanation.evidence)
        else:
            with times_of(owner):
                show_explanation(explanation, everything=everything)
    if not explanation.reproduced:
        context.exit(1)


def _explain_model(tenant: str, model: str, *, as_json: bool) -> None:
    with database(settings()), reading(tenant) as session:
        tenants.require(session, tenant)
        view = to_wire(importance_view(session, tenant, model))
    if as_json:
        emit(view)
    else:
        show_importance(view)


def _explained(prediction: str, tenant: str | None) -> tuple[Explanation | None, str | None]:
    with reading(tenant or EVERY_TENANT) as session:
        owner = tenant or predictions.tenant_of(session, prediction_id=prediction)
        return (explain_prediction(session, owner, prediction) if owner else None), owner


def show_explanation(explanation: Explanation, *, everything: bool = False) -> None:
    """Print what a manager asks, then what an audit asks; `everything`: each missing value by its name."""
    evidence_record = explanation.evidence
    answer = evidence_record["answer"]
    facts(
        f"{_title(evidence_record)}: {percent(answer['probability'])}, {plain(answer['band'])}", _told(evidence_record)
    )
    _indicators(answer)
    _journey(answer)
    _changes(evidence_record)
    say("for an audit")
    names = ("as_of", "computed_at", "log_odds", "base", "rest")
    ids = {"lead": evidence_record["lead_id"], "tenant": evidence_record["tenant_id"], "kind": evidence_record["kind"]}
    facts(f"score {answer['prediction_id']}", ids | {plain(name): answer.get(name) for name in names})
    _reasons(answer)
    facts("model", {plain(name): _flat(value) for name, value in evidence_record["model"].items()})
    _snapshot(evidence_record["snapshot"], everything=everything)
    counts = evidence_record["events"]["counts"]
    if counts:
        table("events seen", ("kind", "times"), [(plain(kind), times) for kind, times in counts.items()])
    say(_verdict(evidence_record["replay"]))


def _title(record: JsonMapping) -> str:
    if record["kind"] == "lead_score":
        return "the chance that this lead closes"
    if record["kind"] == "personalization":
        return "the journey stage of this lead"
    return "the risk that this lead goes cold" if record["kind"] == "churn" else plain(record["kind"])


def _told(record: JsonMapping) -> dict[str, object]:
    """Return the manager's half: why, how sure, by which model, from when, and what stands in the way of a call."""
    answer, model, gates = record["answer"], record["model"], record["gates"]
    trained = f", trained {moment(model['trained_at'])} on {model['rows']:,} leads" if model.get("trained_at") else ""
    closed = [*gates["blocked"], *(() if gates["contactable"] else ("may not be contacted",))]
    said = gates["override"]
    rows = {
        **reasons(answer),
        "how sure": _how_sure(answer),
        "data known": percent(answer["data_quality"]) if answer.get("data_quality") is not None else None,
        "model": f"{model['version']}, {SCOPES.get(model['scope'], model['scope'])}{trained}",
        "from when": moment(answer["as_of"]),
        "lead now": ", ".join([gates["status"], *closed]),
        "what counts": f"{said['band']}, says {said['actor']} ({plain(said['reason'])})" if said else None,
        "marks": ", ".join(marked(answer["marks"])),
    }
    return {name: value for name, value in rows.items() if value}


def _how_sure(answer: JsonMapping) -> str:
    """Return how far a score is trusted, by its interval, or a risk, by its confidence."""
    confidence = answer.get("confidence")
    return how_sure(answer) if confidence is None else f"{surety(confidence)}, {percent(confidence)}"


def _changes(record: JsonMapping) -> None:
    """Print what would change an answer, and what became of similar leads; nothing where rules gave it."""
    show_what_if(record["what_if"])
    if record["similar"]:
        show_similar(record["similar"])


def _snapshot(snapshot: JsonMapping, *, everything: bool) -> None:
    facts(f"snapshot {snapshot['snapshot_id']} as of {moment(snapshot['as_of'])}", snapshot["features"])
    missing = snapshot["missing"]
    if not missing:
        say("missing: nothing")
    elif everything:
        say(f"missing: {', '.join(missing)}")
    else:
        say(f"missing: {len(missing)} of {len(missing) + len(snapshot['features'])} values; --all lists them")


def _reasons(answer: JsonMapping) -> None:
    rows = [
        (way, reason["contribution"], reason["text"], reason["feature"])
        for way in ("up", "down")
        for reason in answer.get(way) or ()
    ]
    rows += [("rest", part["contribution"], part["text"], None) for part in answer.get("rest_parts") or ()]
    if rows:
        table("reasons, in log-odds", ("way", "contribution", "reason", "feature"), rows)


def _indicators(answer: JsonMapping) -> None:
    """Print the indicators of a risk, strongest first."""
    indicators = sorted(answer.get("indicators") or (), key=lambda indicator: (-indicator["value"], indicator["name"]))
    rows = [
        (plain(indicator["name"]), indicator["value"], evidence(indicator["name"], indicator["evidence"]))
        for indicator in indicators
        if indicator["known"]
    ]
    if rows:
        risk = {plain(name): _flat(answer[name]) for name in RISK if answer.get(name) not in (None, {})}
        facts("risk", risk)
        table("indicators, from 0 to 1", ("indicator", "value", "from"), rows)


def _journey(answer: JsonMapping) -> None:
    """Print what a journey stage was read from, strongest first."""
    journey = answer.get("journey")
    if journey is None:
        return
    before = "none" if journey["before"] is None else plain(journey["before"])
    facts("journey", {"stage before": before, "moved": journey["moved"], "expected, 0 to 4": journey["expected"]})
    rows = [(item["text"], item["weight"]) for item in journey["evidence"]]
    if rows:
        table("evidence, in points", ("what", "points"), rows)


def _verdict(replay: JsonMapping) -> str:
    if replay["same"] is None:
        return f"replay: {replay['why']}"
    if replay["same"]:
        name = next(name for name in FIGURES if name in replay["computed"])
        figure = replay["computed"][name]
        return f"replay: the same bit for bit, {name.replace('_', '-')} {number(figure)}"
    return f"replay: NOT the same: {replay['why']}"


def _flat(value: object) -> object:
    if isinstance(value, Mapping):
        return ", ".join(f"{plain(name)} {form(_flat(inner))}" for name, inner in value.items() if inner is not None)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(form(item) for item in value) or "nothing"
    return value
