"""Find a person by an address or a number, and correct what is stored about one (Art. 15, 16)."""

from __future__ import annotations

from db.records import FoundPerson
from db.repositories.due_queues.queues import rescore_queue
from db.repositories.privacy import corrections, erasure, people
from db.session import Session, keyring_of, reading
from domain.documents import JsonObject
from tasks.contracts.leads import LeadIn
from tasks.contracts.privacy import CHANGED_ELSEWHERE, CorrectPerson, FindPerson
from tasks.errors import InvalidPayload
from tasks.intake.lead_drafts import to_draft
from tasks.privacy.rights import recorded_reason, unknown_person
from tasks.runtime import lead_references
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.task import job

#: most people of one answer
MOST = 100


@job("hearth.privacy.find", FindPerson, queue="ingest", scope="privacy")
def find(request: FindPerson, context: TaskContext) -> JsonObject:
    """Find people by an e-mail address or a phone number; the answer and the audit row have neither.

    Nothing is stored under an idempotency key: the hash of an address there could be guessed.
    """
    tenant_id, by = request.tenant_id, "email" if request.email else "phone"
    with reading(tenant_id) as session:
        found = (
            people.by_email(session, tenant_id, email=request.email)
            if request.email
            else people.by_phone(session, tenant_id, phone=request.phone or "")
        )
        forgotten = people.forgotten(
            session, tenant_id, email=request.email, phone=request.phone, last_name=request.last_name
        )
    with context.transaction(tenant_id):
        lead_ids = [person.lead_id for person in found[:MOST]]
        context.audit("search", by=by, actor=request.actor, leads=lead_ids, forgotten=len(forgotten))
    data = {
        "by": by,
        "found": len(found),
        "leads": [_view(person) for person in found[:MOST]],
        "forgotten": [
            {"erasure_id": record.erasure_id, "erased_at": record.erased_at, "reason": record.reason}
            for record in forgotten[:MOST]
        ],
    }
    return context.envelope(request, TaskResult(data=data, as_of=context.now))


@job("hearth.privacy.correct", CorrectPerson, queue="ingest", scope="privacy")
def correct(request: CorrectPerson, context: TaskContext) -> JsonObject:
    """Correct stored facts of one lead: recorded without values, scored again, and told to the CRM by column names."""
    tenant_id = request.tenant_id
    with context.transaction(tenant_id, dry_run=request.dry_run) as session:
        # A plain hash of an address among the arguments could be guessed.
        context.args_hash = keyring_of(session).lookup(tenant_id, f"correct:{context.args_hash}").hex()
        _check_columns(request.fields)
        lead_id = _the_lead(session, request)
        facts = to_draft(request.fields, context.now)
        if corrections.has_address(session, tenant_id, facts=facts, lead_id=lead_id):
            message = "another lead has this e-mail address, or somebody who was forgotten had it"
            raise InvalidPayload.at("conflict", "fields.email", message)
        changed = corrections.correct(
            session,
            tenant_id,
            lead_id=lead_id,
            facts=facts,
            removed=request.removed(),
            reason=recorded_reason(request),
            actor=request.actor,
            now=context.now,
        )
        if changed:
            _tell(session, context, request, lead_id, changed)
        key = request.idempotency_key or f"task:{context.task_id}"
        result = TaskResult(data={"lead_id": lead_id, "corrected": list(changed)})
        identified = lead_references.identified(session, context, result)
        return context.store_result(session, request, key, identified)


def _tell(
    session: Session, context: TaskContext, request: CorrectPerson, lead_id: str, changed: tuple[str, ...]
) -> None:
    reason, fields = recorded_reason(request), list(changed)
    context.audit("correction", lead_id=lead_id, fields=fields, reason=reason, actor=request.actor)
    context.emit_event("lead.corrected", lead_id, lead_id=lead_id, fields=fields)
    rescore_queue.touch(session, request.tenant_id, lead_ids=[lead_id])


def _check_columns(fields: LeadIn) -> None:
    """Raise InvalidPayload for a column that is no fact, or that no lead has, and where nothing is named."""
    names = fields.model_fields_set - {"custom"}
    if fields.model_extra:
        raise InvalidPayload.at("unknown_value", "fields", "a column that no lead has; your own go into custom")
    if not names and not fields.custom:
        raise InvalidPayload.at("missing", "fields", "name at least one column to correct")
    for name in sorted(names):
        if name in CHANGED_ELSEWHERE:
            raise InvalidPayload.at("unknown_value", f"fields.{name}", CHANGED_ELSEWHERE[name])
        if getattr(fields, name) == "":
            raise InvalidPayload.at("missing", f"fields.{name}", "this is empty; null removes a value")


def _the_lead(session: Session, request: CorrectPerson) -> str:
    """Return the one lead of a request.

    Raises:
        InvalidPayload: there is none, or there are several.

    """
    subject = erasure.find(session, request.tenant_id, lead_id=request.lead_id, identities=request.identities())
    if not subject.lead_ids:
        raise unknown_person(request)
    if len(subject.lead_ids) > 1:
        message = f"these ids are {len(subject.lead_ids)} leads; correct one at a time, by lead_id"
        raise InvalidPayload.at("conflict", "external_ids", message)
    return next(iter(subject.lead_ids))


def _view(person: FoundPerson) -> JsonObject:
    return {
        "lead_id": person.lead_id,
        "external_ids": [
            {"external_id": external_id, "source_system": system} for system, external_id in person.identities
        ],
        "status": person.status,
        "blocked": list(person.restrictions),
    }
