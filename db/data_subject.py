"""Whether a document names a person, and the document without what names them: pure, for erasure and export.

E-mail addresses and our own ids count anywhere in a text, phone numbers however they are written. A source's id counts
where a key says that it is one, or anywhere as a whole value when it is too long to be anything else by chance.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

#: a source's id of so many characters is no number, code or word by chance
TELLING = 8
_DIGITS = re.compile(r"\+?\d[\d\s().\-]{5,}\d")
_EMAIL = re.compile(r"[^@\s]++@[^@\s][^@\s.]*+\.[^@\s]++")
_UUID = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)
_NOT_ALNUM = re.compile(r"[^a-z0-9]")
#: what stands where something was taken out and its place has to stay
GONE: Mapping[str, bool] = {"forgotten": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """All by which stores may name one person."""

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
        """Texts of which a document that names the subject has at least one, in lower case; may stand elsewhere too."""
        texts = {*self.lead_ids, *self.external_ids, *self.emails, *(phone[-4:] for phone in self.phones)}
        return sorted(text.lower() for text in texts)

    def key_needles(self) -> list[str]:
        """Texts as of `needles` for a key that a caller made up, which may have the name in it as well."""
        return sorted({*self.needles(), *(last for _, last in self.names)})

    def named_by(self, text: str, key: str = "") -> bool:
        """Whether a value names the subject; `key` is the name it stands under."""
        plain = text.strip()
        if plain in self.external_ids and (len(plain) >= TELLING or _is_id(key)):
            return True
        if any(lead_id in plain for lead_id in self.lead_ids):
            return True
        lower = plain.lower()
        return any(email in lower for email in self.emails) or self._has_phone(plain)

    def in_document(self, value: Any, key: str = "") -> bool:
        """Whether anything in a document names the subject."""
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
        """Whether a row of a file names the subject; `by_name` counts first and last name together as well, in a row
        that tells no id and no e-mail address: with one it is a namesake's.
        """
        keys = [*header, *("" for _ in cells[len(header) :])]
        told = list(zip(cells, keys, strict=False))
        if any(self.named_by(cell, key) for cell, key in told):
            return True
        someone = any(_EMAIL.fullmatch(cell.strip()) or (cell.strip() and _is_id(key)) for cell, key in told)
        return by_name and not someone and self._has_name(cells)

    def in_key(self, text: str) -> bool:
        """Whether a text that a caller made up has an id, address or first and last name of the subject in it."""
        ids = (external for external in self.external_ids if len(external) >= TELLING)
        told = self.named_by(text, "id") or any(_stands_in(external, text) for external in ids)
        return told or self._has_full_name(text)

    def in_bytes(self, raw: bytes) -> bool:
        """Whether bytes that nobody can read as a document name the subject."""
        return self.in_key(raw.decode(errors="replace"))

    def without(self, document: Any) -> tuple[Any, bool]:
        """The document without items that name the subject; True when nothing worth keeping is left."""
        return self._taken_out(document, "")

    def blanked(self, value: Any, key: str = "") -> Any:
        """The document with what names the subject replaced, so that every other thing keeps its place."""
        match value:
            case str():
                return None if self.named_by(value, key) else value
            case Mapping():
                if any(self._is_about(item, str(name)) for name, item in value.items()):
                    return dict(GONE)
                kept = (name for name in value if not self.named_by(str(name)))
                return {name: self.blanked(value[name], str(name)) for name in kept}
            case list() | tuple():
                return [self.blanked(item, key) for item in value]
        return None if self._is_about(value, key) else value

    def _is_about(self, value: Any, key: str) -> bool:
        return isinstance(value, str | int) and not isinstance(value, bool) and self.named_by(str(value), key)

    def _taken_out(self, value: Any, key: str) -> tuple[Any, bool]:
        match value:
            case Mapping():
                parts = {name: self._taken_out(item, str(name)) for name, item in value.items()}
                return {name: part for name, (part, _) in parts.items()}, any(gone for _, gone in parts.values())
            case list() | tuple():
                kept = [part for part, gone in (self._taken_out(item, key) for item in value) if not gone]
                return kept, bool(value) and not kept
        return value, self._is_about(value, key)

    def _has_phone(self, text: str) -> bool:
        if not self.phones:
            return False
        runs = (without_country("".join(filter(str.isdecimal, run))) for run in _DIGITS.findall(text))
        return any(run in self.phones for run in runs)

    def _has_full_name(self, text: str) -> bool:
        lower = text.lower()
        return any(_follows(first, last, lower) or _follows(last, first, lower) for first, last in self.names)

    def _has_name(self, cells: Iterable[str]) -> bool:
        told = {" ".join(cell.lower().split()) for cell in cells}
        return any(
            {first, last} <= told or f"{first} {last}" in told or f"{last}, {first}" in told
            for first, last in self.names
        )


def without_country(digits: str) -> str:
    """A phone number's digits without North America's leading 1."""
    return digits[1:] if len(digits) == 11 and digits.startswith("1") else digits


def names_of(contact: Mapping[str, str]) -> set[tuple[str, str]]:
    """First and last name, lower case, from their own columns or the full one; empty without both."""
    first, last = contact.get("first_name", "").lower().split(), contact.get("last_name", "").lower().split()
    if not (first and last):
        words = contact.get("full_name", "").lower().split()
        first, last = words[:-1], words[-1:]
    return {(" ".join(first), " ".join(last))} if first and last else set()


def _is_id(key: str) -> bool:
    return _NOT_ALNUM.sub("", key.lower()).endswith(("id", "ids"))


def machine_made(text: str) -> bool:
    """Whether an id was drawn by a machine, as Celery's and ours are: it can tell nothing of anybody."""
    return _UUID.fullmatch(text.removeprefix("task:")) is not None


def _follows(first: str, last: str, text: str) -> bool:
    """Whether two parts of a name stand beside each other, with at most a sign or two between."""
    parts = (r"[\W_]{1,2}".join(map(re.escape, part.split())) for part in (first, last))
    return re.search(r"[\W_]{0,2}".join(parts), text) is not None


def _stands_in(external: str, text: str) -> bool:
    return re.search(rf"(?<![^\W_]){re.escape(external)}(?![^\W_])", text) is not None
