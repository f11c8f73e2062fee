"""Closed leads that are like a lead, and what became of them.

Only leads of the tenant's own are compared, as they are stored now: who was erased is not there, and who is restricted
or objected is left out. Nothing of the comparison is stored, so that nobody stays in it.
"""

from __future__ import annotations

from collections.abc import Mapping

from db.records import SnapshotRecord
from db.repositories.leads import lead_lookup
from db.session import Session
from domain.documents import JsonObject
from ml.explain.neighbours import Space, nearest, share_of
from ml.profiles import FeatureMatrix
from tasks.runtime import lead_references
from tasks.services.models import lead_training_data
from tasks.services.models.lead_training_data import LabelledRow

#: closed leads that are compared, the newest ends first
MOST = 2000
#: closed leads from which a comparison says something
FEWEST = 20


def similar_view(
    session: Session, tenant_id: str, space: Space, snapshot: SnapshotRecord, *, listed: int
) -> JsonObject | None:
    """Return what became of the closed leads nearest to one, with `listed` of them named; None where few are closed."""
    available = lead_training_data.rows_of(session, tenant_id, None, newest=MOST).by_lead
    closed = {lead_id: row for lead_id, row in available.items() if lead_id != snapshot.lead_id}
    if len(closed) < FEWEST:
        return None
    lead_ids = list(closed)
    places = space(lead_training_data.matrix_of(list(closed.values())))
    found = nearest(space(FeatureMatrix.from_rows([snapshot.features]))[0], places)
    counted = [closed[lead_ids[each.row]] for each in found.neighbours]
    share = share_of([row.label for row in counted])
    named = {lead_ids[each.row]: each.distance for each in found.neighbours[:listed]}
    return {
        "compared": len(closed),
        "of": share.of,
        "won": share.count,
        "interval": [share.low, share.high],
        "typical_distance": found.typical,
        "unlike_all": found.unlike_all,
        "leads": _named(session, tenant_id, named, closed),
    }


def _named(
    session: Session, tenant_id: str, named: Mapping[str, float], closed: Mapping[str, LabelledRow]
) -> list[JsonObject]:
    identities = lead_lookup.identities(session, tenant_id, lead_ids=list(named))
    return [
        {
            "lead_id": lead_id,
            **lead_references.view(identities.get(lead_id)),
            "outcome": "won" if closed[lead_id].label else "lost",
            "known_at": closed[lead_id].known_at,
            "distance": distance,
        }
        for lead_id, distance in named.items()
    ]
