"""`hearth override`, `mark` and `history`: people's own judgements of scores, and the scores over time."""

from __future__ import annotations

from collections.abc import Mapping

import click

from db.repositories.leads import leads
from db.repositories.predictions import predictions
from db.session import reading
from domain.documents import JsonMapping, JsonObject
from domain.scores import BANDS
from workers.base.settings import settings
from workers.cli.base.client import client, reader
from workers.cli.base.command import Command, CommandFailed, example, json_option, tenant_option
from workers.cli.base.database import database
from workers.cli.base.formatting import percent
from workers.cli.base.output import emit, facts, filled, notice, say, table
from workers.cli.leads.card_view import SCORES, score_rows
from workers.cli.leads.scores import chosen, newest_score

LEAD = click.argument("lead", metavar="LEAD")
BY = click.option("--by", "actor", required=True, metavar="NAME", help="Who says so; the name is stored with it.")
#: code of a reason for an override -> what it means
OVERRIDE_REASONS: Mapping[str, str] = {
    "knows_better": "I know this lead better than the score does",
    "met_in_person": "I have met or spoken to the lead",
    "agreed": "we have agreed on the deal",
    "not_serious": "the lead does not mean it seriously",
    "wrong_facts": "the score is made from wrong facts",
    "duplicate": "the lead is in the system twice",
    "other": "another reason; keep the note in your CRM",
}
#: code of a reason for a mark -> what it means
MARK_REASONS: Mapping[str, str] = {
    "too_high": "the lead is worth less than the score says",
    "too_low": "the lead is worth more than the score says",
    "wrong_facts": "the score is made from wrong facts",
    "other": "another reason; keep the note in your CRM",
}


def codes(reasons: Mapping[str, str]) -> str:
    """Return the part of a help page that lists codes, each with what it means.

    >>> print(codes({"other": "another reason"}))
    \b
    Reasons:
      other  another reason
    """
    width = max(map(len, reasons))
    return "\b\nReasons:\n" + "\n".join(f"  {code.ljust(width)}  {text}" for code, text in reasons.items())


def _pages(reasons: Mapping[str, str], *examples: str) -> str:
    return f"{codes(reasons)}\n\n{example(*examples)}"


@click.command(
    cls=Command,
    epilog=_pages(
        OVERRIDE_REASONS,
        "hearth override --tenant demo SIM-00001 --band hot --by ada.quill --reason met_in_person",
        "hearth override --tenant demo SIM-00001 --withdraw --by ada.quill",
    ),
)
@tenant_option
@LEAD
@click.option("--band", type=click.Choice(BANDS), help="The band that counts from now on.")
@click.option(
    "--probability", type=click.FloatRange(0, 1, min_open=True, max_open=True), help="Or a probability, such as 0.8."
)
@click.option("--withdraw", is_flag=True, help="Let the score count again.")
@BY
@click.option("--reason", type=click.Choice(tuple(OVERRIDE_REASONS)), help="Why; knows_better where it is left out.")
@json_option
def override(
    *,
    tenant: str,
    lead: str,
    band: str | None,
    probability: float | None,
    withdraw: bool,
    actor: str,
    reason: str | None,
    as_json: bool,
) -> None:
    """Let your own judgement of a lead count instead of its score, on card and worklist, until it is withdrawn.

    LEAD is your own id or Hearth's. Scores are still computed and stored beside it, and no job overwrites it.
    """
    if (band is not None) + (probability is not None) + withdraw != 1:
        raise click.UsageError("give --band, --probability or --withdraw, one of the three")
    if withdraw and reason:
        raise click.UsageError("--reason goes with --band or --probability")
    judgement = {"band": band, "probability": probability, "reason": reason}
    said: JsonObject = {name: value for name, value in judgement.items() if value is not None}
    task = "hearth.leads.withdraw_override" if withdraw else "hearth.leads.override"
    with client(tenant) as caller, database(settings()):
        data = caller.call(task, lead_id=chosen(tenant, lead)[0], actor=actor, **said)
    if as_json:
        emit({"tenant_id": tenant, **data})
    else:
        say(f"lead {lead}: {_standing(data)}")


