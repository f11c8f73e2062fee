"""Fitting a head, and what the figures say."""

import numpy as np
import pytest

from ml.errors import LabelsError
from ml.language.sentiment import evaluation, fitting, model

GOOD = [
    "lovely porch",
    "we love the kitchen",
    "great street",
    "so happy with this",
    "nice and bright",
    "perfect for us",
]
BAD = ["terrible porch", "we hate the kitchen", "awful street", "so sad about this", "dark and ugly", "worst of all"]


def _rated(kinds=("a", "b")):
    texts = [*GOOD, *BAD] * 3
    ratings = [2.0] * len(GOOD) + [-2.0] * len(BAD)
    return evaluation.rated(texts, ratings * 3, [kinds[place % len(kinds)] for place in range(len(texts))])


def test_ratings_on_any_scale_are_followed():
    stars = [5] * len(GOOD) + [1] * len(BAD)
    found = evaluation.against_ratings([*GOOD, *BAD], stars)
    assert found.rows == len(stars)
    assert found.pearson["hearth"] > 0.8
    assert set(found.pearson) == {"hearth", "vader", "textblob"}


def test_a_figure_that_does_not_exist_is_none():
    assert evaluation.against_ratings(["nice", "bad"], [3, 3]).pearson["hearth"] is None
    assert evaluation.against_labels(["nice"], ["pos"], "pos").auc["hearth"] is None


def test_labels_are_compared_as_they_stand():
    found = evaluation.against_labels([*GOOD, *BAD], ["yes "] * len(GOOD) + ["no"] * len(BAD), "yes")
    assert found.auc["hearth"] > 0.95
    with pytest.raises(LabelsError, match="no row has the label"):
        evaluation.against_labels(["nice"], ["no"], "yes")


def test_the_same_texts_give_the_same_bytes():
    assert model.dump(fitting.fit(_rated())) == model.dump(fitting.fit(_rated()))


def test_a_stored_head_reads_nearly_as_the_fitted_one():
    rated = _rated()
    fitted = fitting.fit(rated)
    stored = model.load(model.dump(fitted))
    assert fitting.predict(stored, rated.parts) == pytest.approx(fitting.predict(fitted, rated.parts), abs=0.01)


def test_words_of_one_kind_alone_are_worth_less_than_words_that_all_share():
    shared = ["blip house"] * 6 + ["blop house"] * 6
    rated = evaluation.rated(shared + ["zig house"] * 6 + ["zag house"] * 6, [2, -2] * 12, ["a", "b"] * 12)
    ratings = np.array([2.0] * 6 + [-2.0] * 6 + [2.0] * 6 + [-2.0] * 6)
    kinds = ["a", "b"] * 6 + ["a"] * 12
    head = fitting.fit(fitting.Rated(parts=rated.parts, ratings=ratings, kinds=kinds))
    weight = {word: head.weights[next(iter(model.parts(word).ngrams.words))] for word in ("blip", "zig")}
    assert 0 < weight["zig"] < weight["blip"]


def test_folds_and_kinds_are_held_out():
    rated = _rated()
    for figures in (
        evaluation.five_folds(rated, folds=3),
        evaluation.pooled_folds(rated),
        evaluation.kind_left_out(rated),
    ):
        assert set(figures) == {"a", "b"}
        assert all(-1 <= figures[kind][reader] <= 1 for kind in figures for reader in ("hearth", "vader", "textblob"))
    with pytest.raises(LabelsError, match="too few"):
        evaluation.out_of_fold(rated.subset(np.arange(36) < 3))


def test_confidence_is_higher_where_polarity_is_far_from_zero():
    rated = _rated()
    head = fitting.with_surety(fitting.fit(rated), np.array([0.5, -0.01] * 18) * np.sign(rated.ratings), rated)
    assert head.surety.of(0.5, 0.0, 1.0) > head.surety.of(0.01, 0.0, 1.0)
    assert head.surety.disagreement <= 0


def test_the_form_reaches_its_goals_on_rated_texts(data_folder):
    folder = data_folder / "sentiment_vader_groundtruth" / "tweets_GroundTruth.txt"
    lines = folder.read_text(encoding="utf-8", errors="replace").splitlines()[:1500]
    rows = [line.split("\t", 2) for line in lines]
    rated = evaluation.rated([row[2] for row in rows], [float(row[1]) for row in rows], ["tweets"] * len(rows))
    figures = evaluation.five_folds(rated)["tweets"]
    assert figures["hearth"] > figures["vader"] > figures["textblob"]
