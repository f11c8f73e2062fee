"""Score open leads with a challenger before it answers: what would change for the people who see scores."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import compress
from typing import Any

from db.repositories.predictions import open_scores, snapshots
from db.session import Session
from domain.documents import JsonMapping, JsonObject
from ml.ensemble.scorer import EnsembleScorer
from ml.features import SCHEMA_VERSION
from ml.profiles import FeatureMatrix
from ml.training.band_guard import BandChanges, band_changes
from tasks.services.models.model_kind import ModelKind

#: open leads that are scored again, the newest first: enough for a share to half a point
MOST = 2_000
#: share of leads whose band may change without a person being asked, unless the tenant chose otherwise
MAX_BAND_CHANGES = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class ScorePreview:
    """Scores of the same open leads, in one order: as they stand, and by the challenger."""

    before: tuple[float, ...]
    after: tuple[float, ...]
    changes: BandChanges

    def view(self) -> JsonObject | None:
        """Return the leads whose band would change, as answers and events tell them; None where none has a score."""
        changes = self.changes
        if not changes.rows:
            return None
        return {"share": round(changes.share, 4), "up": changes.up, "down": changes.down, "leads": changes.rows}


def preview(
    session: Session, tenant_id: str, settings: JsonMapping, kind: ModelKind[Any], scorer: EnsembleScorer
) -> ScorePreview:
    """Return what a challenger would say of the open leads whose scores stand, from the snapshots of those scores."""
    standing = [
        record
        for record in open_scores.newest(session, tenant_id, kind=kind.name, limit=MOST)
        if record.probability is not None
    ]
    read = snapshots.get(session, tenant_id, snapshot_ids=[record.snapshot_id for record in standing])
    same_features = [snapshot.feature_schema == SCHEMA_VERSION for snapshot in read]
    features = [snapshot.features for snapshot in compress(read, same_features)]
    before = tuple(record.probability or 0.0 for record in compress(standing, same_features))
    after = tuple(scorer.quick(FeatureMatrix.from_rows(features)).tolist()) if features else ()
    return ScorePreview(before=before, after=after, changes=band_changes(before, after, kind.borders(settings)))
