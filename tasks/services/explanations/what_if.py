"""What would change a stored prediction, as cards, lists and explanations show it.

Nothing of it is stored: the snapshot, the model and the version of the levers give the same answer at any later time.
"""

from __future__ import annotations

from collections.abc import Collection

from db.records import PredictionRecord, SnapshotRecord
from domain.documents import JsonMapping, JsonObject
from ml.explain.counterfactual import Step, what_if
from ml.explain.levers import builtin
from ml.profiles import FeatureMatrix
from tasks.services.explanations.explainer import Answerer, Explainer

#: levers by themselves that are shown
ALONE = 3


def what_if_view(
    explainer: Explainer,
    answerer: Answerer,
    prediction: PredictionRecord,
    snapshot: SnapshotRecord,
    *,
    settings: JsonMapping,
    closed: Collection[str] = (),
) -> JsonObject:
    """Return what would change a prediction; `closed` are channels by which the lead may not be contacted now."""
    goal = explainer.find_goal(prediction, settings) if explainer.find_goal else None
    row = FeatureMatrix.from_rows([snapshot.features])
    levers = builtin().of_channels(closed)
    found = what_if(row, answerer.log_odds, goal=goal, levers=levers, rises=explainer.rises)
    return {
        "goal": None if goal is None else {"band": goal.name, "border": goal.border},
        "steps": [_step(step) for step in found.steps],
        "probability": found.reached,
        "alone": [
            {**_step(alone.step), "probability": alone.probability, "log_odds": alone.log_odds}
            for alone in found.alone[:ALONE]
        ],
        "tried": found.tried,
        "levers": found.levers,
    }


def brief(view: JsonMapping | None) -> JsonObject | None:
    """Return what would change a prediction in one line; None where nothing helps.

    >>> alone = [{"text": "they reply by text message", "probability": 0.4}]
    >>> brief({"goal": {"band": "hot", "border": 0.6}, "steps": [], "probability": 0.45, "alone": alone})
    {'text': 'they reply by text message', 'band': None, 'probability': 0.4}
    """
    if view is None or not (view["steps"] or view["alone"]):
        return None
    if view["steps"]:
        text = " and ".join(step["text"] for step in view["steps"])
        return {"text": text, "band": view["goal"]["band"], "probability": view["probability"]}
    strongest = view["alone"][0]
    return {"text": strongest["text"], "band": None, "probability": strongest["probability"]}


def _step(step: Step) -> JsonObject:
    return {"lever": step.lever, "by": step.by, "times": step.times, "text": step.text}
