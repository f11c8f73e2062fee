"""Classify interactions: a sign of activity by the lead, a contact by the agent, or the end of the lead.

An e-mail that was opened is no sign: mail programs open them by themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Literal

from domain.leads import UNSCORED_LEAD_TYPES
from ml.features.contextual import TERMINAL as OVER
from ml.features.events import OUTBOUND, canonical, visible
from ml.profiles import Interaction, LeadProfile

#: kinds that the lead does, whichever way the CRM says they went
_MET = frozenset({"showings", "offers", "appointments", "appointment_set", "appointment_kept"})
#: kinds that are the lead's own unless they are said to be outbound
_DID = frozenset(
    {"sms_in", "replies", "replied", "emails_clicked", "inquiries", "activity", "searches", "saved_searches"}
)
_SEEN = frozenset({"listing_views", "saved_listings", "site_visits"})
_TALKED = frozenset({"calls", "messages"})
#: kinds that cannot be without somebody having been in touch
_TOUCHED = frozenset({"contact", "contacted", "no_shows", "replies", "replied", "sms_in", "calls"}) | OUTBOUND | _MET
#: how outcomes that were recorded are marked among events
_PREFIX = "outcome."

#: stages that are ends; a past client is a client again
_ENDED = OVER - {"past_client", "past client"}

EndOutcome = Literal["churned", "won", "gone"]

#: kind, without `outcome.` -> what it makes of a lead and the reason code, refusals first: of two ends at one moment
#: the first counts
ENDS: Mapping[str, tuple[EndOutcome, str]] = MappingProxyType(
    {
        "unsubscribed": ("churned", "unsubscribed"),
        "opted_out": ("churned", "opted_out"),
        "stop": ("churned", "opted_out"),
        "do_not_disturb": ("churned", "do_not_disturb"),
        "dnd_all": ("churned", "do_not_disturb"),
        "archived": ("churned", "archived"),
        "won": ("won", "won"),
        "deal_won": ("won", "won"),
        "lost": ("churned", "lost"),
        "deal_lost": ("churned", "lost"),
        "abandoned": ("churned", "abandoned"),
        "deleted": ("gone", "deleted"),
        "lead_deleted": ("gone", "deleted"),
        "merged": ("gone", "merged"),
        "lead_merged": ("gone", "merged"),
    }
)
#: stage that a lead enters -> the end that it is
STAGES: Mapping[str, str] = MappingProxyType(
    {"closed": "won", "past_client": "won", "past client": "won", "lost": "lost", "archived": "archived"}
)
#: after these nothing may contact the lead
TERMINAL = frozenset({"unsubscribed", "opted_out", "do_not_disturb", "archived"})
_REFUSALS = TERMINAL - {"archived"}
#: kinds that open a lead again
_BACK = frozenset({"reopened", "restored", "lead_restored"})
_RANKS = {kind: rank for rank, kind in enumerate(ENDS)}


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """The end of a lead."""

    at: datetime
    recorded_at: datetime
    outcome: EndOutcome
    reason: str
    #: of ends at one moment the lowest counts
    rank: int

    def was_known(self, as_of: datetime) -> bool:
        """Return whether it had happened and was known at a moment."""
        return self.at <= as_of and self.recorded_at <= as_of

    @property
    def refused(self) -> bool:
        """Return whether the lead itself asked for it."""
        return self.reason in _REFUSALS


def point_in_time(profile: LeadProfile) -> LeadProfile:
    """Return a lead with only what had happened and was known at its moment."""
    as_of = profile.as_of
    return replace(
        profile,
        created_at=None if profile.created_at is None or profile.created_at > as_of else profile.created_at,
        times={name: moment for name, moment in profile.times.items() if moment <= as_of},
        interactions=tuple(visible(profile)),
    )


def closed_reason(profile: LeadProfile, stood_since: datetime | None) -> str | None:
    """Return why the lead is closed (its terminal outcome, or `no_client`), or None while it is open.

    One that entered a stage since (`stood_since`), or came back, is open again, unless it refused.
    """
    if profile.lead_type in UNSCORED_LEAD_TYPES:
        return "no_client"
    stage = (profile.stage or "").casefold()
    if stage in _ENDED:
        return STAGES.get(stage, "ended")
    back = [event.occurred_at for event in profile.interactions if _bare(event.kind) in _BACK]
    since = max([*back, *([] if stood_since is None else [stood_since])], default=None)
    lasting = [end for end in ends(profile) if end.refused or since is None or since <= end.at]
    return min(lasting, key=lambda end: (not end.refused, end.at, end.rank)).reason if lasting else None


def ends(profile: LeadProfile) -> list[End]:
    """Return the ends among a lead's interactions."""
    return [end for event in profile.interactions if (end := end_of(event)) is not None]


