"""What each column of a file means, and how its cells are read; `planning` decides it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, NamedTuple

from domain.documents import JsonMapping, JsonObject
from ml.language import consent_words
from tasks.intake.csv.columns import header_words, lead_schema
from tasks.intake.csv.columns.export_profiles import RowSubject
from tasks.intake.csv.columns.mapping import LabelWords
from tasks.intake.csv.issues import Issue
from tasks.intake.values import dates
from tasks.intake.values.amounts import AmountStyle

Role = Literal["canonical", "custom", "ignored", "unnamed"]
#: what decided the meaning of a column: the mapping, a whole header that the chosen profile or the generic one knows,
#: the words of the header, the values of the column, words of consent; `""`: nothing, it is an attribute
How = Literal["mapping", "profile", "generic", "words", "values", "consent", ""]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedColumn:
    """One column of the file."""

    #: position, from 0
    index: int
    header: str
    role: Role
    #: canonical name, for the role `canonical` only
    name: str | None = None
    how: How = ""
    #: 0: it counts first; 1, 2, …: it counts in rows where those before it have nothing
    rank: int = 0

    @property
    def falls_back(self) -> bool:
        """Return whether it counts only where another column of its meaning has nothing."""
        return bool(self.rank)

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
    rank: int
    #: how amounts are written
    amounts: AmountReading | None


@dataclass(frozen=True, slots=True)
class AmountReading:
    """How the amounts of a column are written, and whether the column itself shows it."""

    style: AmountStyle | None
    #: False: its neighbours show it
    own: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EndColumn:
    """A column whose words tell how it ended with a lead."""

    position: int
    header: str
    #: cell -> opportunity_status
    words: Mapping[str, str]
    #: words that tell an end and not which
    unclear: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ColumnPlan:
    """What each column of a file means, and how its cells are read."""

    #: the profile that was used, never `auto`
    profile: str
    columns: tuple[PlannedColumn, ...]
    #: why this profile
    why: str = ""
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
    #: columns whose words tell the end, for rows without a status; the first that says something counts
    ends: tuple[EndColumn, ...] = ()
    #: canonical column of times -> order of day and month, for dates that can be read both ways
    date_orders: Mapping[str, dates.DateOrder] = field(default_factory=dict)
    #: position of a column of amounts -> how they are written
    amounts: Mapping[int, AmountReading] = field(default_factory=dict)
    #: positions of columns that hold the country of phone numbers or its dialling code, the surest first
    countries: tuple[int, ...] = ()
    #: position of a consent column -> the only channel that its yes opens; its refusals close what they name
    grants: Mapping[int, str] = field(default_factory=dict)
    #: issues of columns as a whole
    warnings: tuple[Issue, ...] = ()

    @cached_property
    def read_columns(self) -> tuple[ReadColumn, ...]:
        """Return the canonical and custom columns as their cells are read; those that count first come first."""
        read = (column for column in self.columns if column.role in ("canonical", "custom"))
        return tuple(
            ReadColumn(
                position=column.index,
                header=column.header,
                name=column.name or column.header,
                kind=column.kind,
                words=self.words.get(column.name or ""),
                consent=lead_schema.consent_column(column.name) if column.name else None,
                cache={},
                rank=column.rank,
                amounts=self.amounts.get(column.index),
            )
            for column in sorted(read, key=lambda column: column.rank)
        )

    @cached_property
    def has_label(self) -> bool:
        """Return whether a column says the outcome."""
        return any(column.name == "label" for column in self.columns)

    @cached_property
    def has_status(self) -> bool:
        """Return whether a column says whether the opportunity is open, won or lost."""
        return any(column.name == "opportunity_status" for column in self.columns)

    @cached_property
    def consent_headers(self) -> tuple[tuple[int, str], ...]:
        """Position and header of each column that says whether a lead may be contacted."""
        return tuple((c.index, c.header) for c in self.columns if c.name and c.kind in lead_schema.CONSENT)

    @cached_property
    def child_positions(self) -> frozenset[int]:
        """Positions of the columns of child rows, such as `Note (Notes)`, that are attributes."""
        if not any(c.kind in ("id", "email", "phone") for c in self.columns):
            return frozenset()  # `Age (years)` of a data set
        return frozenset(c.index for c in self.columns if c.role == "custom" and header_words.is_child_column(c.header))

    @cached_property
    def record_position(self) -> int | None:
        """Position of an error file's column with the original file and row; None when there is no such column."""
        positions = (column.index for column in self.columns if column.header == "_record" and column.role == "ignored")
        return next(positions, None)

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

    def dump(self) -> JsonObject:
        """Return the plan as JSON, for `load`."""
        return {
            "profile": self.profile,
            "why": self.why,
            "subject": self.subject,
            # a worker of the version before takes the columns that fall back for attributes, and not for the only ones
            "columns": [
                [column.header, "custom", None] if column.falls_back else [column.header, column.role, column.name]
                for column in self.columns
            ],
            "ranks": [[column.how, column.rank, column.role, column.name] for column in self.columns],
            "label": {name: sorted(getattr(self.label, name)) for name in ("positive", "negative", "open")},
            # where it is the usual, it is left out: the same file stays the same import
            **({} if self.label.closes else {"label_closes": False}),
            "missing": sorted(self.missing),
            "row_number": self.row_number,
            "words": {column: dict(words) for column, words in self.words.items()},
            "outcomes": dict(self.outcomes),
            "ends": [[end.position, end.header, dict(end.words), list(end.unclear)] for end in self.ends],
            "orders": dict(self.date_orders),
            "amounts": [[position, reading.style, reading.own] for position, reading in self.amounts.items()],
            "countries": list(self.countries),
            "grants": [[position, channel] for position, channel in self.grants.items()],
            "warnings": [[issue.severity, issue.code, issue.column, issue.message] for issue in self.warnings],
        }

    @classmethod
    def load(cls, stored: JsonMapping) -> ColumnPlan:
        """Return the plan that `dump` stored."""
        ranks = stored.get("ranks") or [["", 0, role, name] for _, role, name in stored["columns"]]
        columns = (
            PlannedColumn(index=index, header=header, role=role, name=name, how=how, rank=rank)
            for index, ((header, _, _), (how, rank, role, name)) in enumerate(
                zip(stored["columns"], ranks, strict=True)
            )
        )
        warnings = (
            Issue(severity=severity, code=code, column=column, message=message)
            for severity, code, column, message in stored.get("warnings", ())
        )
        ends = (
            EndColumn(position=position, header=header, words=words, unclear=tuple(unclear))
            for position, header, words, unclear in stored.get("ends", ())
        )
        return cls(
            profile=stored["profile"],
            why=stored.get("why", ""),
            subject=stored.get("subject", "leads"),
            columns=tuple(columns),
            label=LabelWords(
                **{name: frozenset(words) for name, words in stored["label"].items()},
                closes=stored.get("label_closes", True),
            ),
            missing=frozenset(stored["missing"]),
            row_number=stored["row_number"],
            words=stored.get("words", {}),
            outcomes=stored.get("outcomes", {}),
            ends=tuple(ends),
            date_orders=stored.get("orders", {}),
            amounts={position: AmountReading(style, own) for position, style, own in stored.get("amounts", ())},
            countries=tuple(stored.get("countries", ())),
            grants=dict(stored.get("grants", ())),
            warnings=tuple(warnings),
        )
