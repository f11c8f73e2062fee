"""Decide what each column of a file means.

In this order: the mapping, what is about consent, the headers that the profile knows, those that every system uses, the
words of the header, the values of the column. What then has no meaning is an attribute of the tenant's own.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast
from zoneinfo import ZoneInfo

from ml.language import consent_words
from tasks.contracts.base.locations import key_location
from tasks.intake.csv import error_file, export_profiles, header_words, lead_schema, other_people
from tasks.intake.csv.columns import ColumnPlan, How, PlannedColumn, Role
from tasks.intake.csv.export_profiles import Profile, RowSubject, reduced_header
from tasks.intake.csv.issues import Issue
from tasks.intake.csv.mapping import LabelWords, MappingRules, parse_mapping
from tasks.intake.errors import BadValue, MappingRejected
from tasks.intake.values import dates, ends, phones, scalars, vocabulary

#: headers that mean the time at which somebody unsubscribed from everything
_UNSUBSCRIBED_HEADERS = frozenset(
    word for word in export_profiles.load_profile("generic").columns["unsubscribed_at"]
) | {reduced_header("unsubscribed_at")}
#: share of the filled cells that must be readable before values speak for a column, and against its header
_ENOUGH, _HARDLY = 0.8, 0.2
#: filled cells that can speak against a header
_FEWEST = 5
_TITLE = re.compile(r"[\d_]")
#: as `header_words.distinct` numbers the second column of a name
_REPEATED = re.compile(r"(.+) \(\d+\)")
_APART = re.compile(r"(?:[;,|\s]|:::|##|\^)+")
#: written with marks as only phone numbers are; or digits alone, which ids are too
_WRITTEN_PHONE = re.compile(
    r"(?:[a-z]{1,8}:)?\s*+(?:\+|00)[\d\s().\-/]{8,}|\(?\d{3}\)?[\s.\-/]\d{3}[\s.\-]\d{4}", re.IGNORECASE
)
_NO_NAME_OF_ID = re.compile(
    r"(?:^|[\W_])(?:id|ids|uuid|guid|number|no|nr|code|zip|ref|mls|sku)(?:$|[\W_])", re.IGNORECASE
)

Sample = Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a column means: a canonical column, `custom` or `ignored`; and what decided it."""

    name: str
    how: How
    rank: int = 0


def plan_columns(
    header: Sequence[str],
    profile: str = "auto",
    mapping: Mapping[str, object] | None = None,
    *,
    subject: RowSubject = "leads",
    sample: Sample = (),
) -> ColumnPlan:
    """Decide what each column of `header` means. Raises `MappingRejected`.

    `mapping` is a mapping file's content, `sample` the first rows, which speak where headers say nothing.
    """
    rules = parse_mapping(mapping)
    used, why = _chosen_profile(header, profile, subject)
    meanings = _Meanings(header=header, sample=sample)
    meanings.found |= _mapped_columns(
        header, rules, subject, cast("Mapping[str, object]", (mapping or {}).get("columns", {}))
    )
    _add_ignored(meanings, used)
    _add_consent(meanings, used)
    if subject == "leads":
        _add_second_person(meanings)
    for how, columns in (("profile", used.columns), ("generic", used.common)):
        _add_known(meanings, columns, "profile" if how == "profile" and used.name != "generic" else "generic")
    if subject == "leads":
        _add_by_words(meanings)
        _add_by_values(meanings)
    meanings.release_misread(rules)
    anonymous = _require_identity(meanings, rules, subject)
    # events have no attributes of their own: a custom column must be named
    custom = rules.custom if subject == "leads" else rules.custom or ()
    return ColumnPlan(
        profile=used.name,
        why=why,
        subject=subject,
        columns=tuple(
            _planned_column(index, name, meanings.found.get(index), keep_unclaimed=custom is None)
            for index, name in enumerate(header)
        ),
        label=rules.label,
        missing=rules.missing,
        row_number=rules.row_number or anonymous,
        words={name: {**used.words.get(name, {}), **rules.words.get(name, {})} for name in {*used.words, *rules.words}},
        outcomes={**used.outcomes, **rules.outcomes},
        date_orders=_profile_date_orders(used, meanings.names()),
        countries=_countries(header, meanings.found),
        warnings=tuple(_warnings(meanings, anonymous=anonymous)),
    )


