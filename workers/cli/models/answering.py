"""`hearth models promote`, `refuse`, `rollback`, `history`: who answers, who decided it, and who answered when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import click

from db.records import AuditDraft, ModelChangeDraft, ModelChangeRecord, ModelRecord, OutboundDraft
from db.repositories import audit, tenants
from db.repositories.models import history, pooled_models
from db.repositories.models import models as registry
from db.repositories.outbound import outbound
from db.session import EVERY_TENANT, Session, reading, transaction
from domain.documents import JsonObject
from domain.model_kinds import KIND_LABELS
from domain.promotions import CHALLENGERS
from workers.base.settings import settings
from workers.cli.base.command import Command, CommandFailed, example, json_option, tenant_option
from workers.cli.base.database import database
from workers.cli.base.formatting import moment
from workers.cli.base.output import emit, filled, say, table

KINDS = tuple(KIND_LABELS)
ACTOR = click.option("--actor", default="hearth models", show_default=True, metavar="NAME", help="Who decides it.")
REASON = click.option("--reason", metavar="TEXT", help="Why, in one sentence; it is kept in the history.")
KIND = click.option(
    "--kind", type=click.Choice(KINDS), default=KINDS[0], show_default=True, help="Which kind of model."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the audit chain and the events say of a change."""

    #: kind of the audit row
    proof: str
    events: tuple[str, ...]
    actor: str
    reason: str
    #: version that no longer answers; None: none
    retired: str | None = None


@click.command(
    "promote",
    cls=Command,
    epilog=example("hearth models promote lead_score-0002 --tenant demo --reason 'the new bands are right'"),
)
@click.argument("version")
@tenant_option
@ACTOR
@REASON
@json_option
def promote_model(version: str, tenant: str, actor: str, reason: str | None, as_json: bool) -> None:
    """Make a version the one that scores; the present one is retired and stays in the registry.

    It is also the yes to a version that waits for one.
    """
    why = reason or "promotion"
    with database(settings()), transaction(tenant) as session:
        model = require_version(session, tenant, version)
        before = registry.champion_version(session, tenant, kind=model.kind)
        now = datetime.now(UTC)
        registry.promote(session, tenant, model_id=model.model_id, now=now, actor=actor, reason=why)
        retired = before if before != model.version else None
        if model.state != "champion":
            told = Told(proof="promotion", events=("model.promoted",), actor=actor, reason=why, retired=retired)
            _tell(session, tenant, model, told, now)
    if as_json:
        emit({"kind": model.kind, "champion": model.version, "retired": retired})
    else:
        say(f"{model.version} now scores {model.kind}" + (f"; {retired} is retired" if retired else ""))


@click.command(
    "refuse", cls=Command, epilog=example("hearth models refuse lead_score-0003 --tenant demo --actor ada.quill")
)
@click.argument("version")
@tenant_option
@ACTOR
@REASON
@json_option
def refuse_model(version: str, tenant: str, actor: str, reason: str | None, as_json: bool) -> None:
    """Say no to a version that waits for a yes, or end a shadow; it stays in the registry and scores nobody."""
    why = reason or "refused by a person"
    with database(settings()), transaction(tenant) as session:
        model = require_version(session, tenant, version)
        if model.state not in CHALLENGERS:
            raise CommandFailed(
                f"{model.version} is no challenger but {model.state}; `hearth models rollback` goes back"
            )
        now = datetime.now(UTC)
        registry.set_aside(session, tenant, model_id=model.model_id, state="candidate")
        history.record(session, tenant, draft=_refusal(session, tenant, model, actor, why), now=now)
        told = Told(proof="promotion.refused", events=("model.refused",), actor=actor, reason=why)
        _tell(session, tenant, model, told, now)
    if as_json:
        emit({"kind": model.kind, "refused": model.version})
    else:
        say(f"{model.version} is refused")


@click.command("rollback", cls=Command, epilog=example("hearth models rollback --tenant demo --actor ada.quill"))
@tenant_option
@KIND
@ACTOR
@REASON
@json_option
def rollback_model(tenant: str, kind: str, actor: str, reason: str | None, as_json: bool) -> None:
    """Go back to the champion before this one; again goes one further. Refused where there is none."""
    why = reason or "rollback"
    with database(settings()), transaction(tenant) as session:
        tenants.require(session, tenant)
        moment_of = datetime.now(UTC)
        left, now = registry.rollback(session, tenant, kind=kind, now=moment_of, actor=actor, reason=why)
        events = ("model.rolled_back", "model.promoted")
        told = Told(proof="rollback", events=events, actor=actor, reason=why, retired=left.version)
        _tell(session, tenant, now, told, moment_of)
    if as_json:
        emit({"kind": kind, "champion": now.version, "retired": left.version})
    else:
        say(f"{now.version} scores {kind} again; {left.version} is retired")


