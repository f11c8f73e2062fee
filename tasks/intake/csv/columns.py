"""Which column of a file means what: the mapping first, then the profile, what is left are the tenant's own columns."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal, NamedTuple, cast

from ml.language import consent_words
from tasks.contracts.base.locations import keyed
from tasks.intake.csv import error_file, export_profiles, lead_schema
from tasks.intake.csv.export_profiles import Profile, Subject, key
from tasks.intake.csv.issues import Problem
from tasks.intake.csv.mapping import Defaults, LabelWords, MappingRules, defaults, load_mapping, parse
from tasks.intake.errors import MappingRejected
from tasks.intake.values import dates

__all__ = ["Column", "ColumnPlan", "Defaults", "defaults", "load_mapping", "plan", "profiles"]

Role = Literal["canonical", "custom", "ignored", "unnamed"]
#: headers that say when somebody unsubscribed from everything, as profiles have them
_DATED = frozenset(word for word in export_profiles.load("generic").columns["unsubscribed_at"]) | {
    key("unsubscribed_at")
}
_ORDERS: Mapping[dates.Order, str] = {"dmy": "day first", "mdy": "month first"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of the file."""

    #: position, from 0
    index: int
    header: str
    role: Role
    #: canonical name, with the role `canonical` only
    name: str | None = None

    @property
    def kind(self) -> str:
        """How its cells are read."""
        return (lead_schema.kind_of(self.name) if self.name else None) or "custom"


class ReadColumn(NamedTuple):
    """A column whose cells are read; a tuple, since it is unpacked for every cell of a file."""

    position: int
    header: str
    #: canonical name, or the header
    name: str
    kind: str
    #: meanings of words
    words: Mapping[str, str] | None
    #: what it says of consent, where it does
    about: consent_words.Column | None
    #: what cells said that were read before: exports repeat theirs (filled by `cells`)
    seen: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class ColumnPlan:
    """What becomes of every column of a file."""

    #: the profile that was used: never `auto`
    profile: str
    columns: tuple[Column, ...]
    #: what the rows are about
    subject: Subject = "leads"
    label: LabelWords = field(default_factory=LabelWords)
    #: cells that say nothing, without case
    missing: frozenset[str] = frozenset()
    #: rows are known by file and position
    row_number: bool = False
    #: canonical column -> reduced word -> what it stands for
    words: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    #: stage -> opportunity_status, for rows that do not say
    outcomes: Mapping[str, str] = field(default_factory=dict)
    #: canonical column of times -> order of day and month where only the order tells
    orders: Mapping[str, dates.Order] = field(default_factory=dict)
    #: findings on columns as a whole
    warnings: tuple[Problem, ...] = ()

    @cached_property
    def read(self) -> tuple[ReadColumn, ...]:
        """The columns that are read."""
        return tuple(
            ReadColumn(
                column.index,
                column.header,
                column.name or column.header,
                column.kind,
                self.words.get(column.name or ""),
                lead_schema.consent_of(column.name) if column.name else None,
                {},
            )
            for column in self.columns
            if column.role in ("canonical", "custom")
        )

    @cached_property
    def has_label(self) -> bool:
        """A column tells the outcome."""
        return any(column.name == "label" for column in self.columns)

    @cached_property
    def origin(self) -> int | None:
        """Position of the column of an error file that tells which row of which file this was; None = there is none."""
        found = (column.index for column in self.columns if column.header == "_record" and column.role == "ignored")
        return next(found, None)

    @property
    def watch(self) -> list[int]:
        """Positions of the columns of dates, for `source.spool`."""
        return [column.index for column in self.columns if column.kind in ("time", "unsubscribed")]

    @property
    def mapped(self) -> dict[str, str]:
        """Header -> canonical column."""
        return {column.header: column.name for column in self.columns if column.name}

    @property
    def custom(self) -> list[str]:
        """Headers of the tenant's own columns."""
        return self._headers("custom")

    @property
    def ignored(self) -> list[str]:
        """Headers that are not read."""
        return self._headers("ignored")

    @property
    def empty(self) -> list[str]:
        """Columns without a name, which are not read, as `column 38`."""
        return [f"column {column.index + 1}" for column in self.columns if column.role == "unnamed"]

    def _headers(self, role: Role) -> list[str]:
        return [column.header for column in self.columns if column.role == role]

    def learn(self, seen: Mapping[int, dates.Evidence], defaults: Defaults) -> ColumnPlan:
        """Give the plan that knows how each column of dates is written; `seen` is `Spooled.orders`.

        What all telling cells of a column agree on comes before the profile's habit; the mapping's word stands before
        both. Where cells can be read both ways, a warning says how they are read.
        """
        orders, warnings = dict(self.orders), []
        for index, evidence in seen.items():
            column = self.columns[index]
            name = column.name or column.header
            if evidence.day_first or evidence.month_first:
                orders.pop(name, None)
            if evidence.order:
                orders[name] = evidence.order
            if doubt := _doubt(evidence, defaults.date_order, orders.get(name)):
                message = f"column {column.header}: {doubt}; say date_order under [defaults] of the mapping to be sure"
                found = Problem(severity="warning", code="value.date_ambiguous", column=column.header, message=message)
                warnings.append(found)
        return replace(self, orders=orders, warnings=(*self.warnings, *warnings))

    def dump(self) -> dict[str, Any]:
        """Give it as JSON, for `load`."""
        return {
            "profile": self.profile,
            "subject": self.subject,
            "columns": [[column.header, column.role, column.name] for column in self.columns],
            "label": {name: sorted(getattr(self.label, name)) for name in ("positive", "negative", "open")},
            "missing": sorted(self.missing),
            "row_number": self.row_number,
            "words": {column: dict(words) for column, words in self.words.items()},
            "outcomes": dict(self.outcomes),
            "orders": dict(self.orders),
            "warnings": [[each.severity, each.code, each.column, each.message] for each in self.warnings],
        }

    @classmethod
    def load(cls, stored: Mapping[str, Any]) -> ColumnPlan:
        """Make it from what `dump` gave."""
        columns = (
            Column(index=index, header=header, role=role, name=name)
            for index, (header, role, name) in enumerate(stored["columns"])
        )
        warnings = (
            Problem(severity=severity, code=code, column=column, message=message)
            for severity, code, column, message in stored.get("warnings", ())
        )
        return cls(
            profile=stored["profile"],
            subject=stored.get("subject", "leads"),
            columns=tuple(columns),
            label=LabelWords(**{name: frozenset(words) for name, words in stored["label"].items()}),
            missing=frozenset(stored["missing"]),
            row_number=stored["row_number"],
            **{name: stored.get(name, {}) for name in ("words", "outcomes", "orders")},
            warnings=tuple(warnings),
        )


