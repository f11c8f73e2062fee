"""Collect what the cells of whole columns show, and complete the plan by it before any row is read.

Three kinds: how dates are written, how amounts are written, and which words a stage or a status holds. They are
collected while the file is copied, so the first row is read as the last one shows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from tasks.intake.csv.columns import header_words
from tasks.intake.csv.columns.column_plan import AmountReading, ColumnPlan, EndColumn, PlannedColumn
from tasks.intake.csv.columns.mapping import FileDefaults
from tasks.intake.csv.issues import Issue
from tasks.intake.values import dates, ends
from tasks.intake.values.amounts import AmountEvidence

#: distinct words beyond which a column holds no stages, and characters beyond which a cell is no word
MOST_WORDS, LONGEST_WORD = 200, 60
_ORDER_WORDS: Mapping[dates.DateOrder, str] = {"dmy": "day first", "mdy": "month first"}
_TIMES = frozenset({"time", "unsubscribed"})
_AMOUNTS = frozenset({"amount", "budget"})
#: canonical columns whose words may tell the end, in the order in which they count
_END_NAMES = ("opportunity_status", "stage")


class Evidence(Protocol):
    """What a column's cells show, collected cell by cell."""

    def add(self, cell: str) -> None:
        """Add one more cell."""
        ...


@dataclass(slots=True)
class WordEvidence:
    """The distinct words of a column and how often each occurs; nothing once there are too many."""

    counts: dict[str, int] = field(default_factory=dict)
    #: True: there are too many distinct words for a stage or a status
    full: bool = False

    def add(self, cell: str) -> None:
        """Count one more cell."""
        if self.full or not (word := cell.strip()):
            return
        self.counts[word] = self.counts.get(word, 0) + 1
        if len(self.counts) > MOST_WORDS or len(word) > LONGEST_WORD:
            self.full = True
            self.counts.clear()


def collectors(plan: ColumnPlan) -> dict[int, Evidence]:
    """Return what the cells of each telling column are to be added to, by its position; for `source.spool`."""
    return {column.index: evidence for column in plan.columns if (evidence := _collector(column, plan)) is not None}


def _collector(column: PlannedColumn, plan: ColumnPlan) -> Evidence | None:
    if column.kind in _TIMES:
        return dates.DateOrderEvidence()
    if column.kind in _AMOUNTS:
        return AmountEvidence()
    return WordEvidence() if plan.subject == "leads" and _may_tell_ends(column) else None


def _may_tell_ends(column: PlannedColumn) -> bool:
    return column.name in _END_NAMES or (column.role == "custom" and header_words.may_tell_ends(column.header))


def complete(plan: ColumnPlan, evidence: Mapping[int, Evidence], defaults: FileDefaults) -> ColumnPlan:
    """Return the plan with the order of its dates, the style of its amounts and the ends that its words tell.

    For dates the mapping's `date_order` counts first, then the order that all unambiguous cells of the column agree on,
    then that of the file's other columns, then the profile's. Amounts are read as their own column shows, else as the
    file's other amounts do. A warning says where a doubt remains.
    """
    dated = {at: column for at, column in evidence.items() if isinstance(column, dates.DateOrderEvidence)}
    amounts = {at: column for at, column in evidence.items() if isinstance(column, AmountEvidence)}
    words = {at: column for at, column in evidence.items() if isinstance(column, WordEvidence)}
    orders, doubts = _date_orders(plan, dated, defaults)
    end_columns = _end_columns(plan, words)
    unread = () if plan.has_label else tuple(_unread_ends(plan, end_columns))
    return replace(
        plan,
        date_orders=orders,
        amounts=_amount_readings(amounts),
        ends=end_columns,
        warnings=(*plan.warnings, *doubts, *unread),
    )


def _date_orders(
    plan: ColumnPlan, evidence: Mapping[int, dates.DateOrderEvidence], defaults: FileDefaults
) -> tuple[dict[str, dates.DateOrder], list[Issue]]:
    orders, doubts = dict(plan.date_orders), []
    together = dates.DateOrderEvidence(
        day_first=sum(column.day_first for column in evidence.values()),
        month_first=sum(column.month_first for column in evidence.values()),
    ).order
    for position, column_evidence in evidence.items():
        column = plan.columns[position]
        name = column.name or column.header
        own = bool(column_evidence.day_first or column_evidence.month_first)
        if own:
            orders.pop(name, None)
        if order := column_evidence.order if own else together:
            orders[name] = order
        shown = "as its other dates are" if own else "as the file's other dates are" if together else ""
        if doubt := _order_doubt(column_evidence, defaults.date_order, orders.get(name), shown):
            hint = f"{doubt}; set date_order under [defaults] of the mapping to be sure"
            doubts.append(_warning("value.date_ambiguous", column.header, hint))
    return orders, doubts


def _order_doubt(
    evidence: dates.DateOrderEvidence,
    mapping_order: dates.DateOrder | None,
    plan_order: dates.DateOrder | None,
    shown: str,
) -> str | None:
    if mapping_order:
        against = evidence.month_first if mapping_order == "dmy" else evidence.day_first
        words = _ORDER_WORDS[mapping_order]
        return f"{against} dates cannot be {words}, as the mapping says they are" if against else None
    if not evidence.either or plan_order is None:
        return None  # no cell is ambiguous, or each ambiguous cell gets its own warning
    reason = shown or "as this system writes them"
    return f"{evidence.either} dates such as 1/2/2026 were read {_ORDER_WORDS[plan_order]}, {reason}"


def _amount_readings(evidence: Mapping[int, AmountEvidence]) -> dict[int, AmountReading]:
    together = AmountEvidence().merge(evidence.values())
    return {
        position: AmountReading(column_evidence.style or together.style, own=column_evidence.style is not None)
        for position, column_evidence in evidence.items()
    }


def _end_columns(plan: ColumnPlan, evidence: Mapping[int, WordEvidence]) -> tuple[EndColumn, ...]:
    found = []
    for position, words in evidence.items():
        column = plan.columns[position]
        told = ends.decided(words.counts, column.header)
        if any(told):
            found.append(EndColumn(position=position, header=column.header, words=told[0], unclear=told[1]))
    return tuple(sorted(found, key=lambda end: _end_rank(plan.columns[end.position])))


def _end_rank(column: PlannedColumn) -> int:
    return _END_NAMES.index(column.name) if column.name in _END_NAMES else len(_END_NAMES)


def _unread_ends(plan: ColumnPlan, end_columns: tuple[EndColumn, ...]) -> Iterator[Issue]:
    """Yield a warning for each column that looks like outcomes while none of the file was read."""
    read = plan.outcomes or any(end.words for end in end_columns)
    for end in () if read else end_columns:
        hint = (
            "this looks like how it ended, and no outcome was read from the file; name it as column under [label] of "
            "the mapping, with its words as positive and negative"
        )
        yield _warning("label.unread", end.header, hint)


def _warning(code: str, header: str, hint: str) -> Issue:
    return Issue(severity="warning", code=code, column=header, message=f"column {header}: {hint}")
