"""`hearth interventions`: report whether they help, approve, pause and resume them."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import get_args

import click

from domain.documents import JsonMapping
from domain.interventions import INTERVENTIONS
from tasks.contracts.interventions import PauseInterventions
from workers.base.settings import settings
from workers.cli.base.client import Client, Reader, client, reader
from workers.cli.base.command import Command, example, json_option, tenant_option
from workers.cli.base.database import database
from workers.cli.base.formatting import moment
from workers.cli.base.output import emit, facts, say, table
from workers.cli.interventions.release import release, show_plan
from workers.cli.leads.action_views import show_action
from workers.cli.leads.scores import chosen
from workers.cli.privacy.consent import show_doubts
from workers.pages import load, write
from workers.pages.labels import PAUSES, STATES, VERDICTS, interval, plain, points, share, weeks

#: what stands for every type, where a shell would take `*` for files
ALL = "all"
PAGE = click.Path(dir_okay=False, path_type=Path)
page_option = click.option("--page", type=PAGE, metavar="FILE", help="Write it as a self-contained HTML page to FILE.")
ACTOR = click.option("--actor", default="hearth interventions", show_default=True, metavar="NAME", help="Who decides.")
IDS = click.argument("action_ids", nargs=-1, required=True, metavar="ACTION...")
TYPE = click.argument("intervention", type=click.Choice((*INTERVENTIONS, ALL)), metavar="TYPE")
REASONS = get_args(PauseInterventions.model_fields["reason"].annotation)


@click.group(epilog=example("hearth interventions report --tenant demo"))
def interventions() -> None:
    """Interventions for leads at risk: let plans go, measure their effect, approve and pause them."""


interventions.add_command(release)


@interventions.command(
    cls=Command,
    epilog=example(
        "hearth interventions report --tenant demo", "hearth interventions report --tenant demo --page report.html"
    ),
)
@tenant_option
@page_option
@json_option
def report(tenant: str, page: Path | None, as_json: bool) -> None:
    """Report whether interventions help, compared with held-out leads."""
    with reader(tenant) as caller:
        answer = caller.envelope("hearth.interventions.report")
    data = answer["data"]
    if page:
        write(load("interventions").page(data, at=datetime.fromisoformat(answer["as_of"])), page)
    if as_json:
        emit(data)
    else:
        show_report(data)


def show_report(data: JsonMapping) -> None:
    """Print a report: the verdict, then the figures, then each type."""
    say(f"interventions of {data['tenant_id']}: {VERDICTS.get(data['verdict'], plain(data['verdict']))}")
    say(data["reason"])
    if data.get("plan"):
        show_plan(data["tenant_id"], data["plan"])
        say(f"to decide: hearth interventions release --tenant {data['tenant_id']}")
    for row in data["types"]:
        if row["paused"]:
            say(f"PAUSED: {plain(row['intervention'])}: {_pause(row['paused'])}")
    facts("figures", _figures(data))
    if data["types"]:
        columns = ("type", "sent to", "held out", "kept", "of held out", "difference", "95 % interval", "")
        table(
            "by type, each difference drawn towards that of all types", columns, [_type(row) for row in data["types"]]
        )
    if data["actions"]:
        facts("actions", {STATES.get(state, plain(state)): count for state, count in data["actions"].items()})


def _pause(pause: JsonMapping) -> str:
    return f"{PAUSES.get(pause['reason'], plain(pause['reason']))} ({pause['by']}, {moment(pause['at'])})"


def _figures(data: JsonMapping) -> dict[str, object]:
    counted = {
        name: f"{data[key]}, of them settled {data['settled'][key]}, kept {share(data['rates'][key])}"
        for key, name in (("sent", "leads sent to"), ("held_out", "leads held out"))
    }
    detectable = data["detectable_effect"]
    return {
        **counted,
        "difference": f"{points(data['difference'])}, 95 % interval {interval(data['interval'])}",
        "would be seen": "no difference yet"
        if detectable is None
        else f"{100 * detectable:.1f} points or more, four times in five",
        "still needed": _still(weeks(data["weeks_needed"]))
        if data["verdict"] == "too_early"
        else "nothing: the verdict stands",
    }


def _still(needed: int | None) -> str:
    if needed is None:
        return "cannot be told: no leads come"
    return f"not enough yet: {needed} weeks" if needed else "nothing"


def _type(row: JsonMapping) -> tuple[object, ...]:
    rates = row["rates"]
    return (
        plain(row["intervention"]),
        row["sent"],
        row["held_out"],
        share(rates["sent"]),
        share(rates["held_out"]),
        points(row["difference"]),
        interval(row["interval"]),
        "PAUSED" if row["paused"] else "",
    )


@interventions.command(
    "list",
    cls=Command,
    epilog=example(
        "hearth interventions list --tenant demo", "hearth interventions list --tenant demo --lead SIM-00001"
    ),
)
@tenant_option
@click.option(
    "--lead", metavar="ID", help="All actions of one lead (Hearth's id or the CRM's) instead of the waiting ones."
)
@click.option(
    "--limit", type=click.IntRange(1, 100), default=50, show_default=True, help="The most waiting actions to list."
)
@click.option("--plan", "with_plan", is_flag=True, help="The actions of the plan that waits, instead.")
@json_option
def list_actions(tenant: str, lead: str | None, limit: int, with_plan: bool, as_json: bool) -> None:
    """Actions that wait for a person's approval, oldest first, with their texts; and whether a plan waits."""
    with reader(tenant) as caller, database(settings()):
        leads_in_doubt: list[JsonMapping] = []
        plan: JsonMapping | None = None
        if lead is None:
            waiting_for = "plan" if with_plan else "approval"
            answer = caller.call("hearth.interventions.waiting", limit=limit, waiting_for=waiting_for)
            actions, leads_in_doubt, plan = answer["actions"], answer["in_doubt"], answer["plan"]
        else:
            actions = _of_lead(caller, chosen(tenant, lead)[0])
    if as_json:
        emit({"actions": actions, **({"in_doubt": leads_in_doubt, "plan": plan} if lead is None else {})})
        return
    if plan:
        show_plan(tenant, plan)
        say(f"to decide: hearth interventions release --tenant {tenant}")
    if leads_in_doubt:
        show_doubts(tenant, leads_in_doubt)
    for action in actions:
        show_action(action)
    if not actions:
        say(f"no actions of lead {lead}" if lead else f"no actions of {tenant} wait for approval")