@click.command("history", cls=Command, epilog=example("hearth models history --tenant demo --kind churn"))
@tenant_option
@click.option("--kind", type=click.Choice(KINDS), help="Only this kind of model.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="The newest so many.")
@json_option
def show_history(tenant: str, kind: str | None, limit: int, as_json: bool) -> None:
    """What was promoted, kept as a shadow, refused or taken back, when, by whom and why; newest first."""
    with database(settings()), reading(tenant) as session:
        tenants.require(session, tenant)
        changes = history.changes(session, tenant, kind=kind, limit=limit)
    if as_json:
        emit({"changes": [_change(change) | {"detail": dict(change.detail)} for change in changes]})
        return
    if not changes:
        say(f"nothing has been decided about models of {tenant} yet")
        return
    columns = ("when", "what", "version", "before", "after", "by", "why")
    rows = [
        (moment(c.at), c.change, c.version, c.from_version or "-", c.to_version or "-", c.actor, c.reason)
        for c in changes
    ]
    table(f"history of models of {tenant}", *filled(columns, rows))


def show_answering(tenant: str, at: datetime, *, as_json: bool) -> None:
    """Print who answered at a time, kind by kind, since when, and who decided it for which reason."""
    # a shared model has its history with its reserved owner
    with database(settings()), reading(EVERY_TENANT) as session:
        answering = [_answering(session, tenant, kind, at) for kind in KINDS]
    if as_json:
        emit({"at": at.isoformat(), "answering": answering})
        return
    columns = ("kind", "version", "since", "before", "by", "why")
    rows = [
        (
            one["kind"],
            one["version"] or "the scorecard",
            moment(one["since"]),
            one["before"] or "-",
            one["by"],
            one["why"],
        )
        for one in answering
    ]
    table(f"who answered for {tenant}, {moment(at)}", *filled(columns, rows))


def _answering(session: Session, tenant: str, kind: str, at: datetime) -> JsonObject:
    """Return who answered: the tenant's own model, else the shared one by today's setting, else what is written."""
    chosen = tenants.require(session, tenant).settings
    owner = pooled_models.owner(pooled_models.vertical_of(chosen))
    change, prefix = history.at(session, tenant, kind=kind, at=at), ""
    if change is None and "pooled" in KIND_LABELS[kind].scopes and chosen.get("pool") != "off":
        change, prefix = history.at(session, owner, kind=kind, at=at), f"{owner.removeprefix(tenants.RESERVED)}:"
    if change is None:
        return {"kind": kind, "version": None, "since": None, "before": None, "by": None, "why": None}
    return {
        "kind": kind,
        "version": f"{prefix}{change.to_version}",
        "since": change.at.isoformat(),
        "before": f"{prefix}{change.from_version}" if change.from_version else None,
        "by": change.actor,
        "why": change.reason,
    }


def _change(change: ModelChangeRecord) -> JsonObject:
    return {
        "kind": change.kind,
        "change": change.change,
        "version": change.version,
        "from": change.from_version,
        "to": change.to_version,
        "actor": change.actor,
        "reason": change.reason,
        "look": change.look,
        "at": change.at.isoformat(),
    }


def _refusal(session: Session, tenant: str, model: ModelRecord, actor: str, reason: str) -> ModelChangeDraft:
    champion = registry.champion_version(session, tenant, kind=model.kind)
    return ModelChangeDraft(
        kind=model.kind,
        change="refusal",
        version=model.version,
        from_version=champion,
        to_version=champion,
        actor=actor,
        reason=reason,
    )


def _tell(session: Session, tenant: str, model: ModelRecord, told: Told, now: datetime) -> None:
    """Write the audit row and the events of a change in its transaction; workers use a champion at their next score."""
    facts = {
        "kind": model.kind,
        "version": model.version,
        "scope": model.scope,
        "actor": told.actor,
        "retired": told.retired,
        "reason": told.reason,
    }
    proof = AuditDraft(kind=told.proof, body={**facts, "fingerprint": model.fingerprint})
    audit.append(session, tenant, entries=[proof], now=now)
    callback = tenants.require(session, tenant).settings.get("callback") or {}
    shown = {name: value for name, value in facts.items() if name != "retired"}
    bodies = {"model.rolled_back": {**shown, "left": told.retired}}
    # receivers of an older version know a rollback by this reason
    if told.proof == "rollback":
        bodies["model.promoted"] = {**facts, "reason": "rollback"}
    drafts = [OutboundDraft(type=event, lead_id=None, body=bodies.get(event, facts)) for event in told.events]
    outbound.emit(session, tenant, events=drafts, now=now, deliver=callback.get("kind", "pull") != "pull")


def require_version(session: Session, tenant: str, version: str) -> ModelRecord:
    """Return a version of a tenant's own models. Raises CommandFailed where there is none."""
    tenants.require(session, tenant)
    model = registry.get(session, tenant, version=version)
    if model is None:
        raise CommandFailed(f"no such version of tenant {tenant}; `hearth models list --tenant {tenant}` names them")
    return model
