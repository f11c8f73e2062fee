"""What may never be a feature, by law and by sense, told from the words of a column's header.

Whole words are compared, never parts of words: `Page Views Per Visit` passes, `Language` does not. In doubt a column is
refused, since a refused column costs a little accuracy and a wrong one breaks the law. Not legal advice.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: reason -> words that refuse a header
WORDS: dict[str, frozenset[str]] = {
    "name": _set("name names firstname lastname fullname surname forename nickname middlename initials"),
    "e-mail": _set("email emails mail mailbox emailaddress"),
    "phone": _set("phone phones telephone mobile cell cellphone fax phonenumber whatsapp"),
    "language": _set("language languages bilingual accent lang locale"),
    "postal code": _set("postal postcode postcodes zip zipcode zipcodes plz"),
    "neighbourhood": _set(
        "neighbourhood neighborhood neighbourhoods neighborhoods neighbourhd address addresses street "
        "lat lng lon latitude longitude coordinates geolocation"
    ),
    "age": _set("age ages aged agegroup senior seniors seniorcitizen elderly retired retiree generation"),
    "birth date": _set("birth birthday birthdate birthyear birthplace dob born"),
    "marital status": _set(
        "marital married marriage spouse spouses wife husband partner divorced divorce widow widowed widower "
        "single unmarried fiance fiancee relationship"
    ),
    "children": _set(
        "child children kid kids son sons daughter daughters dependent dependents dependant dependants familial "
        "pregnant pregnancy baby babies parent parents"
    ),
    "gender": _set(
        "gender genders sex sexes sexual male female man woman men women pronoun pronouns salutation honorific "
        "transgender lgbt lgbtq"
    ),
    "religion": _set("religion religions religious faith church mosque synagogue temple christian muslim jewish hindu"),
    "race or ethnicity": _set(
        "race races racial ethnic ethnicity ethnicities caste ancestry tribe tribal hispanic latino latina minority"
    ),
    "nationality": _set(
        "nationality nationalities citizen citizens citizenship immigrant immigration passport foreign foreigner"
    ),
    "disability": _set("disability disabilities disabled handicap handicapped wheelchair medical health illness"),
    "photo": _set("photo photos photograph picture pictures avatar headshot selfie portrait image images"),
    "identifier": _set("id ids uuid guid identifier identifiers ssn iban licence license ip hash url uri"),
}

#: two words side by side that refuse a header although each alone may pass
PAIRS: dict[tuple[str, str], str] = {
    ("skin", "color"): "race or ethnicity",
    ("skin", "colour"): "race or ethnicity",
    ("national", "origin"): "nationality",
    ("visa", "status"): "nationality",
    ("family", "status"): "children",
    ("family", "size"): "children",
    ("household", "size"): "children",
    ("mother", "tongue"): "language",
    ("year", "old"): "age",
    ("years", "old"): "age",
    ("social", "security"): "identifier",
    ("post", "code"): "postal code",
    ("census", "tract"): "neighbourhood",
    ("account", "number"): "identifier",
    ("bank", "account"): "identifier",
}

_COUNTED = _set(
    "opened opens open sent clicked clicks click replied replies count counts rate bounced viewed views view "
    "call calls answered missed minutes"
)
_BUILDING = _set("listing property house home building roof page domain")
#: word -> neighbours that give it another meaning: `Emails Opened` counts, `Age of Roof` is no person's, `Single
#: Family` is a house; a little word between them does not matter
UNLESS: dict[str, frozenset[str]] = {
    **dict.fromkeys(("email", "emails", "mail", "phone", "photo", "photos", "picture", "pictures", "images"), _COUNTED),
    **dict.fromkeys(("address", "addresses", "neighborhoods", "neighbourhoods", "url"), _COUNTED),
    "age": _BUILDING,
    "mobile": _set("app sessions visits visit"),
    "name": frozenset({"domain"}),
    "partner": _set("agent agency source referral program programme"),
    "single": _set("family story storey level"),
    "generation": frozenset({"lead"}),
}
_LITTLE = frozenset({"of", "the", "a"})

_REASON_OF: dict[str, str] = {word: reason for reason, banned in WORDS.items() for word in banned}
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_]+")


def words(header: str) -> tuple[str, ...]:
    """Return the words of a header in small letters, `PostalCode` and `postal_code` alike.

    >>> words("PostalCode / e-mail (home)")
    ('postal', 'code', 'email', 'home')
    """
    joined = re.sub(r"\b([Ee])-([Mm]ail)", r"\1\2", header)
    return tuple(word.casefold() for word in _WORD.findall(joined))


@lru_cache(maxsize=4096)
def refusal(header: str) -> str | None:
    """Return why a column may not be a feature; None when it may.

    >>> refusal("Preferred Language"), refusal("age"), refusal("Page Views Per Visit")
    ('language', 'age', None)
    """
    tokens = tuple(word for word in words(header) if word not in _LITTLE)
    pair = next((PAIRS[both] for both in pairwise(tokens) if both in PAIRS), None)
    if pair is not None:
        return pair
    banned = (_REASON_OF.get(word) for index, word in enumerate(tokens) if not _means_another(tokens, index))
    return next((reason for reason in banned if reason is not None), None)


def refused(headers: Iterable[str]) -> dict[str, str]:
    """Return the columns that may not be features, each with the reason.

    >>> refused(["budget", "Marital Status", "zip"])
    {'Marital Status': 'marital status', 'zip': 'postal code'}
    """
    reasons = {header: refusal(header) for header in headers}
    return {header: reason for header, reason in reasons.items() if reason is not None}


def _means_another(tokens: tuple[str, ...], index: int) -> bool:
    neighbours = {*tokens[max(index - 1, 0) : index], *tokens[index + 1 : index + 2]}
    return bool(neighbours & UNLESS.get(tokens[index], frozenset()))
