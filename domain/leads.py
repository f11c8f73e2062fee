"""The vocabulary of leads: types, stages, timelines and financing."""

from __future__ import annotations

import re
from typing import Final, Literal, get_args

ScoredLeadType = Literal["buyer", "seller", "both", "investor", "renter"]
UnscoredLeadType = Literal["agent", "vendor"]
LeadType = Literal["buyer", "seller", "both", "investor", "renter", "agent", "vendor"]
SCORED_LEAD_TYPES: tuple[ScoredLeadType, ...] = get_args(ScoredLeadType)
#: types that are stored and never scored: they are no clients
UNSCORED_LEAD_TYPES: tuple[UnscoredLeadType, ...] = get_args(UnscoredLeadType)
LEAD_TYPES: tuple[LeadType, ...] = get_args(LeadType)

#: the stages in order; a lead only moves forward
LIFECYCLE: Final = (
    "new",
    "contacted",
    "engaged",
    "qualified",
    "appointment",
    "showing",
    "offer",
    "under_contract",
    "closed",
)
#: stages beside the lifecycle, entered and left at any time
SIDE_STAGES: Final = ("nurture", "unresponsive", "lost", "archived", "past_client")
#: all stages that have a meaning; any other stage is the tenant's own and stays as it is
STAGES: Final = (*LIFECYCLE, *SIDE_STAGES)
#: stages that end a lead
ENDED_STAGES: Final = frozenset({"closed", "lost", "archived"})
#: stages in which something can be done for a lead
OPEN_STAGES: Final = tuple(stage for stage in STAGES if stage not in ENDED_STAGES)

#: months until the lead wants to move
KnownTimeline = Literal["0-3", "3-6", "6-12", "12+"]
Timeline = Literal["0-3", "3-6", "6-12", "12+", "unknown"]
KNOWN_TIMELINES: tuple[KnownTimeline, ...] = get_args(KnownTimeline)
TIMELINES: tuple[Timeline, ...] = get_args(Timeline)

Preapproval = Literal["none", "started", "preapproved", "cash"]
PREAPPROVALS: tuple[Preapproval, ...] = get_args(Preapproval)

OpportunityStatus = Literal["open", "won", "lost", "abandoned"]
OPPORTUNITY_STATUSES: tuple[OpportunityStatus, ...] = get_args(OpportunityStatus)

#: what a source may change of a lead that is stored already
MergePolicy = Literal["fill_blanks", "overwrite", "skip_existing"]

_ROW_ID = re.compile(r"row-[0-9a-f]{12}-\d+")


def row_id(file: str, number: int) -> str:
    """Return the id of a row of a file that has no ids: the file, by 12 digits of its digest, and the row's position.

    >>> row_id("0123456789ab", 7)
    'row-0123456789ab-7'
    """
    return f"row-{file}-{number}"


def is_row_id(external_id: str) -> bool:
    """Return whether an id only says where a row stood: two rows may then be one person."""
    return _ROW_ID.fullmatch(external_id) is not None
