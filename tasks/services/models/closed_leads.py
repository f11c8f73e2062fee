"""Count the closed leads that can be learnt from, by one rule, for a file, its preview, readiness and training."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from db import merging
from db.records import ChunkRecord, LeadDraft
from domain.closed_leads import MIN_LABELLED, MIN_OF_EACH, OBSERVED, RARE_SHARE, ClosedLead, reading
from domain.documents import JsonObject

#: outcome and reading of closed leads, as `won after`, and how many there are
Tally = Counter[str]
_OUTCOMES = ("won", "lost")


@dataclass(frozen=True, slots=True, kw_only=True)
class Usable:
    """The closed leads that can be learnt from, and those that are left out."""

    won: int
    lost: int
    #: code of `domain.closed_leads.LEFT_OUT` -> leads
    left_out: Mapping[str, int]
    #: all closed leads by outcome
    closed: Mapping[str, int]
    #: the usable ones by when they were observed
    observed: Mapping[str, int]

    @property
    def reads_after_end(self) -> bool:
        """Return whether leads that were seen only after their end are learnt from."""
        return self.observed["after"] > 0

    def short(self) -> JsonObject:
        """Return what an import, its preview and readiness say."""
        return {"won": self.won, "lost": self.lost, "left_out": dict(self.left_out)}


def tallied(closed: Iterable[tuple[ClosedLead, str]]) -> Tally:
    """Return how many leads there are of each outcome and reading."""
    return Counter(_name(lead.label, read) for lead, read in closed)


def of_draft(draft: LeadDraft, now: datetime) -> Tally:
    """Return the tally of one row of a file that is read now: nothing for a lead without outcome."""
    label = merging.draft_label(draft)
    if label is None:
        return Counter()
    lead = ClosedLead(
        lead_id="",
        label=label,
        label_at=draft.label_at or draft.fields.get("closed_at"),
        observed_at=draft.as_of or now,
        created_at=draft.fields.get("created_at"),
        lead_type=draft.fields.get("lead_type"),
    )
    return Counter([_name(label, reading(lead))])


def of_chunks(chunks: Sequence[ChunkRecord]) -> JsonObject | None:
    """Return what the rows of an import can teach; None where a worker of an earlier version imported some of them."""
    if any(chunk.counts and "closed" not in chunk.counts for chunk in chunks):
        return None
    tally: Tally = Counter()
    for chunk in chunks:
        tally.update(chunk.counts.get("closed", {}))
    return usable(tally).short()


def usable(tally: Mapping[str, int], *, seen_after_end: bool = True) -> Usable:
    """Return which of the tallied leads can be learnt from; without `seen_after_end` none seen only after its end.

    Who was seen after the end teaches less: the days to the end tell how it ended (see `ml.leads.after_end`), so no row
    of such a training may have them. Such leads are left out where the others suffice and they are few, or where those
    seen before their end suffice.

    >>> usable({"won after": 60, "lost after": 200}).short()
    {'won': 60, 'lost': 200, 'left_out': {}}
    >>> usable({"won after": 3, "won same_moment": 60, "lost same_moment": 200}).short()
    {'won': 60, 'lost': 200, 'left_out': {'seen_after_end': 3}}
    """
    after = _counted(tally, "after")
    left_out = Counter[str]()
    for name, count in tally.items():
        read = name.partition(" ")[2]
        if read not in OBSERVED:
            left_out[read] += count
    readings = [read for read in OBSERVED if read != "after" or (seen_after_end and _teaches(tally))]
    if "after" not in readings and any(after):
        left_out["seen_after_end"] += sum(after)
    won, lost = _counted(tally, *readings)
    return Usable(
        won=won,
        lost=lost,
        left_out=dict(sorted((code, count) for code, count in left_out.items() if count)),
        closed={outcome: sum(n for name, n in tally.items() if name.startswith(outcome)) for outcome in _OUTCOMES},
        observed={read: sum(_counted(tally, read)) if read in readings else 0 for read in OBSERVED},
    )


def pooled(parts: Sequence[Usable], labels: Sequence[bool]) -> Usable:
    """Return what is told of several tenants' closed leads: those that were chosen, and how many were blocked.

    More would tell one tenant how many leads another has.
    """
    won, blocked = sum(labels), sum(part.left_out.get("blocked", 0) for part in parts)
    lost = len(labels) - won
    return Usable(
        won=won,
        lost=lost,
        left_out={"blocked": blocked} if blocked else {},
        closed={"won": won, "lost": lost},
        observed=dict.fromkeys(OBSERVED, 0),
    )


def _teaches(tally: Mapping[str, int]) -> bool:
    """Return whether those that were seen only after their end are needed."""
    before, others = _counted(tally, "before"), _counted(tally, "before", "same_moment")
    after = sum(_counted(tally, "after"))
    few = after <= RARE_SHARE * (after + sum(others))
    return not (_suffices(before) or (few and _suffices(others)))


def _suffices(counts: tuple[int, int]) -> bool:
    return sum(counts) >= MIN_LABELLED and min(counts) >= MIN_OF_EACH


def _counted(tally: Mapping[str, int], *readings: str) -> tuple[int, int]:
    won, lost = (sum(tally.get(f"{outcome} {read}", 0) for read in readings) for outcome in _OUTCOMES)
    return won, lost


def _name(label: bool, read: str) -> str:
    return f"{'won' if label else 'lost'} {read}"
