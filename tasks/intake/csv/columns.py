"""Decide what each column of a file means: by the mapping, then by the profile; the others are custom columns."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal, NamedTuple, cast

from ml.language import consent_words
from tasks.contracts.base.locations import key_location
from tasks.intake.csv import error_file, export_profiles, lead_schema
from tasks.intake.csv.export_profiles import Profile, RowSubject, reduced_header
from tasks.intake.csv.issues import Issue
from tasks.intake.csv.mapping import FileDefaults, LabelWords, MappingRules, parse_mapping
from tasks.intake.errors import MappingRejected
from tasks.intake.values import dates

Role = Literal["canonical", "custom", "ignored", "unnamed"]
#: headers that mean the time at which somebody unsubscribed from everything
_UNSUBSCRIBED_HEADERS = frozenset(
    word for word in export_profiles.load_profile("generic").columns["unsubscribed_at"]
) | {reduced_header("unsubscribed_at")}
_ORDER_WORDS: Mapping[dates.DateOrder, str] = {"dmy": "day first", "mdy": "month first"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedColumn:
    """One column of the file."""

    #: position, from 0
    index: int
    header: str
    role: Role
    #: canonical name, for the role `canonical` only
    name: str | None = None

    @property
    def kind(self) -> str:
        """Return how its cells are read: a key of `lead_schema.KINDS` or `EVENT_KINDS`, or `custom`."""
        return (lead_schema.column_kind(self.name) if self.name else None) or "custom"


class ReadColumn(NamedTuple):
    """A column whose cells are read; a tuple, because it is unpacked for every cell of a file."""

    position: int
    header: str
    #: canonical name, or the header
    name: str
    kind: str
    #: reduced word -> what it stands for
    words: Mapping[str, str] | None
    #: what the column says of consent, if it is about consent
    consent: consent_words.ConsentColumn | None
    #: cell -> value, for cells that were read before; filled by `cells`, since exports repeat their cells
    cache: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class ColumnPlan:
    """What each column of a file means, and how its cells are read."""

    #: the profile that was used, never `auto`
    profile: str
    columns: tuple[PlannedColumn, ...]
    #: what the rows are about
    subject: RowSubject = "leads"
    label: LabelWords = field(default_factory=LabelWords)
    #: cells that count as blank, without case
    missing: frozenset[str] = frozenset()
    #: True: rows are identified by file and position
    row_number: bool = False
    #: canonical column -> reduced word -> what it stands for
    words: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    #: stage -> opportunity_status, for rows without a status
    outcomes: Mapping[str, str] = field(default_factory=dict)
    #: canonical column of times -> order of day and month, for dates that can be read both ways
    date_orders: Mapping[str, dates.DateOrder] = field(default_factory=dict)
    #: issues of columns as a whole
    warnings: tuple[Issue, ...] = ()

    @cached_property
    def read_columns(self) -> tuple[ReadColumn, ...]:
        """Return the canonical and custom columns, as their cells are read."""
        return tuple(
            ReadColumn(
                position=column.index,
                header=column.header,
                name=column.name or column.header,
                kind=column.kind,
                words=self.words.get(column.name or ""),
                consent=lead_schema.consent_column(column.name) if column.name else None,
                cache={},
            )
            for column in self.columns
            if column.role in ("canonical", "custom")
        )

    @cached_property
    def has_label(self) -> bool:
        """Return whether a column says the outcome."""
        return any(column.name == "label" for column in self.columns)

    @cached_property
    def record_position(self) -> int | None:
        """Position of an error file's column with the original file and row; None when there is no such column."""
        positions = (column.index for column in self.columns if column.header == "_record" and column.role == "ignored")
        return next(positions, None)

    @property
    def date_positions(self) -> list[int]:
        """Positions of the columns of dates, for `source.spool`."""
        return [column.index for column in self.columns if column.kind in ("time", "unsubscribed")]

    @property
    def mapped(self) -> dict[str, str]:
        """Header -> canonical column."""
        return {column.header: column.name for column in self.columns if column.name}

    @property
    def custom(self) -> list[str]:
        """Headers of the custom columns."""
        return self._headers("custom")

    @property
    def ignored(self) -> list[str]:
        """Headers that are not read."""
        return self._headers("ignored")

    @property
    def empty(self) -> list[str]:
        """Columns without a header, which are not read, named like `column 38`."""
        return [f"column {column.index + 1}" for column in self.columns if column.role == "unnamed"]

    def _headers(self, role: Role) -> list[str]:
        return [column.header for column in self.columns if column.role == role]

    def with_date_orders(
        self, evidence_by_position: Mapping[int, dates.DateOrderEvidence], defaults: FileDefaults
    ) -> ColumnPlan:
        """Return the plan with the order of day and month of each column of dates, from `SpooledFile.date_orders`.

        The mapping's `date_order` counts first, then the order that all unambiguous cells of the column agree on, then
        the profile's. For cells that can be read both ways a warning says how they are read.
        """
        orders, warnings = dict(self.date_orders), []
        for position, evidence in evidence_by_position.items():
            column = self.columns[position]
            name = column.name or column.header
            if evidence.day_first or evidence.month_first:
                orders.pop(name, None)
            if evidence.order:
                orders[name] = evidence.order
            if doubt := _order_doubt(evidence, defaults.date_order, orders.get(name)):
                message = f"column {column.header}: {doubt}; set date_order under [defaults] of the mapping to be sure"
                warnings.append(
                    Issue(severity="warning", code="value.date_ambiguous", column=column.header, message=message)
                )
        return replace(self, date_orders=orders, warnings=(*self.warnings, *warnings))

    def dump(self) -> dict[str, Any]:
        """Return the plan as JSON, for `load`."""
        return {
            "profile": self.profile,
            "subject": self.subject,
            "columns": [[column.header, column.role, column.name] for column in self.columns],
            "label": {name: sorted(getattr(self.label, name)) for name in ("positive", "negative", "open")},
            "missing": sorted(self.missing),
            "row_number": self.row_number,
            "words": {column: dict(words) for column, words in self.words.items()},
            "outcomes": dict(self.outcomes),
            "orders": dict(self.date_orders),
            "warnings": [[issue.severity, issue.code, issue.column, issue.message] for issue in self.warnings],
        }

    @classmethod
    def load(cls, stored: Mapping[str, Any]) -> ColumnPlan:
        """Return the plan that `dump` stored."""
        columns = (
            PlannedColumn(index=index, header=header, role=role, name=name)
            for index, (header, role, name) in enumerate(stored["columns"])
        )
        warnings = (
            Issue(severity=severity, code=code, column=column, message=message)
            for severity, code, column, message in stored.get("warnings", ())
        )
        return cls(
            profile=stored["profile"],
            subject=stored.get("subject", "leads"),
            columns=tuple(columns),
            label=LabelWords(**{name: frozenset(words) for name, words in stored["label"].items()}),
            missing=frozenset(stored["missing"]),
            row_number=stored["row_number"],
            words=stored.get("words", {}),
            outcomes=stored.get("outcomes", {}),
            date_orders=stored.get("orders", {}),
            warnings=tuple(warnings),
        )


