"""Words that stand for the levels of a canonical column, compared without case, blanks and punctuation."""

from __future__ import annotations

import re

LEVELS: dict[str, dict[str, tuple[str, ...]]] = {
    "lead_type": {
        "buyer": ("buyers", "buying", "buyer lead", "buy", "purchaser", "home buyer", "first time buyer", "B"),
        "seller": ("sellers", "selling", "seller lead", "sell", "listing", "home seller", "owner", "S"),
        "both": (
            *("buyer seller", "seller buyer", "buyer and seller", "seller and buyer", "buy and sell", "sell and buy"),
            *("buyer or seller",),
        ),
        "investor": ("investors", "investment", "investor lead", "landlord", "flipper"),
        "renter": ("renters", "rental", "rent", "tenant", "lease", "leasing", "lessee"),
        "agent": ("agents", "realtor", "broker", "real estate agent", "referral agent"),
        "vendor": ("vendors", "lender", "contractor", "partner", "service provider"),
    },
    "opportunity_status": {
        "open": ("active", "in progress", "new", "pending", "working"),
        "won": ("closed won", "win", "sold", "closed sold", "success", "successful"),
        "lost": ("closed lost", "lose", "loss", "dead"),
        "abandoned": ("abandon", "cancelled", "canceled", "withdrawn", "expired"),
    },
    # Excel turns 3-6 into 6-Mar.
    "timeline": {
        "0-3": (
            *(
                "0-3 months",
                "0 to 3",
                "0 to 3 months",
                "<3 months",
                "under 3 months",
                "less than 3 months",
                "immediate",
            ),
            *("immediately", "asap", "now", "right away", "1-3 months", "within 3 months", "1 month", "0-1 months"),
            *("30 days", "60 days", "90 days", "1-2 months", "2-3 months"),
        ),
        "3-6": ("3-6 months", "3 to 6", "3 to 6 months", "within 6 months", "4-6 months", "6-mar", "3-jun"),
        "6-12": (
            "6-12 months",
            "6 to 12",
            "6 to 12 months",
            "7-12 months",
            "within a year",
            "within 12 months",
            "12-jun",
            "6-dec",
        ),
        "12+": (
            *(
                "12+ months",
                "12 months+",
                "more than 12 months",
                "over 12 months",
                ">12 months",
                "over a year",
                "1+ year",
            ),
            *("1 year+", "12-24 months", "next year", "more than a year", "1+ years"),
        ),
        "unknown": ("not sure", "undecided", "unsure", "just looking", "just browsing", "no rush"),
    },
    "preapproval": {
        "none": ("no", "not preapproved", "not pre-approved", "not started", "not yet", "false", "0", "not approved"),
        "started": ("in progress", "applied", "pending", "talking to lender", "working on it", "prequalified"),
        "preapproved": ("pre-approved", "yes", "approved", "true", "1", "pre-approval", "y"),
        "cash": ("cash buyer", "all cash", "paying cash", "cash offer"),
    },
}
YES = frozenset({"yes", "y", "true", "t", "1", "on", "x", "✓", "✔", "checked", "ja", "si"})
NO = frozenset({"no", "n", "false", "f", "0", "off", "unchecked", "nein"})
#: what systems write into a do-not-disturb column besides yes and no
BLOCKED = YES | {"active", "dnd", "opted out", "opt out", "optout", "unsubscribed", "do not contact", "stop", "blocked"}
ALLOWED = NO | {"inactive", "opted in", "opt in", "optin", "subscribed", "allowed", "ok", "none"}
#: what systems write into an opt-in column besides yes and no
GRANTED = YES | {"opted in", "opt in", "optin", "subscribed", "granted", "consented", "active", "confirmed"}
REFUSED = NO | {"opted out", "opt out", "optout", "unsubscribed", "refused", "denied", "inactive", "none", "stop"}
#: cells that say nothing, in every column but names and levels
MISSING = frozenset(
    {"n/a", "#n/a", "na", "null", "nil", "-", "--", "—", "undefined", "(blank)", "(empty)", "#value!", "#ref!"}
)
#: and these in all but the tenant's own columns, where they may be a level
NOTHING = frozenset({"none", "?"})
_NOISE = re.compile(r"[\s_/&,.;-]+")


def level_key(text: str) -> str:
    """Reduce a word to what is compared."""
    return _NOISE.sub(" ", text.replace("\u2013", "-").casefold()).strip()


LEVEL_OF: dict[str, dict[str, str]] = {
    column: {level_key(word): level for level, words in levels.items() for word in (level, *words)}
    for column, levels in LEVELS.items()
}
