"""Find a person in documents, and remove what names them: pure rules for erasure and export.

E-mail addresses and our own ids count anywhere in a text, phone numbers in any notation. A source's id counts under a
key whose name ends in "id", or anywhere as a whole value when it is too long to occur by chance.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

#: characters from which on a source's id is taken for unique: no number, code or word is the same by chance
UNIQUE_LENGTH = 8
_DIGITS = re.compile(r"\+?\d[\d\s().\-]{5,}\d")
_EMAIL = re.compile(r"[^@\s]++@[^@\s][^@\s.]*+\.[^@\s]++")
_UUID = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)
#: an id of the gateway's: random, or a keyed hash
_GATEWAY_ID = re.compile(r"[0-9a-f]{32}\.[0-9a-f]{16}")
_NOT_ALNUM = re.compile(r"[^a-z0-9]")
#: the placeholder for something that was removed and whose position must stay
GONE: Mapping[str, bool] = {"forgotten": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSubject:
    """A person (data subject in the GDPR's words): everything by which stored documents may name them."""

    lead_ids: frozenset[str] = frozenset()
    #: (source system, id); None: whichever system
    identities: frozenset[tuple[str | None, str]] = frozenset()
    #: lower case
    emails: frozenset[str] = frozenset()
    #: digits, without a leading 1 of North America
    phones: frozenset[str] = frozenset()
    #: first and last name, lower case
    names: frozenset[tuple[str, str]] = frozenset()
    #: the ids alone
    external_ids: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "external_ids", frozenset(external for _, external in self.identities))

    def needles(self) -> list[str]:
        """Return texts, in lower case, of which every document that names the subject contains at least one.

        Other documents may contain them too: use them to preselect rows.
        """
        texts = {*self.lead_ids, *self.external_ids, *self.emails, *(phone[-4:] for phone in self.phones)}
        return sorted(text.lower() for text in texts)

    def key_needles(self) -> list[str]:
        """Return the `needles` of keys made by callers, which may contain the person's name as well."""
        return sorted({*self.needles(), *(last for _, last in self.names)})

    def named_by(self, text: str, key: str = "") -> bool:
        """Return whether a value names the subject; `key` is the key that it stands under."""
        plain = text.strip()
        if plain in self.external_ids and (len(plain) >= UNIQUE_LENGTH or _is_id(key)):
            return True
        if any(lead_id in plain for lead_id in self.lead_ids):
            return True
        lower = plain.lower()
        return any(email in lower for email in self.emails) or self._has_phone(plain)

    def in_document(self, value: object, key: str = "") -> bool:
        """Return whether anything in a document names the subject."""
        match value:
            case str():
                return self.named_by(value, key)
            case bool() | None | float():
                return False
            case int():
                return self.named_by(str(value), key)
            case Mapping():
                return any(
                    self.in_document(item, str(name)) or self.named_by(str(name)) for name, item in value.items()
                )
            case list() | tuple():
                return any(self.in_document(item, key) for item in value)
        return False

    def in_row(self, header: Sequence[str], cells: Sequence[str], *, by_name: bool = False) -> bool:
        """Return whether a row of a file names the subject.

        With `by_name`, first and last name together count too, in a row without id and e-mail address: a row with
        another one is a namesake's.
        """
        keys = [*header, *("" for _ in cells[len(header) :])]
        row = list(zip(cells, keys, strict=False))
        if any(self.named_by(cell, key) for cell, key in row):
            return True
        identified = any(_EMAIL.fullmatch(cell.strip()) or (cell.strip() and _is_id(key)) for cell, key in row)
        return by_name and not identified and self._has_name(cells)

    def in_key(self, text: str) -> bool:
        """Return whether a key made by a caller contains an id, address or first and last name of the subject."""
        ids = (external for external in self.external_ids if len(external) >= UNIQUE_LENGTH)
        has_id = self.named_by(text, "id") or any(_contains_word(external, text) for external in ids)
        return has_id or self._has_full_name(text)

    def in_bytes(self, raw: bytes) -> bool:
        """Return whether bytes that cannot be parsed as a document name the subject."""
        return self.in_key(raw.decode(errors="replace"))

    def without(self, document: object) -> tuple[object, bool]:
        """Return the document without items that name the subject, and whether nothing worth keeping is left."""
        return self._without(document, "")

    def blanked(self, value: object, key: str = "") -> object:
        """Return the document with what names the subject replaced, so that everything else keeps its position."""
        match value:
            case str():
                return None if self.named_by(value, key) else value
            case Mapping():
                if any(self._is_about(item, str(name)) for name, item in value.items()):
                    return dict(GONE)
                names = (name for name in value if not self.named_by(str(name)))
                return {name: self.blanked(value[name], str(name)) for name in names}
            case list() | tuple():
                return [self.blanked(item, key) for item in value]
        return None if self._is_about(value, key) else value

    def _is_about(self, value: object, key: str) -> bool:
        return isinstance(value, str | int) and not isinstance(value, bool) and self.named_by(str(value), key)

    def _without(self, value: object, key: str) -> tuple[object, bool]:
        match value:
            case Mapping():
                parts = {name: self._without(item, str(name)) for name, item in value.items()}
                return {name: part for name, (part, _) in parts.items()}, any(
                    is_about for _, is_about in parts.values()
                )
            case list() | tuple():
                remaining = [part for part, is_about in (self._without(item, key) for item in value) if not is_about]
                return remaining, bool(value) and not remaining
        return value, self._is_about(value, key)

    def _has_phone(self, text: str) -> bool:
        if not self.phones:
            return False
        runs = (phone_digits(run) for run in _DIGITS.findall(text))
        return any(run in self.phones for run in runs)

    def _has_full_name(self, text: str) -> bool:
        lower = text.lower()
        return any(_follows(first, last, lower) or _follows(last, first, lower) for first, last in self.names)

    def _has_name(self, cells: Iterable[str]) -> bool:
        texts = {" ".join(cell.lower().split()) for cell in cells}
        return any(
            {first, last} <= texts or f"{first} {last}" in texts or f"{last}, {first}" in texts
            for first, last in self.names
        )