def _order_doubt(
    evidence: dates.DateOrderEvidence, mapping_order: dates.DateOrder | None, plan_order: dates.DateOrder | None
) -> str | None:
    if mapping_order:
        against = evidence.month_first if mapping_order == "dmy" else evidence.day_first
        words = _ORDER_WORDS[mapping_order]
        return f"{against} dates cannot be {words}, as the mapping says they are" if against else None
    if not evidence.either or plan_order is None:
        return None  # no cell is ambiguous, or each ambiguous cell gets its own warning
    reason = "as its other dates are" if evidence.order else "as this system writes them"
    return f"{evidence.either} dates such as 1/2/2026 were read {_ORDER_WORDS[plan_order]}, {reason}"


def plan_columns(
    header: Sequence[str],
    profile: str = "auto",
    mapping: Mapping[str, Any] | None = None,
    *,
    subject: RowSubject = "leads",
) -> ColumnPlan:
    """Decide what each column of `header` means; `mapping` is a mapping file's content. Raises `MappingRejected`."""
    rules = parse_mapping(mapping)
    used = _chosen_profile(header, profile, subject)
    mapped = _mapped_columns(header, rules, subject, (mapping or {}).get("columns", {}))
    notes = error_file.NOTES if error_file.is_error_file(header) else ()
    meanings = mapped | _profile_columns(header, used, mapped, notes)
    _require_identity(set(meanings.values()), rules, subject)
    # events have no attributes of their own: a custom column must be named
    custom = rules.custom if subject == "leads" else rules.custom or ()
    return ColumnPlan(
        profile=used.name,
        subject=subject,
        columns=tuple(
            _planned_column(index, name, meanings.get(index), keep_unclaimed=custom is None)
            for index, name in enumerate(header)
        ),
        label=rules.label,
        missing=rules.missing,
        row_number=rules.row_number,
        words={name: {**used.words.get(name, {}), **rules.words.get(name, {})} for name in {*used.words, *rules.words}},
        outcomes={**used.outcomes, **rules.outcomes},
        date_orders=_profile_date_orders(used, meanings),
    )


def _chosen_profile(header: Sequence[str], profile: str, subject: RowSubject) -> Profile:
    if profile == "auto":
        return export_profiles.load_profile(export_profiles.best_profile(header, subject))
    names = export_profiles.profile_names(subject)
    if profile not in names:
        raise MappingRejected("profile", f"unknown for {subject}; known are auto, {', '.join(names)}")
    return export_profiles.load_profile(profile)


