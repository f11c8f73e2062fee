"""Read and check the mapping file, which says what the columns of an export mean. TOML, or the same as JSON.

ignore = ["Tags"]                  # columns that are not read
custom = "all"                     # every other column becomes a custom attribute; or a list: only these do
[columns]                          # header = canonical column, or "custom" to keep it from the profile
"Lead Source" = "source"
[label]                            # which column says the outcome, and its words (case does not matter)
column = "Converted"
positive = ["1", "yes"]            # won; without the lists: 1, true, yes, won … and 0, false, no, lost …
negative = ["0", "no"]             # lost
open = [""]                        # not decided; other words are value.enum
closes = true                      # a lead with a label is closed; false: it is for learning alone
[defaults]
source_system = "x"                # names the system that the ids are from
lead_type = "buyer"                # of rows without one
timezone = "America/New_York"      # of times without an offset
date_order = "mdy"                 # or "dmy": how 1/2/2026 is read; without it, as the column's other dates are
country = "US"                     # of phone numbers without a code
kind = "call"                      # of events without one
encoding = "mac_roman"             # of a file that is not UTF-8; without it cp1252, with a warning
[missing]
values = ["Select"]                # cells that count as blank
[words.stage]                      # words of one column's cells: what they stand for = the words
contacted = ["Attempted", "Left voicemail"]
[outcomes]                         # stage = opportunity_status, for files without a column of it
closed = "won"
[identity]
row_number = true                  # the file has no id: rows are identified by file and position
"""

from __future__ import annotations

import codecs
import io
import re
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from domain.documents import JsonMapping, JsonObject
from tasks.contracts.base.locations import key_location
from tasks.intake.csv.columns import export_profiles, lead_schema
from tasks.intake.errors import BadValue, MappingRejected
from tasks.intake.values import dates, phones, scalars, vocabulary

