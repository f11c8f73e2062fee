"""The last state that a source told of its contacts, opportunities, …, so that a change is told from a repetition."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import EntityState
from db.records import Entity, EntityRecord
from db.repositories.sql.clauses import in_batches, ring_of, upsert

_KEY: tuple[Any, ...] = (EntityState.tenant_id, EntityState.source, EntityState.entity, EntityState.entity_id)
_NEWS = ("lead_id", "subject", "marks", "at")
#: hexadecimal digits of a mark: enough to tell values of one field of one entity apart
_DIGITS = 16


def marks(session: Session, tenant_id: str, *, values: Mapping[str, str]) -> dict[str, str]:
    """Give a keyed hash for each value, by the name of its field."""
    ring = ring_of(session)
    return {name: ring.lookup(tenant_id, f"state:{value}").hex()[:_DIGITS] for name, value in values.items()}


def load(session: Session, tenant_id: str, *, source: str, entities: Iterable[Entity]) -> dict[Entity, EntityRecord]:
    """Give the states that are known of entities."""
    wanted = set(entities)
    found: dict[Entity, EntityRecord] = {}
    for batch in in_batches(sorted({entity_id for _, entity_id in wanted})):
        rows = select(EntityState).where(
            EntityState.tenant_id == tenant_id, EntityState.source == source, EntityState.entity_id.in_(batch)
        )
        for row in session.scalars(rows):
            if (row.entity, row.entity_id) in wanted:
                found[row.entity, row.entity_id] = EntityRecord(
                    marks=row.marks, at=row.at, lead_id=row.lead_id, subject=row.subject
                )
    return found


def save(session: Session, tenant_id: str, *, source: str, states: Mapping[Entity, EntityRecord]) -> None:
    """Store states; what was known of these entities is replaced."""
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
        told = upsert(session, EntityState)
        news = {name: told.excluded[name] for name in _NEWS}
        session.execute(told.on_conflict_do_update(index_elements=list(_KEY), set_=news), rows)