def _of_lead(caller: Client | Reader, lead_id: str) -> list[JsonMapping]:
    card = caller.call("hearth.leads.card", lead_id=lead_id)
    ids = {name: card[name] for name in ("lead_id", "external_id")}
    return [{**ids, **action} for part in ("running", "blocked", "past") for action in card["actions"][part]]


@interventions.command(cls=Command, epilog=example("hearth interventions approve 0a1b2c --tenant demo --actor ada"))
@IDS
@tenant_option
@ACTOR
@json_option
def approve(action_ids: tuple[str, ...], tenant: str, actor: str, as_json: bool) -> None:
    """Approve waiting actions; the gates are checked again when they are sent."""
    _review(action_ids, tenant, "approve", actor=actor, as_json=as_json)


@interventions.command(cls=Command, epilog=example("hearth interventions reject 0a1b2c --tenant demo --actor ada"))
@IDS
@tenant_option
@ACTOR
@json_option
def reject(action_ids: tuple[str, ...], tenant: str, actor: str, as_json: bool) -> None:
    """Reject actions that wait for approval."""
    _review(action_ids, tenant, "reject", actor=actor, as_json=as_json)


def _review(action_ids: tuple[str, ...], tenant: str, decision: str, *, actor: str, as_json: bool) -> None:
    with client(tenant) as caller:
        done = [
            caller.call("hearth.interventions.review", action_id=action_id, decision=decision, actor=actor)
            for action_id in action_ids
        ]
    if as_json:
        emit({"reviewed": done})
        return
    for review in done:
        state = STATES.get(review["state"], plain(review["state"]))
        say(f"{review['action_id']}: {state if review['changed'] else f'unchanged, {state}'}")


@interventions.command(cls=Command, epilog=example("hearth interventions pause incentive_offer --tenant demo"))
@TYPE
@tenant_option
@ACTOR
@click.option("--reason", type=click.Choice(REASONS), default="other", show_default=True, help="Why.")
@json_option
def pause(intervention: str, tenant: str, actor: str, reason: str, as_json: bool) -> None:
    """Plan and send nothing of a TYPE, or of `all`, until it is resumed."""
    _stop(intervention, tenant, "pause", {"actor": actor, "reason": reason}, as_json=as_json)


@interventions.command(cls=Command, epilog=example("hearth interventions resume incentive_offer --tenant demo"))
@TYPE
@tenant_option
@ACTOR
@json_option
def resume(intervention: str, tenant: str, actor: str, as_json: bool) -> None:
    """Plan and send a TYPE again that was paused."""
    _stop(intervention, tenant, "resume", {"actor": actor}, as_json=as_json)


def _stop(intervention: str, tenant: str, command: str, arguments: JsonMapping, *, as_json: bool) -> None:
    with client(tenant) as caller:
        named = "*" if intervention == ALL else intervention
        data = caller.call(f"hearth.interventions.{command}", intervention=named, **arguments)
    if as_json:
        emit(data)
    else:
        say(f"{plain(intervention)}: {'paused' if data['paused'] else 'not paused'}")