@dataclass(slots=True, kw_only=True)
class _Meanings:
    """The meanings found so far, by position."""

    header: Sequence[str]
    sample: Sample
    found: dict[int, Meaning] = field(default_factory=dict)
    #: columns whose values contradict their header, and the canonical column that the header names
    misread: dict[int, str] = field(default_factory=dict)

    def names(self) -> set[str]:
        """Return the canonical columns that some column means."""
        return {meaning.name for meaning in self.found.values()}

    def mapped_names(self) -> set[str]:
        """Return the canonical columns that the mapping gives."""
        return {meaning.name for meaning in self.found.values() if meaning.how == "mapping"}

    def open(self) -> Iterator[tuple[int, str]]:
        """Yield position and header of each column without a meaning; the second of a name is left to the mapping."""
        names = {name.casefold() for name in self.header}
        for index, name in enumerate(self.header):
            repeated = (match := _REPEATED.fullmatch(name)) is not None and match[1].casefold() in names
            if name and index not in self.found and name not in error_file.NOTES and not repeated:
                yield index, name

    def add(self, index: int, name: str, how: How) -> None:
        """Give a column its meaning, after the columns of the same meaning; keep it open if it is taken already."""
        kind = lead_schema.column_kind(name)
        before = [meaning for meaning in self.found.values() if meaning.name == name]
        if not before or kind in lead_schema.SHARED:
            # a column of either counts after the columns of one kind
            self.found[index] = Meaning(name, how, rank=100 if name == "email_or_phone" else 0)
        elif kind in lead_schema.FALLBACK and all(meaning.how != "mapping" for meaning in before):
            self.found[index] = Meaning(name, how, rank=max(meaning.rank for meaning in before) + 1)

    def cells(self, index: int) -> list[str]:
        """Return the filled cells of a column among the first rows, without those too long for any value."""
        texts = (row[index].strip() for row in self.sample if index < len(row))
        return [text for text in texts if text and len(text) <= scalars.MAX_NAME and not vocabulary.is_missing(text)]

    def release_misread(self, rules: MappingRules) -> None:
        """Take back a meaning that the column's values contradict: it is an attribute."""
        for index, meaning in list(self.found.items()):
            # `Nombre` beside `Apellidos` is a part of the name and no title
            part = header_words.is_bare_name(self.header[index]) and not {"first_name", "last_name"} <= self.names()
            title = not part and (self._is_title(index, meaning) or self._is_flag(index, meaning))
            if meaning.how != "mapping" and (title or _contradicts(meaning, self.cells(index), rules.label)):
                self.misread[index] = meaning.name
                self.found[index] = Meaning("custom", "values")
        self._settle_bare_names()
        self._settle_label()

    def _is_title(self, index: int, meaning: Meaning) -> bool:
        if meaning.name != "full_name":
            return False
        parts = [at for at, other in self.found.items() if other.name in ("first_name", "last_name")]
        rows = [row for row in self.sample if max(index, *parts, index) < len(row)]
        return other_people.is_title((row[index].strip(), [row[at].strip() for at in parts]) for row in rows)

    def _is_flag(self, index: int, meaning: Meaning) -> bool:
        """Return whether a column called `Client` or `Customer` says something else than names of two words."""
        if meaning.name != "full_name" or header_words.is_full_name(self.header[index]):
            return False
        cells = self.cells(index)
        return meaning.how == "generic" and 2 * sum(1 for cell in cells if " " in cell) < len(cells)

    def _settle_label(self) -> None:
        """Take `Converted` beside a stage for what it says of ends: a no then means not yet, and is no loss."""
        for index, meaning in list(self.found.items()):
            told = meaning.name == "label" and meaning.how != "mapping" and ends.read_yes(self.header[index])
            if told and self.names() & {"stage", "opportunity_status"}:
                self.found[index] = Meaning("custom", "words")

    def _settle_bare_names(self) -> None:
        """Decide what a column called just `Name` is: a whole name, a part of one, or a deal's title."""
        for index, meaning in list(self.found.items()):
            if meaning.how == "mapping" or meaning.name not in {"full_name", "last_name", "first_name"}:
                continue
            if not header_words.is_bare_name(self.header[index]):
                continue
            part = _bare_name(self.names_beside(index), self.cells(index), apart=self._is_title(index, meaning))
            del self.found[index]
            if part is None:
                self.found[index] = Meaning("custom", "values")
            else:
                self.add(index, part, meaning.how)

    def names_beside(self, index: int) -> set[str]:
        """Return the canonical columns that the other columns mean."""
        return {meaning.name for at, meaning in self.found.items() if at != index}


