"""The canonical columns: the columns that Hearth knows, and the kind by which the cells of each are read."""

from __future__ import annotations

import re

from ml.language import consent_words

#: kind of cell -> its columns; `cells` has one reader for each kind
KINDS: dict[str, tuple[str, ...]] = {
    "id": ("external_id", "source_system"),
    "email": ("email",),
    "phone": ("phone",),
    # a column of either, such as `Email / Phone`
    "email_or_phone": ("email_or_phone",),
    "name": ("first_name", "last_name", "full_name"),
    "choice": ("lead_type", "opportunity_status", "timeline", "preapproval"),
    "text": (
        *("stage", "pipeline", "opportunity_id", "lost_reason", "source", "campaign"),
        *("property_type", "assigned_to", "state"),
    ),
    "amount": ("deal_value",),
    "budget": ("budget_min", "budget_max"),
    "least": ("beds_min", "baths_min"),
    "count": (
        *("emails_sent", "emails_opened", "emails_clicked", "sms_in", "sms_out", "calls", "listing_views"),
        *("saved_listings", "saved_searches", "searches", "showings", "offers", "site_visits"),
    ),
    "time": (
        *("created_at", "last_activity_at", "last_contacted_at", "last_replied_at", "closed_at", "stage_changed_at"),
        *("as_of", "label_at"),
    ),
    "unsubscribed": ("unsubscribed_at",),
    "list": ("tags",),
    "places": ("locations",),
    "zone": ("timezone",),
    "label": ("label",),
}
#: families of columns: channels of consent, parts of a campaign
PATTERNS = (
    (re.compile(r"opt_in_(email|sms|call|mail|all)"), "opt_in"),
    # dnc: a do-not-call list, which covers calls and texts
    (re.compile(r"dnd_(email|sms|call|mail|all|dnc)"), "dnd"),
    (re.compile(r"utm_(source|medium|campaign|term|content)"), "text"),
)
#: kind of cell -> columns of a file of events; the identity columns of leads say whose event it is
EVENT_KINDS: dict[str, tuple[str, ...]] = {
    "event_kind": ("kind",),
    "time": ("occurred_at",),
    "direction": ("direction",),
    "channel": ("channel",),
    "message": ("text",),
    "duration": ("duration",),
    "number": ("value",),
    "event_id": ("source_id",),
}
IDENTITY = ("external_id", "source_system", "email", "phone", "email_or_phone", "first_name", "last_name", "full_name")
#: kinds of which several columns of one file may mean the same canonical column: any refusal counts
SHARED = frozenset({"dnd", "opt_in"})
#: kinds of which several columns count row by row: each in rows where those before it have nothing
FALLBACK = frozenset({"email", "phone", "email_or_phone", "name"})
#: kinds of columns that say whether a lead may be contacted
CONSENT = SHARED | {"unsubscribed"}
_KIND_OF = {name: kind for kind, names in KINDS.items() for name in names}
_EVENT_KIND_OF = {name: kind for kind, names in EVENT_KINDS.items() for name in names}
#: the fixed names; a name that matches PATTERNS may contain words of the file's author
NAMES = frozenset({*_KIND_OF, *_EVENT_KIND_OF})


def column_kind(name: str) -> str | None:
    """Return the kind of a canonical column, of leads or of events; None when there is no such column."""
    pattern_kinds = (kind for pattern, kind in PATTERNS if pattern.fullmatch(name))
    return _KIND_OF.get(name) or _EVENT_KIND_OF.get(name) or next(pattern_kinds, None)


def consent_column(name: str) -> consent_words.ConsentColumn | None:
    """Return what a canonical column says of consent; None when it is not about consent."""
    kind = column_kind(name)
    if kind not in SHARED:
        return None
    channel = name.rpartition("_")[2]
    channels = frozenset({"call", "sms"} if channel == "dnc" else {channel})
    return consent_words.ConsentColumn(means="refusal" if kind == "dnd" else "consent", channels=channels)


def consent_column_name(about: consent_words.ConsentColumn) -> str:
    """Return the canonical name of a column that is about consent.

    >>> consent_column_name(consent_words.ConsentColumn(means="refusal", channels=frozenset({"call", "sms"})))
    'dnd_dnc'
    """
    channel = next(iter(about.channels)) if len(about.channels) == 1 else "all"
    kind = "dnd" if about.means == "refusal" else "opt_in"
    return "dnd_dnc" if kind == "dnd" and about.channels == {"call", "sms"} else f"{kind}_{channel}"


def belongs_to(name: str, subject: str) -> bool:
    """Return whether a canonical column may stand in a file of `subject`, leads or events."""
    if subject == "events":
        return name in _EVENT_KIND_OF or name in IDENTITY
    return name not in _EVENT_KIND_OF
