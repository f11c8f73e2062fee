"""What a model card may vouch for: when its rows were observed, and which columns were asked for leaks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from db.records import ModelRecord
from domain.closed_leads import LEFT_OUT, OBSERVED
from domain.documents import JsonMapping, JsonObject
from domain.model_kinds import LEAD_SCORE
from workers.pages import columns
from workers.pages.columns import Column, column

#: above this a ranking is too good to be true until proved otherwise
TOO_GOOD = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """How many rows were observed before their outcome, at the same moment, and after it."""

    before: int = 0
    same_moment: int = 0
    after: int = 0
    #: False: an older version, which did not count them
    recorded: bool = True

    @property
    def clear(self) -> bool:
        """Return whether every row is known to be as it was before its outcome."""
        return self.recorded and not self.same_moment and not self.after

    def view(self) -> JsonObject:
        """Return it as finite JSON; the counts are null where they are not recorded."""
        counts = {name: getattr(self, name) if self.recorded else None for name in OBSERVED}
        return {**counts, "known_before_outcome": self.clear}


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """Which of the columns that a version learnt from were asked whether they know the outcome."""

    probed: int
    #: column that could not be asked, and why
    unprobed: tuple[tuple[Column, str], ...]
    #: False: an older version, which did not record it
    recorded: bool

    @property
    def complete(self) -> bool:
        """Return whether every column that it learnt from was asked."""
        return self.recorded and not self.unprobed

    def view(self) -> JsonObject:
        """Return it as finite JSON; `probed` is null where it is not recorded."""
        unprobed = {asked.words: reason for asked, reason in self.unprobed}
        return {"probed": self.probed if self.recorded else None, "unprobed": unprobed, "complete": self.complete}


def timing(model: ModelRecord) -> Timing:
    """Return when a version's rows were observed.

    Other kinds than lead scores learn from rows as of past dates. An older version tells the spans of its times alone:
    where both are the same to the minute, each lead came with its outcome.
    """
    if model.kind != LEAD_SCORE.name:
        return Timing(before=model.rows)
    if counts := model.report.get("observed"):
        return Timing(**{name: counts.get(name, 0) for name in OBSERVED})
    period = model.report.get("period", {})
    observed, labelled = (_to_the_minute(period.get(name, ())) for name in ("observed", "labelled"))
    if observed and observed == labelled:
        return Timing(same_moment=model.rows)
    return Timing(recorded=False)


def probe(report: JsonMapping) -> Probe:
    """Return which columns of a version were probed."""
    features = set(report.get("features", ()))
    unprobed = {name: reason for name, reason in report.get("unprobed", {}).items() if name in features}
    return Probe(
        probed=len(features.intersection(report.get("probed", ()))),
        unprobed=tuple((column(name), reason) for name, reason in unprobed.items()),
        recorded="probed" in report,
    )


def left_out(report: JsonMapping) -> Iterator[str]:
    """Return why closed leads were not learnt from, as a count with its words."""
    for code, count in report.get("closed", {}).get("left_out", {}).items():
        if count:
            yield f"{count:,} {LEFT_OUT.get(code, code)}"


def warnings(model: ModelRecord) -> Iterator[str]:
    """Return what an auditor must not miss, a sentence each."""
    if model.metrics.get("auc", 0) > TOO_GOOD:
        yield f"An AUC above {TOO_GOOD} is too good to be true: look for a column that knows the outcome."
    if any(used for _, _, used, _ in columns.leaks(model.report)):
        yield "It learnt from a column that knows the outcome; see the leakage probe."
    yield from _of_time(model)
    if refused := columns.refused_today(model.report):
        names = ", ".join(each.words for each in refused)
        yield f"It learnt from columns that are refused today: {names}. Train again: the next version has none of them."
    if model.retrain_at is not None:
        yield "A person in its training data was erased: the next training replaces this model."
    if model.metrics.get("slope") == 0:
        yield "It gives every lead the same probability: no column separates the leads."


def _of_time(model: ModelRecord) -> Iterator[str]:
    """Return what nobody can know of a version's rows."""
    told = timing(model)
    if told.same_moment:
        yield (
            f"For {told.same_moment:,} of {model.rows:,} leads the file does not tell what was known before the "
            "outcome: it has no date of the outcome, or the same date for both. Columns that are filled in while a "
            "deal closes look like early signs then, and the figures here may be too good."
        )
    if told.after:
        yield (
            f"{told.after:,} of {model.rows:,} leads were seen only after their outcome. What is stamped at the end "
            f"was left out{_later(model.report)}; the figures here may be too good."
        )


def _later(report: JsonMapping) -> str:
    names = [column(name).words for name in report.get("may_include_later", ())]
    return f", but these may count what came later: {', '.join(names)}" if names else ""


def _to_the_minute(span: object) -> list[str]:
    return [str(moment)[:16] for moment in span] if isinstance(span, (list, tuple)) else []
