"""The settings of the learners, and the bounds of their trees."""

import pickle
import random

import pytest

from domain.learners import LEARNER_LABELS, LEARNERS
from ml.errors import CatalogueError
from ml.language.patterns import read_data_file
from ml.online import learners
from ml.online.learner_set import LearnerSet

TEXT = read_data_file("ml.online", "learners.toml")


def test_every_learner_has_settings_and_words():
    assert tuple(learners.shipped()) == LEARNERS
    assert set(LEARNER_LABELS) == set(LEARNERS)


@pytest.mark.parametrize(
    ("was", "becomes", "message"),
    [("[knn]", "[nearest]", "sections must be"), ('input = "raw"', 'input = "rough"', "must be scaled or raw")],
)
def test_settings_that_cannot_be_read_name_the_place(was, becomes, message):
    with pytest.raises(CatalogueError, match=message):
        learners.read_settings(TEXT.replace(was, becomes, 1))


def test_a_tree_stops_growing_at_its_bound_and_may_grow_again():
    [tree] = [each for each in LearnerSet(0).learners_ if type(each).__name__ == "HoeffdingTreeClassifier"]
    source = random.Random(0)
    for _ in range(6000):
        row = {0: source.random(), 1: source.random()}
        tree.learn_one(row, (row[0] > 0.5) != (row[1] > 0.3))
    leaves = tree.n_leaves
    assert leaves > 4
    # so many columns that two leaves fill the bytes
    learners.bound_growth("hoeffding_tree", tree, columns=1_000_000)
    for _ in range(3000):
        row = {0: source.random(), 1: source.random()}
        tree.learn_one(row, (row[0] > 0.5) != (row[1] > 0.3))
    assert tree.n_leaves == leaves
    learners.bound_growth("hoeffding_tree", tree, columns=2)
    assert tree.grace_period == learners.shipped()["hoeffding_tree"].options["grace_period"]


def test_the_lean_distributions_change_no_prediction():
    from river import forest, naive_bayes, tree

    lean = dict(zip(LEARNERS, LearnerSet(5).learners_, strict=True))
    stock = {
        "gaussian_nb": naive_bayes.GaussianNB(),
        "hoeffding_tree": tree.HoeffdingTreeClassifier(grace_period=200),
        "adaptive_random_forest": forest.ARFClassifier(n_models=10, grace_period=50, seed=5),
    }
    source = random.Random(1)
    for row in range(1500):
        values = {0: source.random(), 1: source.random(), 2: source.random()}
        label = (values[0] > 0.5) != (values[1] > 0.5) if row < 900 else values[2] > 0.4
        for name, river in stock.items():
            if row:
                assert lean[name].predict_proba_one(values) == river.predict_proba_one(values)
            lean[name].learn_one(values, label)
            river.learn_one(values, label)
    kept, full = (len(pickle.dumps(each["adaptive_random_forest"])) for each in (lean, stock))
    assert kept < full / 4
