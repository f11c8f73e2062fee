"""Read the words of a header: does it name an address, a number, a person's name, a country, an end?

The profiles know headers as wholes. A header that no profile knows, such as `Person - Email - Work` or
`Phone number (recommended)`, is read word by word; the words are data, in `header_words.toml`.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib import resources
from typing import Literal

ContactKind = Literal["email", "phone", "email_or_phone"]

_DATA: Mapping[str, Sequence[str]] = tomllib.loads(
    (resources.files("tasks.intake.csv.columns") / "header_words.toml").read_text("utf-8")
)
_EMAIL, _PHONE, _NEUTRAL, _OTHERS, _NAME, _BESIDE_NAME, _FIRST, _LAST, _COUNTRY, _DIALLING, _END = (
    frozenset(_DATA[name])
    for name in (
        *("email", "phone", "neutral", "others", "name", "beside_name", "first_name", "last_name"),
        *("country", "dialling", "end"),
    )
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_WORD = re.compile(r"[^\W\d_]+")
#: characters of a header that are read word by word
_LONGEST = 200
#: two words that are one
_PAIRS = (("e", "mail", "email"), ("e", "mails", "emails"), ("whats", "app", "whatsapp"), ("full", "name", "fullname"))
#: what a record is, in front of the name of its column: `Person - Owner`
_ENTITY = re.compile(
    r"(?:person|people|contact|lead|client|customer|deal|opportunity)\s*+(?:-|:|\.|/|»|>|\u2013)\s*+(?=\S)",
    re.IGNORECASE,
)
#: how forms ask for what a column holds
_QUESTION = re.compile(
    r"(?:(?:what(?:['\u2019]?s|[\s_]is|[\s_]are)|please[\s_](?:enter|provide)|enter|\u00bf?cu[a\u00e1]l[\s_]es|qual[\s_](?:\u00e9|e)"
    r"|quel(?:le)?[\s_]est|wie[\s_](?:ist|lautet))[\s_]+)?(?:your|tu|su|seu|sua|votre|ihre?)[\s_]+(?=\S)",
    re.IGNORECASE,
)
#: a currency or a zone behind a header
_UNIT = re.compile(r"(?<!\s)\s*+[(\[](?:[A-Z]{3}|[^\w\s()]{1,3})[)\]]$")
#: signs that stand for a phone or an e-mail address
_SIGNS = re.compile("[\u260e\u260f\u2706\u2709\U0001f4de\U0001f4f1\U0001f4e7\U0001f4e8]")
#: columns that belong to rows below the lead's own, as ERPNext writes them: `Note (Notes)`
_CHILD = re.compile(r"\S.*\s\([^()\d][^()]*+\)")
#: a second person of the same kind: `Buyer 2 Email`, `Second Buyer Phone`
_ANOTHER_PERSON = re.compile(
    r"(?:second|secondary|third|2nd|other|alternate|alternative|alt|additional|co)[\s_-]*+(?:buyer|client|customer|person|applicant"
    r"|borrower)|(?:buyer|client|customer|person|applicant|borrower)[\s_-]*+[2-9]",
    re.IGNORECASE,
)


@lru_cache(maxsize=4096)
def words_of(header: str) -> tuple[str, ...]:
    """Return the words of a header in lower case, without accents, digits and signs.

    >>> words_of("Adresse e-mail"), words_of("doNotEmail")
    (('adresse', 'email'), ('do', 'not', 'email'))
    """
    short = _CAMEL.sub(" ", header[:_LONGEST])
    plain = "".join(c for c in unicodedata.normalize("NFKD", short) if not unicodedata.combining(c))
    words = _WORD.findall(plain.casefold())
    for first, second, joined in _PAIRS:
        for at in range(len(words) - 2, -1, -1):
            if (words[at], words[at + 1]) == (first, second):
                words[at : at + 2] = [joined]
    return tuple(words)


def without_entity(header: str) -> str | None:
    """Return `Owner` for `Person - Owner`; None when the header names no kind of record in front.

    >>> without_entity("Deal - Status"), without_entity("Organization - Name")
    ('Status', None)
    """
    match = _ENTITY.match(header.strip())
    return header.strip()[match.end() :] if match else None


def without_frame(header: str) -> str | None:
    """Return `budget?` for `What is your budget?` and `Price` for `Price (AED)`; None when nothing stands around it.

    >>> without_frame("What's your budget?"), without_frame("what_is_your_email"), without_frame("Budget")
    ('budget?', 'email', None)
    >>> without_frame("Min Price (AED)"), without_frame("ID (Notes)")
    ('Min Price', None)
    """
    bare = _UNIT.sub("", header.strip()[:_LONGEST])
    match = _QUESTION.match(bare)
    inner = bare[match.end() :] if match else bare
    return inner if inner != header.strip() else None


def contact_kind(header: str) -> ContactKind | None:
    """Return what a header says that its column holds of the lead's own addresses; None when it says nothing of them.

    >>> contact_kind("Person - Email - Work"), contact_kind("Email / Phone"), contact_kind("Agent Email")
    ('email', 'email_or_phone', None)
    """
    if words_of(header) == ("email", "from"):  # of the sender, who is the lead
        return "email"
    words = set(words_of(header))
    telling = words - _NEUTRAL
    if not telling or words & _OTHERS or _ANOTHER_PERSON.search(header) or not telling <= _EMAIL | _PHONE:
        return None
    if telling & _EMAIL and telling & _PHONE:
        return "email_or_phone"
    return "email" if telling & _EMAIL else "phone"


def may_hold_contact(header: str) -> bool:
    """Return whether the values of a column may speak for a header that says nothing: no word of somebody else.

    A word for an address beside one that is not known, as in `Closer Email`, may be somebody else's too.

    >>> may_hold_contact("Reach me"), may_hold_contact("Closer Email"), may_hold_contact("Godmother e-mail")
    (True, False, False)
    """
    words = set(words_of(header))
    addresses = words & (_EMAIL | _PHONE)
    return (
        not words & _OTHERS and not (addresses and words - _NEUTRAL - addresses) and not _ANOTHER_PERSON.search(header)
    )


def says_only_contact(header: str) -> bool:
    """Return whether a header has neutral words only, such as `Contact No.`, or a sign such as ☎."""
    words = set(words_of(header))
    return bool(_SIGNS.search(header)) or (bool(words) and words <= _NEUTRAL)


def is_full_name(header: str) -> bool:
    """Return whether a header names somebody's whole name.

    >>> is_full_name("contact_name"), is_full_name("Nombre y apellidos"), is_full_name("Company Name")
    (True, True, False)
    """
    words = set(words_of(header))
    return bool(words & _NAME) and words <= _NAME | _BESIDE_NAME


def name_part(header: str) -> Literal["first_name", "last_name"] | None:
    """Return the part of the lead's name that a header names.

    >>> name_part("Primary First Name"), name_part("contact_last_name"), name_part("Spouse First Name")
    ('first_name', 'last_name', None)
    >>> name_part("First Contact"), name_part("Vorname")
    (None, 'first_name')
    """
    words = set(words_of(header))
    telling = words - (_BESIDE_NAME - _FIRST - _LAST) - _NAME
    if telling <= {"first", "last", "given", "family"} and not words & _NAME:
        return None
    if telling and telling <= _FIRST:
        return "first_name"
    return "last_name" if telling and telling <= _LAST else None


def is_bare_name(header: str) -> bool:
    """Return whether a header is nothing but the word for a name, which may also be a title or a family name."""
    words = words_of(header)
    return len(words) == 1 and words[0] in _NAME


def country_rank(header: str) -> int | None:
    """Return how well a column tells the country of a phone number: 0 its dialling code, 1 a country, None not.

    >>> country_rank("Phone Country Code"), country_rank("country_id/id"), country_rank("City")
    (0, 1, None)
    """
    words = words_of(header)
    glued = "".join(words)
    if set(words) & _DIALLING or glued in _DIALLING:
        return 0
    return 1 if words and words[0] in _COUNTRY and set(words[1:]) <= {"id", "code", "name", "iso"} else None


def may_tell_ends(header: str) -> bool:
    """Return whether a column may tell how it ended with a lead.

    >>> may_tell_ends("Lead Status"), may_tell_ends("poutcome"), may_tell_ends("Company Status Date")
    (True, False, False)
    """
    words = words_of(header)
    return bool(set(words) & _END) and not {
        "date",
        "time",
        "at",
        "on",
        "changed",
        "reason",
        "email",
        "verification",
    } & set(words)


def is_child_column(header: str) -> bool:
    """Return whether a column belongs to rows below the lead's own, such as `Note (Notes)`."""
    return _CHILD.fullmatch(header) is not None


def distinct(header: Sequence[str]) -> tuple[tuple[str, ...], tuple[tuple[int, int], ...]]:
    """Return the header with repeated names numbered, and the positions (from 1) of each first and repeated one.

    The first of a name keeps it; another one is known as `Name (2)`, under which a mapping can choose it.

    >>> distinct(["Id", "Phone", "phone", ""])
    (('Id', 'Phone', 'phone (2)', ''), ((2, 3),))
    """
    taken = {name.casefold() for name in header if name}
    firsts: dict[str, int] = {}
    names, repeated = [], []
    for position, name in enumerate(header, 1):
        first = firsts.setdefault(name.casefold(), position) if name else position
        if first == position:
            names.append(name)
            continue
        number = 2
        while (numbered := f"{name} ({number})").casefold() in taken:
            number += 1
        taken.add(numbered.casefold())
        names.append(numbered)
        repeated.append((first, position))
    return tuple(names), tuple(repeated)