def _bare_name(others: Collection[str], cells: Sequence[str], *, apart: bool = False) -> str | None:
    if "full_name" in others or 2 * sum(1 for cell in cells if _TITLE.search(cell)) > len(cells) > 0:
        return None
    single = apart or (bool(cells) and 2 * sum(1 for cell in cells if " " not in cell) > len(cells))
    if single and "first_name" in others and "last_name" not in others:
        return "last_name"
    return "first_name" if single and "last_name" in others and "first_name" not in others else "full_name"


def _chosen_profile(header: Sequence[str], profile: str, subject: RowSubject) -> tuple[Profile, str]:
    if profile == "auto":
        choice = export_profiles.best_profile(header, subject)
        return export_profiles.load_profile(choice.name), choice.why
    names = export_profiles.profile_names(subject)
    if profile not in names:
        raise MappingRejected("profile", f"unknown for {subject}; known are auto, {', '.join(names)}")
    return export_profiles.load_profile(profile), "it was asked for"


def _profile_date_orders(profile: Profile, names: Collection[str]) -> dict[str, dates.DateOrder]:
    if "date_order" not in profile.defaults:
        return {}
    order = cast("dates.DateOrder", profile.defaults["date_order"])
    timed = (name for name in names if lead_schema.column_kind(name) in ("time", "unsubscribed"))
    return dict.fromkeys(timed, order)


def _mapped_columns(
    header: Sequence[str], rules: MappingRules, subject: RowSubject, columns_table: Mapping[str, object]
) -> dict[int, Meaning]:
    """Return position -> canonical column, `custom` or `ignored`, as the mapping says."""
    ignored = {_position(header, name, f"ignore.{at}"): "ignored" for at, name in enumerate(rules.ignore)}
    custom = {_position(header, name, f"custom.{at}"): "custom" for at, name in enumerate(rules.custom or ())}
    targets = ignored | custom
    ranks: dict[int, int] = {}
    for name, target in rules.columns.items():
        place = f"columns.{key_location(columns_table, name)}" if name in columns_table else "label.column"
        if target != "custom" and not lead_schema.belongs_to(target, subject):
            raise MappingRejected(place, f"not a column of a file of {subject}; map it to another or leave it out")
        position = _position(header, name, place)
        if targets.get(position, target) != target:
            raise MappingRejected(place, "the header is mapped in two ways; keep one of them")
        if lead_schema.column_kind(target) in lead_schema.FALLBACK:
            ranks[position] = sum(1 for known in targets.values() if known == target)
        targets[position] = target
    if set(ignored) & set(custom):
        raise MappingRejected("custom", "a header is also among ignore; keep it in one list")
    return {at: Meaning(target, "mapping", rank=ranks.get(at, 0)) for at, target in targets.items()}


def _position(header: Sequence[str], name: str, place: str) -> int:
    positions = [index for index, cell in enumerate(header) if cell == name]
    if not positions:
        reduced = reduced_header(name)
        positions = [index for index, cell in enumerate(header) if cell and reduced_header(cell) == reduced]
    if len(positions) == 1:
        return positions[0]
    state = "the file has several columns like this" if positions else "the file has no such column"
    raise MappingRejected(place, f"{state}; check the header")


def _add_ignored(meanings: _Meanings, profile: Profile) -> None:
    notes = error_file.NOTES if error_file.is_error_file(meanings.header) else ()
    for index, name in enumerate(meanings.header):
        if index in meanings.found or not name:
            continue
        if name in notes or reduced_header(name) in profile.ignore:
            meanings.found[index] = Meaning("ignored", "profile")
        elif reduced_header(name) in profile.custom:
            meanings.found[index] = Meaning("custom", "profile")


