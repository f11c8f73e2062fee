"""Decide what each column of a file means.

In this order: the mapping, what is about consent, the headers that the profile knows, those that every system uses, the
words of the header, the values of the column. What then has no meaning is an attribute of the tenant's own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import cast

from ml.language import consent_words
from tasks.contracts.base.locations import key_location
from tasks.intake.csv import error_file
from tasks.intake.csv.columns import column_values, export_profiles, header_words, lead_schema, other_people
from tasks.intake.csv.columns.column_plan import ColumnPlan, How, PlannedColumn, Role
from tasks.intake.csv.columns.export_profiles import Profile, RowSubject, reduced_header
from tasks.intake.csv.columns.mapping import MappingRules, parse_mapping
from tasks.intake.csv.columns.meanings import Meaning, Meanings, Sample
from tasks.intake.csv.issues import Issue
from tasks.intake.errors import MappingRejected
from tasks.intake.values import dates

#: headers that mean the time at which somebody unsubscribed from everything
_UNSUBSCRIBED_HEADERS = frozenset(
    word for word in export_profiles.load_profile("generic").columns["unsubscribed_at"]
) | {reduced_header("unsubscribed_at")}


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
    meanings = Meanings(header=header, sample=sample)
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
        grants=meanings.grants,
        warnings=tuple(_warnings(meanings, anonymous=anonymous)),
    )


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


def _add_ignored(meanings: Meanings, profile: Profile) -> None:
    notes = error_file.NOTES if error_file.is_error_file(meanings.header) else ()
    for index, name in enumerate(meanings.header):
        if index in meanings.found or not name:
            continue
        if name in notes or reduced_header(name) in profile.ignore:
            meanings.found[index] = Meaning("ignored", "profile")
        elif reduced_header(name) in profile.custom:
            meanings.found[index] = Meaning("custom", "profile")


def _add_consent(meanings: Meanings, profile: Profile) -> None:
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
            meanings.found[index] = Meaning(target, "consent")
            if about.means == "consent" and (only := own.get(reduced_header(name))):
                meanings.grants[index] = only.removeprefix("opt_in_")


def _add_second_person(meanings: Meanings) -> None:
    for index in other_people.second_person(meanings.header):
        meanings.found.setdefault(index, Meaning("custom", "words"))


def _add_known(meanings: Meanings, columns: Mapping[str, Sequence[str]], how: How) -> None:
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


def _add_by_words(meanings: Meanings) -> None:
    """Add the addresses, numbers and names that the words of a header name."""
    for index, name in list(meanings.open()):
        kind = header_words.contact_kind(name)
        if (
            kind is not None
            and kind not in meanings.mapped_names()
            and column_values.may_be(kind, meanings.cells(index))
        ):
            meanings.add(index, kind, "words")
    for index, name in list(meanings.open()):
        part = header_words.name_part(name)
        if part is not None and part not in meanings.names():
            meanings.add(index, part, "words")
    if not meanings.names() & {"full_name", "first_name"}:
        for index, name in list(meanings.open()):
            if header_words.is_full_name(name) and "full_name" not in meanings.names():
                meanings.add(index, "full_name", "words")


def _add_by_values(meanings: Meanings) -> None:
    """Add columns of addresses and of numbers whose headers say nothing.

    Where the file has such a column already, only a header such as `Contact` or ☎ may be another of the lead's own: any
    other may be somebody else's.
    """
    for kind in ("email", "phone"):
        known = kind in meanings.names() or "email_or_phone" in meanings.names()
        for index, name in list(meanings.open()):
            if known and (kind in meanings.mapped_names() or not header_words.says_only_contact(name)):
                continue
            if header_words.may_hold_contact(name) and column_values.holds(kind, name, meanings.cells(index)):
                meanings.add(index, kind, "values")
                known = True


def _countries(header: Sequence[str], meanings: Mapping[int, Meaning]) -> tuple[int, ...]:
    """Return the positions of the columns that tell a number's country, the surest first."""
    own = [index for index, name in enumerate(header) if name and meanings.get(index, _NOTHING).name == "custom"]
    ranked = [(rank, index) for index in own if (rank := header_words.country_rank(header[index])) is not None]
    return tuple(index for _, index in sorted(ranked))


_NOTHING = Meaning("custom", "")


def _warnings(meanings: Meanings, *, anonymous: bool) -> Iterator[Issue]:
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


def _require_identity(meanings: Meanings, rules: MappingRules, subject: RowSubject) -> bool:
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
