"""Show how a file would be read: run the code of the import on its first chunk, without a database.

The result says, for people and for a page: the profile and why, each column's reading with masked examples, what was
understood as consent and as ends, which rows will be rejected, and one line of advice for each doubt.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from db.records import BackfillDraft, ConsentStatement, LeadDraft
from domain.documents import JsonObject
from ml.language import consent_words
from tasks.intake.csv import source
from tasks.intake.csv.columns.column_plan import ColumnPlan, PlannedColumn
from tasks.intake.csv.columns.ignored_columns import TEXTS, why_ignored
from tasks.intake.csv.issues import Issue
from tasks.intake.lead_drafts import counted_as
from tasks.runtime.files import workspace
from tasks.services.backfill import file_layout
from tasks.services.models import closed_leads

#: examples of a column, and lines named of each reason for which rows are rejected
EXAMPLES, LINES = 3, 3
#: characters of an example; different marks that are listed; words of a stage that people add nothing to
LONGEST, MOST_SOURCES, MOST_WORDS = 40, 200, 4
_ADDRESS = re.compile(r"@|\d{7}|\d{3}[\s.-]\d{3}")
#: what people add to a word of a system: `Referral: John Smith`
_ADDED = re.compile(r":\s*\S|\bper\b|\bby\b", re.IGNORECASE)
#: kinds of columns whose cells name nobody and are shown as they are
_PLAIN = frozenset({"choice", "amount", "budget", "least", "count", "time", "label", "zone"})
_PLAIN_NAMES = frozenset({"stage", "pipeline", "source", "campaign", "property_type", "state"})
#: cells of an own column that name nobody: yes and no, and figures too short for an id or a phone number
_HARMLESS = re.compile(r"-?\d{1,4}(?:[.,]\d{1,3})?|yes|no|true|false|y|n", re.IGNORECASE)


@dataclass(slots=True)
class _Issues:
    """Issues of one kind: how many, and the messages of the first."""

    count: int = 0
    messages: list[str] = field(default_factory=list)
    codes: Counter[str] = field(default_factory=Counter)
    #: the beginnings of the first distinct cells
    cells: list[str] = field(default_factory=list)

    def add(self, issue: Issue, cell: str = "") -> None:
        """Count one more."""
        self.count += 1
        self.codes[issue.code] += 1
        if len(self.messages) < LINES:
            self.messages.append(issue.message)
        if cell and len(self.cells) < EXAMPLES and cell not in self.cells:
            self.cells.append(cell)


@dataclass(slots=True)
class _Findings:
    """The findings about the sampled rows."""

    #: when they are read
    now: datetime
    #: header -> position
    positions: Mapping[str, int]
    codes: Counter[str] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=lambda: Counter(won=0, lost=0, open=0))
    #: the closed leads, for what can be learnt from them
    closed: closed_leads.Tally = field(default_factory=Counter)
    rows: Counter[str] = field(default_factory=lambda: Counter(rejected=0, skipped=0))
    filled: Counter[int] = field(default_factory=Counter)
    #: position -> the beginnings of its first distinct cells
    examples: dict[int, list[str]] = field(default_factory=dict)
    #: source of a statement -> decision and channel -> rows
    consent: dict[str, Counter[str]] = field(default_factory=dict)
    #: code -> rows that are rejected, or passed over
    rejected: dict[str, _Issues] = field(default_factory=dict)
    passed_over: dict[str, _Issues] = field(default_factory=dict)
    #: header -> its warnings
    doubts: dict[str, _Issues] = field(default_factory=dict)

    def add(self, record: source.CsvRecord, lead: LeadDraft | None, issues: Sequence[Issue]) -> None:
        """Add one row."""
        self.codes.update(issue.code for issue in issues)
        for position, cell in enumerate(record.cells):
            if text := cell.strip():
                self.filled[position] += 1
                examples = self.examples.setdefault(position, [])
                if len(examples) < EXAMPLES and text[:LONGEST] not in examples:
                    examples.append(text[:LONGEST])
        for issue in issues:
            if issue.severity == "warning" and issue.column:
                self.doubts.setdefault(issue.column, _Issues()).add(issue, self._cell(record, issue.column))
        if lead is None:
            refused = issues[0].severity == "error"
            self.rows["rejected" if refused else "skipped"] += 1
            (self.rejected if refused else self.passed_over).setdefault(issues[0].code, _Issues()).add(issues[0])
            return
        self.labels.update(counted_as(lead))
        self.closed.update(closed_leads.of_draft(lead, self.now))
        for source_of, told in {(_source_of(s), f"{s.decision} {s.channel}") for s in lead.statements}:
            if source_of in self.consent or len(self.consent) < MOST_SOURCES:
                self.consent.setdefault(source_of, Counter())[told] += 1

    def _cell(self, record: source.CsvRecord, header: str) -> str:
        """Return the beginning of a row's cell below a header; empty where the row is too short or has none."""
        position = self.positions.get(header, len(record.cells))
        return record.cells[position].strip()[:LONGEST] if position < len(record.cells) else ""


def _source_of(statement: ConsentStatement) -> str:
    """Return where something was said: the header of a column, or the words of a mark that are words of consent."""
    if statement.basis == "column":
        return statement.reference or statement.basis
    return f"{statement.basis}: {_words_of_systems(statement.reference or '')}"


def _words_of_systems(text: str) -> str:
    """Return a mark as it may be shown: what people add to it, such as a name, is masked.

    >>> _words_of_systems("do not contact"), _words_of_systems("DNC per wife Maria 305-555-0177")
    ('do not contact', 'DNC p•• w••• M•••• 3••-5••-0•••')
    """
    return " ".join(word if consent_words.is_known(word) else mask(word) for word in text[:LONGEST].split())