def _doubt(evidence: dates.Evidence, told: dates.Order | None, learned: dates.Order | None) -> str | None:
    if told:
        against = evidence.month_first if told == "dmy" else evidence.day_first
        return f"{against} dates cannot be {_ORDERS[told]}, as the mapping says they are" if against else None
    if not evidence.either or learned is None:
        return None  # nothing to doubt, or each such cell gets a warning of its own
    reason = "as its other dates are" if evidence.order else "as this system writes them"
    return f"{evidence.either} dates such as 1/2/2026 were read {_ORDERS[learned]}, {reason}"


def plan(
    header: Sequence[str],
    profile: str = "auto",
    mapping: Mapping[str, Any] | None = None,
    *,
    subject: Subject = "leads",
) -> ColumnPlan:
    """Decide what each column of `header` means; `mapping` is a parsed mapping file. Raises `MappingRejected`."""
    rules = parse(mapping)
    used = _chosen(header, profile, subject)
    explicit = _explicit(header, rules, subject, (mapping or {}).get("columns", {}))
    notes = error_file.NOTES if error_file.is_error_file(header) else ()
    claims = explicit | _claims(header, used, explicit, notes)
    _require_identity(set(claims.values()), rules, subject)
    keep = rules if subject == "leads" else replace(rules, custom=rules.custom or ())
    return ColumnPlan(
        profile=used.name,
        subject=subject,
        columns=tuple(_column(index, name, claims.get(index), keep) for index, name in enumerate(header)),
        label=rules.label,
        missing=rules.missing,
        row_number=rules.row_number,
        words={name: {**used.words.get(name, {}), **rules.words.get(name, {})} for name in {*used.words, *rules.words}},
        outcomes={**used.outcomes, **rules.outcomes},
        orders=_habit(used, claims),
    )


def profiles(subject: Subject = "leads") -> list[str]:
    """Give the names of the profiles for files of `subject`, without `auto`."""
    return export_profiles.names(subject)


def _chosen(header: Sequence[str], profile: str, subject: Subject) -> Profile:
    if profile == "auto":
        return export_profiles.load(export_profiles.best(header, subject))
    if profile not in profiles(subject):
        raise MappingRejected("profile", f"unknown for {subject}; known are auto, {', '.join(profiles(subject))}")
    return export_profiles.load(profile)


