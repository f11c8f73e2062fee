"""Print what would change a score, and what became of leads like it."""

from __future__ import annotations

from collections.abc import Sequence

from domain.documents import JsonMapping
from workers.cli.base.formatting import between, moment, number, percent
from workers.cli.base.output import facts, say, table
from workers.pages.labels import plain

#: stands below: what a model answers is no promise of what doing it brings
NO_PROMISE = "what the model would answer then, not what doing it causes: only an experiment measures that"


def show_what_if(what_if: JsonMapping | None) -> None:
    """Print what would change an answer; nothing where it was not asked for or cannot be told."""
    if what_if is not None:
        facts("what would change it", what_changes(what_if))
        say(NO_PROMISE)


def what_changes(what_if: JsonMapping) -> dict[str, object]:
    """Return the least that brings a lead into the next band, and what single steps would change.

    >>> alone = {"text": "they reply by text message", "probability": 0.41, "times": 1}
    >>> what_changes({"goal": {"band": "warm"}, "steps": [], "probability": 0.28, "alone": [alone]})
    {'to be warm': 'nothing that was tried suffices; at most 28 %', 'by itself': 'they reply by text message: 41 %'}
    """
    goal, steps = what_if["goal"], what_if["steps"]
    told: dict[str, object] = {}
    if goal and steps:
        told[f"to be {plain(goal['band'])}"] = f"{_together(steps)}: {percent(what_if['probability'])}"
    elif goal:
        told[f"to be {plain(goal['band'])}"] = (
            f"nothing that was tried suffices; at most {percent(what_if['probability'])}"
        )
    alone = [f"{step['text']}: {percent(step['probability'])}" for step in what_if["alone"]]
    if alone:
        told["by itself"] = "; ".join(alone)
    return told or {"by itself": "nothing that somebody can do changes it"}


def show_similar(similar: JsonMapping) -> None:
    """Print what became of the closed leads that are most alike."""
    heading = f"the {similar['of']} closed leads most like it, of {similar['compared']:,} of your own"
    share = similar["won"] / similar["of"] if similar["of"] else 0.0
    won = f"{similar['won']} won, {percent(share)} ({between(similar['interval'])}, nine times in ten)"
    unlike = "no closed lead is like it: the count says little" if similar["unlike_all"] else None
    facts(heading, {"what became of them": won} | ({"mind": unlike} if unlike else {}))
    rows = [
        (lead["external_id"] or lead["lead_id"], lead["outcome"], moment(lead["known_at"]), number(lead["distance"]))
        for lead in similar["leads"]
    ]
    if rows:
        typical = number(similar["typical_distance"])
        table(f"the nearest; half of all are farther than {typical}", ("lead", "outcome", "known", "apart"), rows)


def show_importance(view: JsonMapping) -> None:
    """Print what a model needs to know of leads, over all of them."""
    model = view["model"]
    if view["why_not"]:
        say(f"{model['version']}: {view['why_not']}")
        return
    rows = [(each["meaning"], each["log_loss"], _bounds(each["interval"])) for each in view["meanings"]]
    heading = f"what {model['version']} needs to know, by {view['rows']:,} leads with a known outcome"
    table(heading, ("what it means", "log-loss without it", "nine times in ten"), rows)
    say("bounds that hold 0: the model does as well without it")
    if view["learnt_from"]:
        say("the model learnt from most of these leads, so that it seems to need more than it does of new ones")


def _bounds(interval: Sequence[float]) -> str:
    return f"{number(interval[0])} to {number(interval[1])}"


def _together(steps: Sequence[JsonMapping]) -> str:
    return " and ".join(step["text"] for step in steps)
