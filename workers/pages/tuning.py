"""Write the page of a search for hyperparameters: what was tried, how each trial did, and what came of it.

It is drawn from the answer of `hearth.models.tuning` alone, so the same answer gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from domain.documents import JsonMapping
from domain.model_kinds import words_of
from domain.tuning import LIVE
from workers.pages import figures
from workers.pages.figures import Drawing, Loss
from workers.pages.layout import number, render

#: state of a trial -> what people read
STATES = {"complete": "complete", "open": "folds are missing", "failed": "failed", "cut": "cut off by the end"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRow:
    """One trial as the table shows it."""

    number: int
    won: bool
    usual: bool
    #: name -> value as text
    params: Mapping[str, str]
    state: str
    loss: str
    #: loss minus that of the usual hyperparameters; nothing for these, and where one of the two is not known
    gain: str
    auc: str
    folds: str
    seconds: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TuningPage:
    """The data of the page."""

    tenant: str
    at: datetime
    study: JsonMapping
    #: what is searched, in words
    serves: str
    verdict: str
    #: "good", "bad" or nothing
    colour: str
    complete: int
    #: by how much less the best trial lost than the usual hyperparameters, in percent of that
    better: str
    losses: Drawing | None
    trials: tuple[TrialRow, ...]
    #: folds whose worker was lost
    lost: int


def page(study: JsonMapping, *, tenant: str, at: datetime) -> str:
    """Return a search as one self-contained HTML document."""
    return render("tuning.html", {"view": page_values(study, tenant=tenant, at=at)})


def page_values(study: JsonMapping, *, tenant: str, at: datetime) -> TuningPage:
    """Return everything the page shows, read from the answer."""
    trials = study["trials"]
    return TuningPage(
        tenant=tenant,
        at=at,
        study=study,
        serves=words_of(study["kind"]).serves,
        verdict=_verdict(study),
        colour="good" if study["promoted"] else "bad" if study["state"] == "failed" else "",
        complete=sum(trial["state"] == "complete" for trial in trials),
        better=_better(study),
        losses=losses(trials),
        trials=tuple(_row(trial, study) for trial in _ranked(trials)),
        lost=sum(max(0, trial["attempts"] - len(trial["losses"])) for trial in trials),
    )


def _verdict(study: JsonMapping) -> str:
    if study["state"] in LIVE:
        return "the search goes on"
    if study["state"] == "failed":
        return "no model came of it"
    return f"{study['version']} {'answers now' if study['promoted'] else 'does not answer'}"


def _better(study: JsonMapping) -> str:
    usual, best = study["usual_loss"], study["best_loss"]
    return number(None if usual is None or best is None else 100 * (usual - best) / usual, 2)


def _ranked(trials: Sequence[JsonMapping]) -> list[JsonMapping]:
    """Return trials, best first; those without a loss last."""
    return sorted(trials, key=lambda trial: (trial["loss"] is None, trial["loss"] or 0.0, trial["number"]))


def _row(trial: JsonMapping, study: JsonMapping) -> TrialRow:
    usual, loss = study["usual_loss"], trial["loss"]
    compared = usual is not None and loss is not None and trial["number"] > 0
    return TrialRow(
        number=trial["number"],
        won=trial["number"] == study["best_trial"],
        usual=not trial["params"],
        params={name.replace("_", " "): f"{value:g}" for name, value in trial["params"].items()},
        state=", ".join((STATES[trial["state"]], *trial["errors"])),
        loss=number(loss, 5),
        gain=f"{loss - usual:+.5f}" if compared else "",
        auc=number(trial["auc"], 4),
        folds=f"{trial['done']} of {len(trial['losses'])}",
        seconds=number(trial["seconds"], 1),
    )


def losses(trials: Sequence[JsonMapping]) -> Drawing | None:
    """Return the drawing of losses in the order in which they were tried; None with fewer than two."""
    points = list(_points(trials))
    if len(points) < 2:
        return None
    best = min(points, key=lambda point: point.loss)
    text = f"The least, {best.loss:.4f}, is that of trial {best.number}; the table has the other figures."
    title = "Log loss of each trial, and the least so far"
    return figures.losses("losses-drawn", points, title=title, text=text)


def _points(trials: Sequence[JsonMapping]) -> Iterator[Loss]:
    for trial in trials:
        if trial["loss"] is not None:
            yield Loss(trial["number"], trial["loss"], usual=not trial["params"])
