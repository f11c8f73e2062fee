"""What a closed lead can teach: whether it was seen before its end, with it or after, or why it is left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal, get_args

from domain.leads import UNSCORED_LEAD_TYPES

#: when a lead was observed, by its end: earlier, at the moment at which we learnt of it, or later
Observed = Literal["before", "same_moment", "after"]
OBSERVED: tuple[str, ...] = get_args(Observed)
#: why a closed lead is left out -> words that follow a count
LEFT_OUT: Final[Mapping[str, str]] = {
    "blocked": "may not be used: restricted, or the person objected",
    "not_a_client": "are agents or vendors",
    "closed_before_created": "closed before they were created",
    "labelled_after_as_of": "were labelled after the moment asked for",
    "seen_after_end": "were seen only after their end, and enough others were seen before theirs",
}
#: what an own model needs: closed leads, and of each outcome
MIN_LABELLED, MIN_OF_EACH = 200, 40
#: share of the ended leads, or of their values of a column, up to which they count as rare
RARE_SHARE = 0.05
#: one of the two times may be a date without a time
DATE_TOLERANCE = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedLead:
    """A lead whose outcome is known. Times are aware."""

    lead_id: str
    #: True: won
    label: bool
    #: when it ended; None: nobody said
    label_at: datetime | None
    #: the time at which its fields were true
    observed_at: datetime
    created_at: datetime | None
    lead_type: str | None
    #: nothing may be computed of it
    blocked: bool = False
    #: live scoring saw it before its end
    scored_before: bool = False


def reading(lead: ClosedLead, *, as_of: datetime | None = None) -> str:
    """Return when a closed lead was observed, by its end: one of `OBSERVED`; else why it is left out: of `LEFT_OUT`.

    With `as_of` nothing counts that was labelled later.

    >>> from datetime import UTC
    >>> end, day = datetime(2026, 3, 1, tzinfo=UTC), timedelta(days=1)
    >>> lead = ClosedLead(lead_id="1", label=True, label_at=end, observed_at=end + day, created_at=end - 9 * day,
    ...                   lead_type="buyer")
    >>> reading(lead), reading(lead, as_of=end - day)
    ('after', 'labelled_after_as_of')
    """
    if lead.blocked:
        return "blocked"
    if lead.lead_type in UNSCORED_LEAD_TYPES:
        return "not_a_client"
    if as_of is not None and lead.label_at is not None and lead.label_at > as_of:
        return "labelled_after_as_of"
    if lead.scored_before:
        return "before"
    if lead.label_at is not None and lead.created_at is not None and lead.label_at < lead.created_at - DATE_TOLERANCE:
        return "closed_before_created"
    return _observed(lead)


def in_words(usable: Mapping[str, Any]) -> str:
    """Return in one line how many closed leads can be learnt from, and why not the others.

    >>> in_words({"won": 0, "lost": 0, "left_out": {"closed_before_created": 40}})
    '0 of 40 closed leads can be learnt from: 40 closed before they were created'
    """
    left_out = {code: count for code, count in usable["left_out"].items() if count}
    used = usable["won"] + usable["lost"]
    closed = used + sum(left_out.values())
    if not closed:
        return "there are no closed leads to learn from"
    why = ", ".join(f"{count:,} {LEFT_OUT.get(code, code)}" for code, count in left_out.items())
    told = f"{used:,} of {closed:,} closed leads can be learnt from"
    return f"{told}: {why}" if why else told


def _observed(lead: ClosedLead) -> Observed:
    # without a date of its end, a lead was seen together with its outcome
    if lead.label_at is None or lead.observed_at == lead.label_at:
        return "same_moment"
    return "before" if lead.observed_at < lead.label_at else "after"
