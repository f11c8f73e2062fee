"""`hearth interventions release`: say yes or no to the plan that waits."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import click

from domain.documents import JsonMapping
from domain.interventions import INTERVENTIONS
from workers.cli.base.client import client
from workers.cli.base.command import Command, CommandFailed, example, json_option, tenant_option
from workers.cli.base.formatting import moment
from workers.cli.base.output import emit, say, table
from workers.pages.labels import CHANNELS, plain

#: rule by which a plan waits -> why, in words
REASONS: Mapping[str, str] = MappingProxyType(
    {
        "plan.first": "it is the tenant's first plan",
        "plan.large": "it is for a large share of the open leads within a day",
    }
)


@click.command(
    cls=Command,
    epilog=example(
        "hearth interventions release --tenant demo --by ada",
        "hearth interventions release --tenant demo --by ada --no",
        "hearth interventions release --tenant demo --by ada --type proactive_outreach --yes",
    ),
)
@tenant_option
@click.option("--by", "actor", default="hearth interventions", show_default=True, metavar="NAME", help="Who decides.")
@click.option(
    "--type", "types", type=click.Choice(INTERVENTIONS), multiple=True, help="Only this type; may be given repeatedly."
)
@click.option("--no", "declined", is_flag=True, help="Withdraw the actions instead of handing them over.")
@click.option("--yes", "sure", is_flag=True, help="Do not ask for confirmation.")
@json_option
def release(*, tenant: str, actor: str, types: Sequence[str], declined: bool, sure: bool, as_json: bool) -> None:
    """Show the plan that waits, ask, and hand its actions over to the CRM.

    The gates are checked again for each action. A yes to all types opens the way for later plans of a usual size.
    """
    with client(tenant) as caller:
        plan = caller.call("hearth.interventions.waiting", limit=1, waiting_for="plan")["plan"]
        plan = None if plan is None else _of_types(plan, types)
        if plan is None:
            emit({"changed": False, "waiting": None}) if as_json else say(f"no plan of {tenant} waits for a yes")
            return
        if not as_json:
            show_plan(tenant, plan)
        _ask(plan, declined=declined, sure=sure)
        # what came while the person read was not shown: it waits on
        done = caller.call(
            "hearth.interventions.release",
            actor=actor,
            decision="no" if declined else "yes",
            interventions=list(types) or None,
            until=plan["until"],
        )
    if as_json:
        emit(done)
    else:
        _show(tenant, done)


def _of_types(plan: JsonMapping, types: Sequence[str]) -> JsonMapping | None:
    """Return the plan with these types alone; None where none of it is left."""
    kinds = [kind for kind in plan["kinds"] if not types or kind["intervention"] in types]
    counts = {name: sum(kind[name] for kind in kinds) for name in ("actions", "leads")}
    return {**plan, "kinds": kinds, **counts} if kinds else None


def show_plan(tenant: str, plan: JsonMapping) -> None:
    """Print the plan that waits: why, and how many actions of which kind for how many leads."""
    say(
        f"a plan of {tenant} waits for a yes since {moment(plan['since'])}: {REASONS[plan['reason']]}; "
        f"its first actions expire {moment(plan['expires_at'])}"
    )
    columns = ("type", "action", "channel", "actions", "leads")
    rows = [
        (
            plain(kind["intervention"]),
            plain(kind["action"]),
            CHANNELS.get(kind["channel"], kind["channel"]),
            kind["actions"],
            kind["leads"],
        )
        for kind in plan["kinds"]
    ]
    table(f"{plan['actions']:,} actions for {plan['leads']:,} leads would be handed to the CRM", columns, rows)


def _ask(plan: JsonMapping, *, declined: bool, sure: bool) -> None:
    if sure:
        return
    if not sys.stdin.isatty():
        raise CommandFailed("nobody is there to be asked; give --yes to decide without a question")
    question = f"{'Withdraw' if declined else 'Hand over'} {plan['actions']:,} actions?"
    click.confirm(question, abort=True, err=True)


def _show(tenant: str, done: JsonMapping) -> None:
    if not done["changed"]:
        say("nothing was changed: the kill switch is on, or somebody was quicker")
        return
    what = "released: the gates judge each once more, and what is due goes now"
    say(f"{done['actions']:,} actions for {done['leads']:,} leads {'withdrawn' if done['decision'] == 'no' else what}")
    if done["waiting"]:
        say(f"{done['waiting']['actions']:,} actions still wait: hearth interventions release --tenant {tenant}")