def phone_digits(number: str) -> str:
    """Return a phone number's digits without North America's leading 1, however it is written.

    >>> phone_digits("+1 (305) 555-0147")
    '3055550147'
    """
    digits = "".join(filter(str.isdecimal, number))
    return digits[1:] if len(digits) == 11 and digits.startswith("1") else digits


def first_and_last_names(contact: Mapping[str, str]) -> set[tuple[str, str]]:
    """Return first and last name in lower case, from their own columns or the full name; empty without both."""
    first, last = contact.get("first_name", "").lower().split(), contact.get("last_name", "").lower().split()
    if not (first and last):
        words = contact.get("full_name", "").lower().split()
        first, last = words[:-1], words[-1:]
    return {(" ".join(first), " ".join(last))} if first and last else set()


def _is_id(key: str) -> bool:
    return _NOT_ALNUM.sub("", key.lower()).endswith(("id", "ids"))


def is_generated_id(text: str) -> bool:
    """Return whether an id is random, as Celery's and ours are, and so says nothing about a person."""
    bare = text.removeprefix("task:")
    return (_UUID.fullmatch(bare) or _GATEWAY_ID.fullmatch(bare)) is not None


def _follows(first: str, last: str, text: str) -> bool:
    """Return whether two parts of a name follow each other, with at most two separators between them."""
    parts = (r"[\W_]{1,2}".join(map(re.escape, part.split())) for part in (first, last))
    return re.search(r"[\W_]{0,2}".join(parts), text) is not None


def _contains_word(external: str, text: str) -> bool:
    return re.search(rf"(?<![^\W_]){re.escape(external)}(?![^\W_])", text) is not None