def _standing(data: JsonMapping) -> str:
    """Return what counts of a lead now, and by whom."""
    counts = data["standing"]
    now = f"{counts['band']}, {percent(counts['probability'])}" if counts else "nothing yet: it has no score"
    if "withdrawn" in data:
        return f"the score counts again: {now}" if data["withdrawn"] else f"no override was active; what counts: {now}"
    told = data["override"]
    who = f"{told['actor']} ({told['reason'].replace('_', ' ')})"
    return f"{now}, says {who}" if counts else f"{told['band']}, says {who}; it counts with the lead's first score"


@click.command(
    cls=Command,
    epilog=_pages(MARK_REASONS, "hearth mark --tenant demo SIM-00001 --verdict wrong --by ada.quill --reason too_high"),
)
@tenant_option
@click.argument("subject", metavar="LEAD|PREDICTION")
@click.option("--verdict", type=click.Choice(("wrong", "right")), required=True, help="What you say of the score.")
@BY
@click.option("--reason", type=click.Choice(tuple(MARK_REASONS)), help="Why; other where it is left out.")
@json_option
def mark(*, tenant: str, subject: str, verdict: str, actor: str, reason: str | None, as_json: bool) -> None:
    """Call a score wrong, or right: that of a prediction, or the newest one of a lead.

    Nothing about the lead changes; `hearth models show` counts the marks of each model. Your last mark counts.
    """
    said: JsonObject = {"verdict": verdict, "actor": actor} | ({"reason": reason} if reason else {})
    with client(tenant) as caller, database(settings()):
        data = caller.call("hearth.leads.mark", prediction_id=_score_of(tenant, subject), **said)
    if as_json:
        emit({"tenant_id": tenant, **data})
    else:
        why = f" ({data['reason'].replace('_', ' ')})" if reason else ""
        say(f"score {data['prediction_id']} of {data['model']}: {data['verdict']}{why}, says {data['actor']}")


def _score_of(tenant: str, subject: str) -> str:
    """Return the id of a score: the newest one of a lead, else the given one.

    Raises:
        CommandFailed: the lead has no score yet, or nothing has this id.

    """
    lead_id = chosen(tenant, subject)[0]
    with reading(tenant) as session:
        is_lead = leads.exists(session, tenant, lead_id=lead_id)
        if not is_lead and not predictions.get(session, tenant, prediction_ids=[subject]):
            raise CommandFailed("no lead and no score of this tenant has this id")
    return newest_score(tenant, lead_id) if is_lead else subject


@click.command(cls=Command, epilog=example("hearth history --tenant demo SIM-00001"))
@tenant_option
@LEAD
@click.option("--top", type=click.IntRange(1, 100), default=30, show_default=True, help="How many scores.")
@json_option
def history(tenant: str, lead: str, top: int, as_json: bool) -> None:
    """Every score of a lead, newest first, with what people said of it: LEAD is your own id or Hearth's."""
    with reader(tenant) as caller, database(settings()):
        data = caller.call("hearth.leads.history", lead_id=chosen(tenant, lead)[0], limit=top)
        if as_json:
            emit(data)
            return
        show_history(lead, data)


def show_history(lead: str, data: JsonMapping) -> None:
    """Print the scores of a lead, and the judgements of people."""
    if data["points"]:
        table(f"scores of {lead}, newest first", *filled(SCORES, score_rows(data["points"])))
    else:
        say(f"lead {lead} has no score yet; `hearth score --lead` makes one")
    for told in data["overrides"]:
        facts(f"said by {told['actor']}", _override(told))
    if data["before"]:
        notice("there are older ones; --top shows more, up to 100")


def _override(told: JsonMapping) -> dict[str, object]:
    said = f"{told['band']}, {percent(told['probability'])}" if told["probability"] else told["band"]
    until = {"until": told["withdrawn_at"], "withdrawn by": told["withdrawn_by"]} if told["withdrawn_at"] else {}
    return {"judgement": said, "reason": told["reason"].replace("_", " "), "since": told["set_at"], **until}
