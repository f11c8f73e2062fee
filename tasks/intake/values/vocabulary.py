"""The words that stand for the levels of a canonical column, compared without case, blanks and punctuation."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from domain.leads import STAGES

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
        "none": (
            "no",
            "n",
            "not preapproved",
            "not pre-approved",
            "not started",
            "not yet",
            "false",
            "0",
            "not approved",
        ),
        "started": ("in progress", "applied", "pending", "talking to lender", "working on it", "prequalified"),
        "preapproved": ("pre-approved", "yes", "approved", "true", "1", "pre-approval", "y"),
        "cash": ("cash buyer", "all cash", "paying cash", "cash offer"),
    },
}
YES = frozenset({"yes", "y", "true", "t", "1", "on", "x", "✓", "✔", "checked", "ja", "si"})
NO = frozenset({"no", "n", "false", "f", "0", "off", "unchecked", "nein"})
#: cells that say nothing in any column, in lower case: what databases, spreadsheets and people write for a blank
MISSING = frozenset(
    {
        *("n/a", "#n/a", "na", "n.a.", "n.a", "<na>", "#nv", "n/d", "n.d.", "s/d", "k.a.", "k. a.", "keine angabe"),
        *("null", "\\n", "nil", "<null>", "(null)", "[null]", "<nil>", "#null!", "nan", "nat", "undefined", "<none>"),
        *("(blank)", "(empty)", "(not set)", "#value!", "#ref!", "#name?", "#num!", "#div/0!", "#error!"),
        # the first line of a list that nobody chose from
        *("please select", "select", "select one", "-select-", "--select--", "- select -", "--none--", "-none-"),
        *(
            "choose one",
            "please choose",
            "bitte wählen",
            "bitte auswählen",
            "seleccione",
            "selecione",
            "sélectionner",
            "selezionare",
        ),
        *(
            "-none-",
            "--none--",
            "(none)",
            "[not provided]",
            "not provided",
            "not selected",
            "not available",
            "not applicable",
            "no data",
            "sin datos",
            "sem dados",
            "non renseigné",
        ),
        *("-", "--", "---", "\u2013", "\u2014", ".", "..", "...", "\u2026", '""', "''", "[]", "{}"),
        *("0000-00-00", "0000-00-00 00:00:00", "0000-00-00 00:00", "0000-00-00t00:00:00", "0000-00-00t00:00:00z"),
        *("00/00/0000", "00/00/0000 00:00", "00/00/0000 00:00:00", "00.00.0000", "00-00-0000", "0000/00/00"),
        # where the calendars of Excel and .NET begin
        *("1/0/1900", "01/00/1900", "00/01/1900", "0/1/1900", "0001-01-01", "0001-01-01 00:00:00"),
        *("0001-01-01t00:00:00", "0001-01-01t00:00:00z", "1/1/0001 12:00:00 am", "01/01/0001 00:00:00"),
    }
)
#: cells that also count as blank, except in custom columns, where they may be a level, and in columns about consent
NOTHING = frozenset(
    {
        *("none", "?", "nothing", "ninguno", "ninguna", "nada", "nenhum", "nenhuma", "aucun", "aucune", "rien"),
        *("kein", "keine", "keiner", "keines", "nessuno", "nessuna", "geen"),
    }
)
#: what is missing in lower or upper case and somebody's name in title case
_NAMES = frozenset({"Na", "Nan", "Nat", "Nil", "Null"})


def is_missing(text: str, *, name: bool = False) -> bool:
    r"""Return whether a cell says nothing: `\N`, `NULL`, `n/a`, `0000-00-00`, `-`; `none` and `no` say something.

    With `name` the cell holds a person's name, and `Null`, written as a name is, is one.
    """
    bare = text.strip()
    return bare.casefold() in MISSING and not (name and bare in _NAMES)


_NOISE = re.compile(r"[\s_/&,.;-]+")


@lru_cache(maxsize=4096)  # words repeat from row to row
def level_key(text: str) -> str:
    """Return a word in the form in which words are compared."""
    return _NOISE.sub(" ", text.replace("\u2013", "-").casefold()).strip()


def inverted(levels: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return a mapping from each word, as `level_key` gives it, to the level it stands for."""
    return {level_key(word): level for level, words in levels.items() for word in (level, *words)}


LEVEL_OF: dict[str, dict[str, str]] = {column: inverted(levels) for column, levels in LEVELS.items()}
STAGE_OF = inverted(dict.fromkeys(STAGES, ()))
#: of events
DIRECTION_OF = inverted(
    {
        "inbound": ("in", "incoming", "received", "from lead", "from contact", "i"),
        "outbound": ("out", "outgoing", "sent", "to lead", "to contact", "o"),
    }
)
CHANNEL_OF = inverted(
    {
        "email": ("e-mail", "mail message"),
        "sms": ("text", "text message", "txt", "mms", "imessage"),
        "call": ("phone", "phone call", "voice", "voicemail", "voice mail"),
        "chat": ("live chat", "live_chat", "webchat", "web chat"),
        "whatsapp": ("whats app",),
        "facebook": ("fb", "messenger", "facebook messenger"),
        "instagram": ("ig", "instagram dm"),
        "web": ("website", "site", "portal", "form", "app"),
        "in_person": ("in person", "meeting", "open house"),
        "mail": ("letter", "postal mail", "direct mail"),
    }
)
