"""Tell the CRM in one event of scores that are no news of a single lead: after a load of a file, and by another model.

Each transaction counts such scores with the rows that it stores. Once no more have come for a while, a sweep tells all
of them as `scores.refreshed`, one event for each cause.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal

from db.records import PredictionDraft, PriorScore, ScoreTally
from db.repositories.predictions import score_digests
from db.session import Session
from domain.documents import JsonObject
from domain.model_kinds import CHURN, LEAD_SCORE
from domain.risk import RISK_LEVELS
from domain.scores import BANDS
from tasks.runtime.context import TaskContext

Cause = Literal["loaded", "new_model"]

#: told when nothing was added for this long, or when the first has waited so long
QUIET, LONGEST = timedelta(seconds=60), timedelta(minutes=15)
#: kind of predictions -> its bands, lowest first
_RISING: Mapping[str, tuple[str, ...]] = {LEAD_SCORE.name: BANDS[::-1], CHURN.name: RISK_LEVELS}


def cause_of(prior: PriorScore, model_version: str) -> Cause | None:
    """Return why a new score is no news of its lead alone; None where it is news.

    It is none where nothing but a load of a file happened to the lead since its score before, and where nothing at all
    happened and another model computed it. The first score of a lead that an event brought is news.

    >>> from dataclasses import replace
    >>> new = PriorScore(
    ...     band=None, probability=None, model_version=None, scored_version=None, version=1, loaded_version=1
    ... )
    >>> [cause_of(prior, "m-1") for prior in (new, replace(new, version=2), replace(new, loaded_version=None))]
    ['loaded', None, None]
    >>> scored = replace(new, band="hot", probability=0.7, model_version="m-1", scored_version=1)
    >>> cause_of(scored, "m-1"), cause_of(scored, "m-2"), cause_of(replace(scored, version=2), "m-2")
    (None, 'new_model', None)
    """
    if prior.version == prior.loaded_version and prior.scored_version != prior.version:
        return "loaded"
    other_model = prior.model_version not in (None, model_version)
    return "new_model" if other_model and prior.scored_version == prior.version else None


def causes(fresh: Sequence[tuple[PredictionDraft, str]], before: Mapping[str, PriorScore]) -> dict[str, Cause]:
    """Return the leads among new scores whose score is no news of them alone, and why."""
    found = {draft.lead_id: cause_of(before[draft.lead_id], draft.model_version) for draft, _ in fresh}
    return {lead_id: cause for lead_id, cause in found.items() if cause is not None}


def add(
    session: Session,
    context: TaskContext,
    fresh: Iterable[tuple[PredictionDraft, str]],
    before: Mapping[str, PriorScore],
    quiet: Mapping[str, Cause],
) -> None:
    """Count the new scores of the leads in `quiet`, with their rows: they are told later, as one."""
    counted = [draft for draft, _ in fresh if draft.lead_id in quiet and draft.band is not None]
    groups: dict[tuple[Cause, str, str], list[PredictionDraft]] = {}
    for draft in counted:
        groups.setdefault((quiet[draft.lead_id], draft.kind, str(draft.band)), []).append(draft)
    tallies = [_tally(cause, kind, band, drafts, before) for (cause, kind, band), drafts in sorted(groups.items())]
    if tallies:
        score_digests.add(session, context.tenant_id, tallies=tallies)


def emit(session: Session, context: TaskContext) -> int:
    """Emit what has waited long enough as one event for each cause; return how many events."""
    tallies = score_digests.take(session, context.tenant_id, quiet=QUIET, longest=LONGEST)
    found = sorted({tally.cause for tally in tallies})
    for cause in found:
        context.emit_event("scores.refreshed", None, **_body(cause, [t for t in tallies if t.cause == cause]))
    return len(found)


def _tally(
    cause: Cause, kind: str, band: str, drafts: Sequence[PredictionDraft], before: Mapping[str, PriorScore]
) -> ScoreTally:
    rising = _RISING[kind]
    place = rising.index(band)
    came_from = [rising.index(was) for draft in drafts if (was := before[draft.lead_id].band) in rising]
    return ScoreTally(
        cause=cause,
        kind=kind,
        band=band,
        leads=len(drafts),
        up=sum(was < place for was in came_from),
        down=sum(was > place for was in came_from),
        as_of=max(draft.as_of for draft in drafts),
    )


def _body(cause: str, tallies: Sequence[ScoreTally]) -> JsonObject:
    scores, risks = ([t for t in tallies if t.kind == kind] for kind in (LEAD_SCORE.name, CHURN.name))
    since: list[datetime] = [tally.since for tally in tallies if tally.since is not None]
    return {
        "cause": cause,
        "leads": max(sum(tally.leads for tally in of_kind) for of_kind in (scores, risks)),
        "bands": _by_band(scores, BANDS),
        "band_moves": _moves(scores),
        "risk_levels": _by_band(risks, RISK_LEVELS),
        "risk_moves": _moves(risks),
        "since": min(since),
        "as_of": max(tally.as_of for tally in tallies),
    }


def _by_band(tallies: Sequence[ScoreTally], bands: Sequence[str]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for tally in tallies:
        counts[tally.band] += tally.leads
    return {band: counts[band] for band in bands}


def _moves(tallies: Sequence[ScoreTally]) -> dict[str, int]:
    return {"up": sum(tally.up for tally in tallies), "down": sum(tally.down for tally in tallies)}