_POSITIVE = ("1", "true", "yes", "y", "t", "won", "closed won", "win")
_NEGATIVE = ("0", "false", "no", "n", "f", "lost", "closed lost", "loss")
_OPEN = ("open", "unknown", "pending")
_SECTIONS = {
    "label": {"column", "positive", "negative", "open", "closes"},
    "defaults": {"source_system", "lead_type", "timezone", "date_order", "country", "kind", "encoding"},
    "missing": {"values"},
    "identity": {"row_number"},
}
_TOP_KEYS = {"ignore", "custom", "columns", "words", "outcomes", *_SECTIONS}
#: kinds of columns that may have [words], and the levels of those columns whose levels are fixed
_KINDS_WITH_WORDS = {"choice", "text", "event_kind", "direction", "channel"}
_FIXED_LEVELS: dict[str, Collection[str]] = {
    **vocabulary.LEVELS,
    "direction": set(vocabulary.DIRECTION_OF.values()),
    "channel": set(vocabulary.CHANNEL_OF.values()),
}
_CODE = re.compile(r"[a-z][a-z0-9_.]{0,39}")
_STATUSES = vocabulary.LEVELS["opportunity_status"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelWords:
    """The words of the label column, in lower case, and what a label means."""

    positive: frozenset[str] = frozenset(_POSITIVE)
    negative: frozenset[str] = frozenset(_NEGATIVE)
    open: frozenset[str] = frozenset(_OPEN)
    #: whether a lead with a label and no status of its own is closed
    closes: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class FileDefaults:
    """The values that hold for every row of a file."""

    source_system: str = "csv"
    lead_type: str | None = None
    #: IANA name of the zone of times without an offset
    timezone: str = "UTC"
    #: as the mapping says; the order that a column's cells show is in `ColumnPlan.date_orders`
    date_order: dates.DateOrder | None = None
    #: two letters: the country of phone numbers without a code
    country: str | None = None
    #: kind of events whose rows have none
    kind: str | None = None
    #: beginning of the file's SHA-256, part of the ids that are made from row numbers
    file: str = ""

    def dump(self) -> JsonObject:
        """Return the defaults as JSON, for `load`."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def load(cls, stored: JsonMapping) -> FileDefaults:
        """Return the defaults that `dump` stored."""
        return cls(**stored)


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingRules:
    """A mapping file that was checked."""

    columns: Mapping[str, str] = field(default_factory=dict)
    ignore: tuple[str, ...] = ()
    #: None: every column that has no other meaning
    custom: tuple[str, ...] | None = None
    label: LabelWords = LabelWords()
    #: in lower case
    missing: frozenset[str] = frozenset()
    row_number: bool = False
    #: canonical column -> reduced word -> what it stands for
    words: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    #: stage -> opportunity_status
    outcomes: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, str] = field(default_factory=dict)


def load_mapping(path: Path) -> JsonObject:
    """Read a mapping file. Raises `MappingRejected`, naming the line where the TOML is broken."""
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError:
        raise MappingRejected("mapping", "the file cannot be read; check its path and rights") from None
    except UnicodeDecodeError:
        raise MappingRejected("mapping", "the file is not UTF-8; save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        place = str(error).rpartition(" (at ")[2].rstrip(")")
        raise MappingRejected("mapping", f"not valid TOML at {place}; correct it there") from None


def file_defaults(
    mapping: JsonMapping | None, *, profile: str = "generic", timezone: str = "UTC", sha256: str = ""
) -> FileDefaults:
    """Return the defaults of every row: those of the mapping, then of the profile, then the tenant's `timezone`.

    `profile` is the one that was used, `ColumnPlan.profile`.
    """
    of_profile, of_mapping = export_profiles.load_profile(profile).defaults, parse_mapping(mapping).defaults
    values = {**of_profile, **of_mapping}
    return FileDefaults(
        source_system=values.get("source_system", "csv"),
        lead_type=values.get("lead_type"),
        timezone=values.get("timezone", timezone),
        # a profile's order of dates is weaker than what a column shows, so it stands in the plan
        date_order=cast("dates.DateOrder | None", of_mapping.get("date_order")),
        country=values.get("country"),
        kind=values.get("kind"),
        file=sha256[:12],
    )


def parse_mapping(mapping: JsonMapping | None) -> MappingRules:
    """Check the content of a mapping file. Raises `MappingRejected`."""
    given = mapping or {}
    _require_keys("", given, _TOP_KEYS)
    sections = {name: _section(given, name) for name in _SECTIONS}
    columns = _columns(given)
    label = sections["label"]
    if "column" in label:
        columns = _add_label_column(columns, _word("label.column", label["column"]))
    return MappingRules(
        columns=columns,
        ignore=_words("ignore", given.get("ignore", [])),
        custom=_custom(given.get("custom", "all")),
        label=_label(label),
        missing=_folded_words("missing.values", sections["missing"].get("values", [])),
        row_number=_flag("identity.row_number", sections["identity"].get("row_number", False)),
        words=_all_words(given.get("words", {})),
        outcomes=_outcomes(given.get("outcomes", {})),
        defaults=_defaults(sections["defaults"]),
    )


def _columns(given: JsonMapping) -> dict[str, str]:
    columns = given.get("columns", {})
    if not isinstance(columns, Mapping):
        raise MappingRejected("columns", 'write a table: [columns] and lines such as "Header" = "email"')
    targets: dict[str, str] = {}
    for header, target in columns.items():
        place = f"columns.{key_location(columns, header)}"
        if target != "custom" and (not isinstance(target, str) or lead_schema.column_kind(target) is None):
            raise MappingRejected(
                place, "not a canonical column; see the CSV contract for their names, or write custom"
            )
        if (
            target in targets.values()
            and target != "custom"
            and lead_schema.column_kind(target) not in lead_schema.SHARED | lead_schema.FALLBACK
        ):
            raise MappingRejected(place, "another header is mapped to the same column; keep one of them")
        targets[header] = target
    return targets


def _add_label_column(columns: dict[str, str], header: str) -> dict[str, str]:
    if columns.get(header, "label") != "label" or ("label" in columns.values() and columns.get(header) != "label"):
        raise MappingRejected("label.column", "it contradicts [columns]; name the label column in one place")
    return columns | {header: "label"}


def _label(label: JsonMapping) -> LabelWords:
    names = ("positive", "negative", "open")
    words = {name: _folded_words(f"label.{name}", label[name]) for name in names if name in label}
    for left, right in (("positive", "negative"), ("positive", "open"), ("negative", "open")):
        if {left, right} <= set(words) and words[left] & words[right]:
            raise MappingRejected(f"label.{right}", f"a word is also among label.{left}; keep it in one list")
    return LabelWords(**words, closes=_flag("label.closes", label.get("closes", True)))


def _all_words(given: object) -> dict[str, dict[str, str]]:
    tables = _table("words", given)
    places = {column: f"words.{key_location(tables, column, lead_schema.NAMES)}" for column in tables}
    return {column: _column_words(place, column, tables[column]) for column, place in places.items()}


def _column_words(place: str, column: str, given: object) -> dict[str, str]:
    if lead_schema.column_kind(column) not in _KINDS_WITH_WORDS:
        raise MappingRejected(place, "only columns of words can have them, such as stage, source or lead_type")
    table, known = _table(place, given), _FIXED_LEVELS.get(column, ())
    places = {level: f"{place}.{key_location(table, level, known)}" for level in table}
    levels = {_level(places[level], column, level): _words(places[level], words) for level, words in table.items()}
    reduced = [word for words in levels.values() for word in set(map(vocabulary.level_key, words))]
    if len(reduced) != len(set(reduced)):
        raise MappingRejected(place, "a word is in two lists; keep it in one")
    return vocabulary.inverted(levels)


def _level(place: str, column: str, level: str) -> str:
    known = _FIXED_LEVELS.get(column)
    if known is not None and level not in known:
        raise MappingRejected(place, f"write one of {', '.join(sorted(known))}")
    if column == "kind" and not _CODE.fullmatch(level):
        raise MappingRejected(place, "write a short code such as listing_view")
    return level


def _outcomes(given: object) -> dict[str, str]:
    table = _table("outcomes", given)
    for stage, status in table.items():
        if not isinstance(status, str) or status not in _STATUSES:
            raise MappingRejected(f"outcomes.{key_location(table, stage)}", f"write one of {', '.join(_STATUSES)}")
    return dict(table)


def _defaults(given: JsonMapping) -> dict[str, str]:
    values = {name: _word(f"defaults.{name}", value) for name, value in given.items()}
    allowed = (
        ("date_order", ("mdy", "dmy")),
        ("lead_type", tuple(vocabulary.LEVELS["lead_type"])),
        ("country", tuple(phones.COUNTRIES)),
    )
    for name, known in allowed:
        if name in values and values[name] not in known:
            raise MappingRejected(f"defaults.{name}", f"write one of {', '.join(known)}")
    if "kind" in values and not _CODE.fullmatch(values["kind"]):
        raise MappingRejected("defaults.kind", "write a short code such as listing_view")
    if "encoding" in values and not _is_encoding(values["encoding"]):
        raise MappingRejected("defaults.encoding", "not a known encoding; write one such as mac_roman or cp1250")
    try:
        scalars.zone(values.get("timezone", "UTC"))
    except BadValue as error:
        raise MappingRejected("defaults.timezone", error.hint) from None
    return values


def _is_encoding(name: str) -> bool:
    try:
        # refuses codecs that are no encoding of text, such as base64
        io.TextIOWrapper(io.BytesIO(), codecs.lookup(name).name)
    except (LookupError, ValueError):
        return False
    return True


def _section(given: JsonMapping, name: str) -> JsonMapping:
    section = _table(name, given.get(name, {}))
    _require_keys(f"{name}.", section, _SECTIONS[name])
    return section


def _table(place: str, given: object) -> JsonMapping:
    if not isinstance(given, Mapping):
        raise MappingRejected(place, "write a table here: its name in brackets, then its lines")
    return cast("JsonMapping", given)


def _require_keys(place: str, given: JsonMapping, known: set[str]) -> None:
    for key in given:
        if key not in known:
            raise MappingRejected(
                f"{place}{key_location(given, key)}", f"unknown key; known are {', '.join(sorted(known))}"
            )


def _custom(given: object) -> tuple[str, ...] | None:
    return None if given == "all" else _words("custom", given)


def _words(place: str, given: object) -> tuple[str, ...]:
    if not isinstance(given, Sequence) or isinstance(given, str):
        raise MappingRejected(place, 'write a list of texts such as ["a", "b"]')
    return tuple(_word(place, item) for item in given)


def _folded_words(place: str, given: object) -> frozenset[str]:
    return frozenset(word.strip().casefold() for word in _words(place, given))


def _word(place: str, given: object) -> str:
    if isinstance(given, int) and not isinstance(given, bool):
        return str(given)
    if not isinstance(given, str) or len(given) > scalars.MAX_TEXT:
        raise MappingRejected(place, f"write a text of at most {scalars.MAX_TEXT} characters")
    return given


def _flag(place: str, given: object) -> bool:
    if not isinstance(given, bool):
        raise MappingRejected(place, "write true or false")
    return given