def _habit(profile: Profile, claims: Mapping[int, str]) -> dict[str, dates.Order]:
    if "date_order" not in profile.defaults:
        return {}
    order = cast("dates.Order", profile.defaults["date_order"])
    timed = (name for name in claims.values() if lead_schema.kind_of(name) in ("time", "unsubscribed"))
    return dict.fromkeys(timed, order)


def _explicit(header: Sequence[str], rules: MappingRules, subject: Subject, told: Mapping[str, Any]) -> dict[int, str]:
    # Position -> canonical column, "custom" or "ignored", as the mapping says.
    ignored = {_position(header, name, f"ignore.{at}"): "ignored" for at, name in enumerate(rules.ignore)}
    custom = {_position(header, name, f"custom.{at}"): "custom" for at, name in enumerate(rules.custom or ())}
    found = ignored | custom
    for name, target in rules.columns.items():
        place = f"columns.{keyed(told, name)}" if name in told else "label.column"
        if target != "custom" and not lead_schema.belongs(target, subject):
            raise MappingRejected(place, f"not a column of a file of {subject}; map it to another or leave it out")
        position = _position(header, name, place)
        if found.get(position, target) != target:
            raise MappingRejected(place, "the header is mapped in two ways; keep one of them")
        found[position] = target
    if set(ignored) & set(custom):
        raise MappingRejected("custom", "a header is also among ignore; keep it in one list")
    return found


def _position(header: Sequence[str], name: str, place: str) -> int:
    found = [index for index, each in enumerate(header) if each == name]
    found = found or [index for index, each in enumerate(header) if each and key(each) == key(name)]
    if len(found) == 1:
        return found[0]
    state = "the file has several columns like this" if found else "the file has no such column"
    raise MappingRejected(place, f"{state}; check the header")


def _claims(
    header: Sequence[str], profile: Profile, explicit: Mapping[int, str], notes: Sequence[str]
) -> dict[int, str]:
    # The first synonym that the file has claims its column; each column once, and each canonical name but refusals.
    free = {key(name): index for index, name in reversed(list(enumerate(header))) if name and index not in explicit}
    left_out = {
        index
        for index, name in enumerate(header)
        if index not in explicit and (name in notes or key(name) in profile.ignore)
    }
    claims = dict.fromkeys(left_out, "ignored")
    # a mapping may say what a column of consent means, and not that nobody reads it
    claims |= _about_consent(header, {index for index, to in explicit.items() if to not in ("custom", "ignored")})
    for name, words in profile.columns.items():
        found = [free[word] for word in words if word in free and free[word] not in claims]
        if lead_schema.kind_of(name) in lead_schema.SHARED:
            claims |= dict.fromkeys(found, name)
        elif found and name not in explicit.values():
            claims[found[0]] = name
    return claims


def _about_consent(header: Sequence[str], taken: Collection[int]) -> dict[int, str]:
    """Claim every column that is about consent, whatever the profile: none of them becomes an attribute of a person."""
    found: dict[int, str] = {}
    for index, name in enumerate(header):
        if not name or index in taken or key(name) in _DATED:
            continue
        about = consent_words.column(name)
        if about is not None:
            found[index] = "ignored" if about.means == "about" else lead_schema.name_of(about)
    return found


def _column(index: int, header: str, claim: str | None, rules: MappingRules) -> Column:
    if not header:
        return Column(index=index, header=header, role="unnamed")
    if claim in ("ignored", "custom"):
        return Column(index=index, header=header, role="ignored" if claim == "ignored" else "custom")
    if claim is None:
        return Column(index=index, header=header, role="custom" if rules.custom is None else "ignored")
    return Column(index=index, header=header, role="canonical", name=claim)


def _require_identity(names: set[str], rules: MappingRules, subject: Subject) -> None:
    if rules.row_number and ("external_id" in names or subject == "events"):
        reason = "the file has an external_id" if "external_id" in names else "events belong to leads, not to rows"
        raise MappingRejected("identity.row_number", f"{reason}; leave row_number out")
    phone = "phone" in names and bool(names & {"last_name", "full_name"})
    if not (phone or rules.row_number or names & {"external_id", "email"}):
        message = "no column tells who a lead is; map external_id, email, or phone with last_name"
        raise MappingRejected("columns", f"{message}, or set row_number = true under [identity]")
    if subject == "events" and not ("occurred_at" in names and ("kind" in names or "kind" in rules.defaults)):
        message = "no column tells what happened when; map kind and occurred_at, or say kind under [defaults]"
        raise MappingRejected("columns", message)