def _add_consent(meanings: _Meanings, profile: Profile) -> None:
    """Find every column that is about consent; none of them may become an attribute of a person.

    A profile may tell of which channel a consent is, never of which a refusal is.
    """
    own = {word: name for name, words in profile.columns.items() if name.startswith("opt_in_") for word in words}
    for index, name in enumerate(meanings.header):
        decided = meanings.found.get(index)
        # a mapping may say what a consent column means, but not that it is an attribute or ignored
        if decided is not None and decided.how == "mapping" and decided.name not in ("custom", "ignored"):
            continue
        if not name or reduced_header(name) in _UNSUBSCRIBED_HEADERS:
            continue
        about = consent_words.column_meaning(name)
        if about is not None:
            target = "ignored" if about.means == "about" else lead_schema.consent_column_name(about)
            if about.means == "consent":
                target = own.get(reduced_header(name), target)
            meanings.found[index] = Meaning(target, "consent")


def _add_second_person(meanings: _Meanings) -> None:
    for index in other_people.second_person(meanings.header):
        meanings.found.setdefault(index, Meaning("custom", "words"))


def _add_known(meanings: _Meanings, columns: Mapping[str, Sequence[str]], how: How) -> None:
    """Add the columns whose whole headers are known, also behind the kind of record: `Person - Owner` is `Owner`.

    For each canonical column the first synonym in the file counts; of consent columns all do, of names, addresses and
    numbers each where those before it are blank.
    """
    free: dict[str, int] = {}
    for index, name in reversed(list(meanings.open())):
        inner = header_words.without_entity(name) or header_words.without_frame(name)
        if inner is not None:
            free.setdefault(reduced_header(inner), index)
    free |= {reduced_header(name): index for index, name in reversed(list(meanings.open()))}
    given = meanings.mapped_names()
    for name, words in columns.items():
        if name in given and lead_schema.column_kind(name) not in lead_schema.SHARED:
            continue
        for word in words:
            if word in free and free[word] not in meanings.found:
                meanings.add(free[word], name, how)


def _add_by_words(meanings: _Meanings) -> None:
    """Add the addresses, numbers and names that the words of a header name."""
    for index, name in list(meanings.open()):
        kind = header_words.contact_kind(name)
        if kind is not None and kind not in meanings.mapped_names() and _may_be(kind, meanings.cells(index)):
            meanings.add(index, kind, "words")
    for index, name in list(meanings.open()):
        part = header_words.name_part(name)
        if part is not None and part not in meanings.names():
            meanings.add(index, part, "words")
    if not meanings.names() & {"full_name", "first_name"}:
        for index, name in list(meanings.open()):
            if header_words.is_full_name(name) and "full_name" not in meanings.names():
                meanings.add(index, "full_name", "words")


def _add_by_values(meanings: _Meanings) -> None:
    """Add columns of addresses and of numbers whose headers say nothing.

    Where the file has such a column already, only a header such as `Contact` or ☎ may be another of the lead's own: any
    other may be somebody else's.
    """
    for kind in ("email", "phone"):
        known = kind in meanings.names() or "email_or_phone" in meanings.names()
        for index, name in list(meanings.open()):
            if known and (kind in meanings.mapped_names() or not header_words.says_only_contact(name)):
                continue
            if header_words.may_hold_contact(name) and _holds(kind, name, meanings.cells(index)):
                meanings.add(index, kind, "values")
                known = True


def _may_be(kind: str, cells: Sequence[str]) -> bool:
    """Return whether a column whose header names addresses or numbers may hold them: few cells, or some readable."""
    readable = sum(1 for cell in cells if ("@" in cell and kind != "phone") or (kind != "email" and _is_phone(cell)))
    return len(cells) < _FEWEST or readable >= _HARDLY * len(cells)


def _holds(kind: str, header: str, cells: Sequence[str]) -> bool:
    if not cells:
        return False
    if not header_words.says_only_contact(header) and 2 * len(set(map(str.casefold, cells))) < len(cells) + 1:
        return False  # the same few again and again: the addresses of those who work here
    if kind == "email":
        return sum(map(_is_email, cells)) >= _ENOUGH * len(cells)
    if sum(1 for cell in cells if _WRITTEN_PHONE.fullmatch(cell)) >= _ENOUGH * len(cells):
        return True
    # digits alone may be ids: they must be many, be numbers of North America and not be called ids
    plain = len(set(cells)) >= _FEWEST and not _NO_NAME_OF_ID.search(header)
    return plain and all(len(cell) == 10 and cell.isdecimal() and _is_phone(cell) for cell in cells)


