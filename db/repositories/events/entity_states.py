"""The last state that a source sent of its contacts, opportunities, …, to distinguish a change from a repetition."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import EntityState
from db.records import EntityKey, EntityRecord
from db.repositories.sql import in_batches, upsert
from db.session import keyring_of

_KEY = ("tenant_id", "source", "entity", "entity_id")
_CHANGED = ("lead_id", "subject", "marks", "at")
#: hexadecimal digits of a hash: enough to distinguish the values of one field of one entity
_DIGITS = 16


def field_hashes(session: Session, tenant_id: str, *, values: Mapping[str, str]) -> dict[str, str]:
    """Return a keyed hash of each value, by the name of its field."""
    ring = keyring_of(session)
    return {name: ring.lookup(tenant_id, f"state:{value}").hex()[:_DIGITS] for name, value in values.items()}


def load(
    session: Session, tenant_id: str, *, source: str, entities: Iterable[EntityKey]
) -> dict[EntityKey, EntityRecord]:
    """Return the stored states of entities; those without one are left out."""
    wanted = set(entities)
    states: dict[EntityKey, EntityRecord] = {}
    for batch in in_batches(sorted({entity_id for _, entity_id in wanted})):
        rows = select(EntityState).where(
            EntityState.tenant_id == tenant_id, EntityState.source == source, EntityState.entity_id.in_(batch)
        )
        for row in session.scalars(rows):
            if (row.entity, row.entity_id) in wanted:
                states[row.entity, row.entity_id] = EntityRecord(
                    marks=row.marks, at=row.at, lead_id=row.lead_id, subject=row.subject
                )
    return states


def save(session: Session, tenant_id: str, *, source: str, states: Mapping[EntityKey, EntityRecord]) -> None:
    """Store states; earlier states of these entities are replaced."""
    rows = [
        {
            "tenant_id": tenant_id,
            "source": source,
            "entity": entity,
            "entity_id": entity_id,
            "lead_id": state.lead_id,
            "subject": state.subject,
            "marks": dict(state.marks),
            "at": state.at,
        }
        for (entity, entity_id), state in sorted(states.items())
    ]
    if rows:
        insert = upsert(session, EntityState)
        changed = {name: insert.excluded[name] for name in _CHANGED}
        session.execute(insert.on_conflict_do_update(index_elements=_KEY, set_=changed), rows)
