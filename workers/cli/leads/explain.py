"""`hearth explain`: show the evidence behind one score, and replay it bit for bit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import click

from db.repositories.predictions import predictions
from db.session import EVERY_TENANT, reading
from domain.documents import JsonMapping
from tasks.services.leads.explanation import Explanation, explain_prediction
from workers.base.settings import settings
from workers.cli.base.command import Command, CommandFailed, example, json_option
from workers.cli.base.database import database
from workers.cli.base.output import emit, facts, say, table
from workers.pages.labels import evidence, plain

#: what the verdict of a replay names, the first that it has computed again
FIGURES = ("log_odds", "probability")
#: of a risk, besides its probability
RISK = ("days_silent", "threshold", "days_to_churn", "neglected", "confidence", "members", "next_check_at")


@click.command(
    cls=Command,
    epilog=example(
        "hearth explain 0190c0de-1111-7222-8333-444455556666", "hearth explain 0190c0de --tenant demo --json"
    ),
)
@click.argument("prediction", metavar="PREDICTION")
@click.option("--tenant", metavar="T", help="The tenant it belongs to; found by the id where it is left out.")
@json_option
@click.pass_context
def explain(context: click.Context, prediction: str, tenant: str | None, as_json: bool) -> None:
    """Explain one score and compute it again; exits with 1 when the new score differs.

    PREDICTION is the id of a score, as cards, worklists and the history name it. Shows the snapshot, events, what was
    missing, the model, its reasons and what stands between the score and a call.
    """
    with database(settings()), reading(tenant or EVERY_TENANT) as session:
        owner = tenant or predictions.tenant_of(session, prediction_id=prediction)
        explanation = explain_prediction(session, owner, prediction) if owner else None
    if explanation is None:
        raise CommandFailed("no score has this id; `hearth card` names the scores of a lead")
    if as_json:
        emit(explanation.evidence)
    else:
        _show(explanation)
    if not explanation.reproduced:
        context.exit(1)


def _show(explanation: Explanation) -> None:
    evidence_record = explanation.evidence
    answer, snapshot = evidence_record["answer"], evidence_record["snapshot"]
    names = ("probability", "band", "interval", "fit", "engagement", "as_of", "computed_at", "log_odds", "base", "rest")
    lead = {"lead": evidence_record["lead_id"], "tenant": evidence_record["tenant_id"], "kind": evidence_record["kind"]}
    facts(f"score {answer['prediction_id']}", lead | {name: answer.get(name) for name in names})
    _reasons(answer)
    _indicators(answer)
    facts("model", {name: _flat(value) for name, value in evidence_record["model"].items()})
    facts(f"snapshot {snapshot['snapshot_id']} as of {snapshot['as_of']}", snapshot["features"])
    say(f"missing: {', '.join(snapshot['missing']) or 'nothing'}")
    table("events seen", ("kind", "times"), list(evidence_record["events"]["counts"].items()))
    facts("between the score and a call", {name: _flat(value) for name, value in evidence_record["gates"].items()})
    say(_verdict(evidence_record["replay"]))


def _reasons(answer: JsonMapping) -> None:
    rows = [
        (way, reason["contribution"], reason["text"], reason["feature"])
        for way in ("up", "down")
        for reason in answer.get(way) or ()
    ]
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
        risk = {name: _flat(answer.get(name)) for name in RISK}
        facts("risk", risk)
        table("indicators, from 0 to 1", ("indicator", "value", "from"), rows)


def _verdict(replay: JsonMapping) -> str:
    if replay["same"] is None:
        return f"replay: {replay['why']}"
    if replay["same"]:
        name = next(name for name in FIGURES if name in replay["computed"])
        figure = replay["computed"][name]
        return f"replay: the same bit for bit, {name.replace('_', '-')} {figure!r}"
    return f"replay: NOT the same: {replay['why']}"


def _flat(value: object) -> object:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_flat(inner)}" for name, inner in value.items() if inner is not None)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(str(item) for item in value) or "nothing"
    return value