def quiet_since(profile: LeadProfile) -> datetime | None:
    """Return when a lead gave its last sign, else when it came; None when nothing is known of it."""
    came = profile.created_at or min((event.occurred_at for event in profile.interactions), default=None)
    return max([*signs(profile), *([] if came is None else [came])], default=None)


def signs(profile: LeadProfile) -> list[datetime]:
    """Return the moments at which a lead gave a sign, from its interactions and its stored times."""
    stored = (profile.times.get(name) for name in ("last_activity_at", "last_replied_at"))
    happened = (event.occurred_at for event in profile.interactions if is_sign(event))
    return [*happened, *(moment for moment in stored if moment is not None)]


def contacts(profile: LeadProfile) -> list[datetime]:
    """Return the moments at which somebody was in touch with a lead."""
    stored = [profile.times.get(name) for name in ("last_contacted_at", "last_replied_at")]
    happened = [event.occurred_at for event in profile.interactions if is_contact(event)]
    return [*happened, *(moment for moment in stored if moment is not None)]


def is_sign(event: Interaction) -> bool:
    """Return whether the event is a sign: an inbound reply, an answered call, a click, a site event or an appointment.

    >>> moment = datetime(2025, 3, 1)
    >>> call = Interaction(kind="call", occurred_at=moment, recorded_at=moment, direction="outbound", value=4.0)
    >>> mail = Interaction(kind="email_opened", occurred_at=moment, recorded_at=moment)
    >>> is_sign(call), is_sign(mail)
    (True, False)
    """
    kind = plain_kind(event)
    if kind in _MET:
        return True
    if kind in _TALKED:
        # a call of ours was answered when it lasted
        return event.direction == "inbound" or (kind == "calls" and (event.value or 0) > 0)
    return kind in _DID | _SEEN and event.direction != "outbound"


def is_contact(event: Interaction) -> bool:
    """Return whether the event proves that somebody was in touch with the lead."""
    kind = plain_kind(event)
    return kind in _TOUCHED or (event.direction == "outbound" and kind in _TALKED)


def end_of(event: Interaction) -> End | None:
    """Return the end that an interaction is; None when it is none."""
    return _end(_bare(event.kind), event.occurred_at, event.recorded_at)


def end_of_stage(stage: str | None, since: datetime, recorded_at: datetime) -> End | None:
    """Return the end that a stage is; None when it is none."""
    return _end(STAGES.get((stage or "").casefold(), ""), since, recorded_at)


def plain_kind(event: Interaction) -> str:
    """Return the canonical kind, else the kind as it was told."""
    return _plain(event.kind, event.direction)


@lru_cache(maxsize=4096)  # many events share few kinds
def _plain(kind: str, direction: str | None) -> str:
    bare = _bare(kind)
    return canonical(bare, direction) or bare


def _end(kind: str, at: datetime, recorded_at: datetime) -> End | None:
    if kind not in ENDS:
        return None
    outcome, reason = ENDS[kind]
    return End(at=at, recorded_at=recorded_at, outcome=outcome, reason=reason, rank=_RANKS[kind])


@lru_cache(maxsize=1024)
def _bare(kind: str) -> str:
    return kind.casefold().strip().removeprefix(_PREFIX)