def _profile_date_orders(profile: Profile, meanings: Mapping[int, str]) -> dict[str, dates.DateOrder]:
    if "date_order" not in profile.defaults:
        return {}
    order = cast("dates.DateOrder", profile.defaults["date_order"])
    timed = (name for name in meanings.values() if lead_schema.column_kind(name) in ("time", "unsubscribed"))
    return dict.fromkeys(timed, order)


def _mapped_columns(
    header: Sequence[str], rules: MappingRules, subject: RowSubject, columns_table: Mapping[str, object]
) -> dict[int, str]:
    """Return position -> canonical column, `custom` or `ignored`, as the mapping says."""
    ignored = {_position(header, name, f"ignore.{at}"): "ignored" for at, name in enumerate(rules.ignore)}
    custom = {_position(header, name, f"custom.{at}"): "custom" for at, name in enumerate(rules.custom or ())}
    meanings = ignored | custom
    for name, target in rules.columns.items():
        place = f"columns.{key_location(columns_table, name)}" if name in columns_table else "label.column"
        if target != "custom" and not lead_schema.belongs_to(target, subject):
            raise MappingRejected(place, f"not a column of a file of {subject}; map it to another or leave it out")
        position = _position(header, name, place)
        if meanings.get(position, target) != target:
            raise MappingRejected(place, "the header is mapped in two ways; keep one of them")
        meanings[position] = target
    if set(ignored) & set(custom):
        raise MappingRejected("custom", "a header is also among ignore; keep it in one list")
    return meanings


def _position(header: Sequence[str], name: str, place: str) -> int:
    positions = [index for index, cell in enumerate(header) if cell == name]
    if not positions:
        reduced = reduced_header(name)
        positions = [index for index, cell in enumerate(header) if cell and reduced_header(cell) == reduced]
    if len(positions) == 1:
        return positions[0]
    state = "the file has several columns like this" if positions else "the file has no such column"
    raise MappingRejected(place, f"{state}; check the header")


def _profile_columns(
    header: Sequence[str], profile: Profile, mapped: Mapping[int, str], notes: Sequence[str]
) -> dict[int, str]:
    """Return position -> canonical column or `ignored`, for the columns that the mapping does not name.

    For each canonical column the first synonym in the file counts; of consent columns all of them do.
    """
    unmapped = {index: reduced_header(name) for index, name in enumerate(header) if name and index not in mapped}
    free = {reduced: index for index, reduced in reversed(list(unmapped.items()))}
    meanings = {
        index: "ignored"
        for index, name in enumerate(header)
        if index not in mapped and (name in notes or reduced_header(name) in profile.ignore)
    }
    # a mapping may say what a consent column means, but not that it is ignored
    decided = {index for index, target in mapped.items() if target not in ("custom", "ignored")}
    meanings |= _consent_columns(header, decided)
    for name, words in profile.columns.items():
        positions = [free[word] for word in words if word in free and free[word] not in meanings]
        if lead_schema.column_kind(name) in lead_schema.SHARED:
            meanings |= dict.fromkeys(positions, name)
        elif positions and name not in mapped.values():
            meanings[positions[0]] = name
    return meanings


def _consent_columns(header: Sequence[str], decided: Collection[int]) -> dict[int, str]:
    """Return the meaning of every column that is about consent; none of them may become an attribute of a person."""
    meanings: dict[int, str] = {}
    for index, name in enumerate(header):
        if not name or index in decided or reduced_header(name) in _UNSUBSCRIBED_HEADERS:
            continue
        about = consent_words.column_meaning(name)
        if about is not None:
            meanings[index] = "ignored" if about.means == "about" else lead_schema.consent_column_name(about)
    return meanings


def _planned_column(index: int, header: str, meaning: str | None, *, keep_unclaimed: bool) -> PlannedColumn:
    if not header:
        return PlannedColumn(index=index, header=header, role="unnamed")
    if meaning is None:
        return PlannedColumn(index=index, header=header, role="custom" if keep_unclaimed else "ignored")
    if meaning in ("ignored", "custom"):
        return PlannedColumn(index=index, header=header, role="ignored" if meaning == "ignored" else "custom")
    return PlannedColumn(index=index, header=header, role="canonical", name=meaning)


def _require_identity(names: set[str], rules: MappingRules, subject: RowSubject) -> None:
    if rules.row_number and ("external_id" in names or subject == "events"):
        reason = "the file has an external_id" if "external_id" in names else "events belong to leads, not to rows"
        raise MappingRejected("identity.row_number", f"{reason}; leave row_number out")
    phone = "phone" in names and bool(names & {"last_name", "full_name"})
    if not (phone or rules.row_number or names & {"external_id", "email"}):
        message = "no column identifies a lead; map external_id, email, or phone with last_name"
        raise MappingRejected("columns", f"{message}, or set row_number = true under [identity]")
    if subject == "events" and not ("occurred_at" in names and ("kind" in names or "kind" in rules.defaults)):
        message = "no column says what happened and when; map kind and occurred_at, or set kind under [defaults]"
        raise MappingRejected("columns", message)