def preview(draft: BackfillDraft, spooled: source.SpooledFile, now: datetime) -> JsonObject:
    """Return how the file is read, from its first 1,000 records; store nothing and discard the spool."""
    file_source, plan, defaults = file_layout.load(draft.source)
    read_row = file_layout.READERS[draft.source["kind"]]
    findings = _Findings(
        now=now,
        positions={column.header: column.index for column in plan.columns},
        codes=Counter(issue.code for issue in (*file_source.warnings, *plan.warnings)),
    )
    for record in source.read_records(Path(draft.spool), spooled.chunks[0], file_source):
        findings.add(record, *read_row(record, plan, defaults, now))
    workspace.discard(draft.spool)
    return {
        "job_id": None,
        "state": "preview",
        "profile": draft.profile,
        "profile_why": plan.why,
        "encoding": file_source.encoding,
        "delimiter": file_source.delimiter,
        "rows": {"read": spooled.records, "looked_at": spooled.chunks[0].records, **findings.rows},
        "warnings": dict(findings.codes),
        "columns": {
            "mapped": dict(plan.mapped),
            "custom": list(plan.custom),
            "empty": [column.header for column in plan.columns if column.header and not findings.filled[column.index]],
        },
        "readings": [_reading(column, findings) for column in plan.columns],
        "ignored": [_ignored(column) for column in plan.columns if column.role == "ignored"],
        "consent": [{"from": name, "understood": dict(told)} for name, told in sorted(findings.consent.items())],
        "ends": [
            {
                "column": end.header,
                "words": {_word_of_stage(word): outcome for word, outcome in end.words.items()},
                "not_read": list(map(_word_of_stage, end.unclear)),
            }
            for end in plan.ends
        ],
        "labels": dict(findings.labels),
        "usable": closed_leads.usable(findings.closed).short(),
        "rejected": _reasons(findings.rejected),
        "passed_over": _reasons(findings.passed_over),
        "advice": _advice(file_source, plan, findings),
        "error_file": None,
        "seconds": 0.0,
    }


def _reading(column: PlannedColumn, findings: _Findings) -> JsonObject:
    """Return how one column is read."""
    doubts = findings.doubts.get(column.header)
    read_as = {"unnamed": "nothing", "ignored": "nothing", "custom": "attribute"}.get(column.role, column.name)
    return {
        "position": column.index + 1,
        "column": column.header or f"column {column.index + 1}",
        "read_as": read_as,
        "decided_by": column.how,
        "counts_after": column.rank,
        "filled": findings.filled[column.index],
        "examples": [_shown(text, column) for text in findings.examples.get(column.index, ())],
        "advice": f"{_cells(doubts.count)}: {_hint(doubts.messages[0])}" if doubts else None,
        "warnings": dict(doubts.codes) if doubts else {},
        "doubtful": [_shown(text, column) for text in doubts.cells] if doubts else [],
    }


def _cells(count: int) -> str:
    return "1 cell" if count == 1 else f"{count} cells"


def _ignored(column: PlannedColumn) -> JsonObject:
    """Return a column that is not read, and why."""
    why = why_ignored(column)
    return {"column": column.header, "why": why, "text": TEXTS[why]}


def _shown(text: str, column: PlannedColumn) -> str:
    """Return an example as it may be shown: words of a system as they are, what may name a person masked."""
    harmless = column.role == "custom" and _HARMLESS.fullmatch(text) is not None
    plain = column.kind in _PLAIN or harmless or (column.name in _PLAIN_NAMES and not _ADDED.search(text))
    return text if plain and not _ADDRESS.search(text) else mask(text)


def _word_of_stage(word: str) -> str:
    """Return a stage as it may be shown: a number or an address in it is somebody's."""
    return mask(word) if _ADDRESS.search(word) or len(word.split()) > MOST_WORDS else word


def mask(text: str) -> str:
    """Return a text with only the first letter or digit of each word left.

    >>> mask("ada.larkmoor@example.com"), mask("+1 (305) 555-0101")
    ('a••.l•••••••@e••••••.c••', '+1 (3••) 5••-0•••')
    """
    shown, inside = [], False
    for sign in text:
        # marks such as accents and vowel signs belong to the word whose letters they follow
        category = unicodedata.category(sign)
        of_word = category[0] in "LNM" or category in ("Cf", "Pc")
        shown.append("\u2022" if of_word and inside else sign)
        inside = of_word
    return "".join(shown)


def _reasons(issues_by_code: Mapping[str, _Issues]) -> list[JsonObject]:
    return [
        {"code": code, "rows": issues.count, "examples": list(issues.messages)}
        for code, issues in sorted(issues_by_code.items())
    ]


def _hint(message: str) -> str:
    return message.partition(": ")[2]


def _advice(file_source: source.Source, plan: ColumnPlan, findings: _Findings) -> list[str]:
    """Return one line for each thing that the file's author can do, the file's own first."""
    lines = [issue.message for issue in (*file_source.warnings, *plan.warnings)]
    lines += [
        f"column {end.header}: {', '.join(end.unclear)} may be ends and are not read; name them under [outcomes] or "
        "[label] of the mapping"
        for end in plan.ends
        if end.unclear and end.words
    ]
    if plan.subject == "leads" and not (findings.labels["won"] and findings.labels["lost"]):
        missing = " and ".join(name for name in ("won", "lost") if not findings.labels[name])
        lines.append(
            f"no {missing} leads among the rows looked at, and an own model needs both; [label] of the mapping names "
            "their column"
        )
    return lines