def _is_email(text: str) -> bool:
    try:
        # of other words beside addresses, a row without its delimiter may be read
        return bool(scalars.emails(text)) and all("@" in part for part in _APART.split(text))
    except BadValue:
        return False


def _is_phone(text: str) -> bool:
    try:
        return bool(phones.read(text))
    except BadValue:
        return False


def _contradicts(meaning: Meaning, cells: Sequence[str], label: LabelWords) -> bool:
    """Return whether the values of a column cannot be what its header says."""
    if meaning.name == "label":
        known = label.positive | label.negative | label.open
        fitting = sum(1 for cell in cells if cell.casefold().removesuffix(".0") in known)
        return len(cells) >= _FEWEST and fitting < _ENOUGH * len(cells)
    if lead_schema.column_kind(meaning.name) == "time":
        return len(cells) >= _FEWEST and sum(map(_is_time, cells)) < _HARDLY * len(cells)
    return False


def _is_time(text: str) -> bool:
    try:
        return bool(dates.moment(text, _UTC, "mdy"))
    except BadValue:
        return False


_UTC = ZoneInfo("UTC")


def _countries(header: Sequence[str], meanings: Mapping[int, Meaning]) -> tuple[int, ...]:
    """Return the positions of the columns that tell a number's country, the surest first."""
    own = [index for index, name in enumerate(header) if name and meanings.get(index, _NOTHING).name == "custom"]
    ranked = [(rank, index) for index in own if (rank := header_words.country_rank(header[index])) is not None]
    return tuple(index for _, index in sorted(ranked))


_NOTHING = Meaning("custom", "")


def _warnings(meanings: _Meanings, *, anonymous: bool) -> Iterator[Issue]:
    for index, name in meanings.misread.items():
        header = meanings.header[index]
        message = f"column {header}: its cells are not what {name} holds; it is kept as an attribute"
        yield Issue(severity="info", code="value.enum", column=header, message=message)
    if anonymous:
        message = (
            "no column says who the leads are, so each is known by the file and its row only; map an id, or an e-mail "
            "address, to recognise them again"
        )
        yield Issue(severity="warning", code="file.no_identity", message=message)


def _planned_column(index: int, header: str, meaning: Meaning | None, *, keep_unclaimed: bool) -> PlannedColumn:
    if not header:
        return PlannedColumn(index=index, header=header, role="unnamed")
    if meaning is None:
        return PlannedColumn(index=index, header=header, role="custom" if keep_unclaimed else "ignored")
    if meaning.name in ("ignored", "custom"):
        role: Role = "ignored" if meaning.name == "ignored" else "custom"
        return PlannedColumn(index=index, header=header, role=role, how=meaning.how)
    return PlannedColumn(
        index=index, header=header, role="canonical", name=meaning.name, how=meaning.how, rank=meaning.rank
    )


def _require_identity(meanings: _Meanings, rules: MappingRules, subject: RowSubject) -> bool:
    """Require columns that identify leads; return whether the file has none and names nobody, as data sets do."""
    names = meanings.names()
    if rules.row_number and ("external_id" in names or subject == "events"):
        reason = "the file has an external_id" if "external_id" in names else "events belong to leads, not to rows"
        raise MappingRejected("identity.row_number", f"{reason}; leave row_number out")
    by_phone = bool(names & {"phone", "email_or_phone"}) and bool(names & {"last_name", "full_name"})
    identified = by_phone or rules.row_number or bool(names & {"external_id", "email", "email_or_phone"})
    somebody = {*lead_schema.IDENTITY, "opportunity_id"}
    # a column alone is no table, but rows that were not parted
    table = len(meanings.header) > 1 and bool(meanings.sample)
    nobody = subject == "leads" and table and not names & somebody
    if not identified and not nobody:
        message = "no column identifies a lead; map external_id, email, or phone with last_name"
        raise MappingRejected("columns", f"{message}, or set row_number = true under [identity]")
    if subject == "events" and not ("occurred_at" in names and ("kind" in names or "kind" in rules.defaults)):
        message = "no column says what happened and when; map kind and occurred_at, or set kind under [defaults]"
        raise MappingRejected("columns", message)
    return not identified
