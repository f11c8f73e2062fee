"""How well the hour of the next reply is predicted, judged on people who did not fit the prior."""

import csv
import gzip

import numpy as np
import pytest

from ml.errors import LabelsError
from ml.personalization.send_evaluation import evaluate, find_replies

HOUR, DAY = 3600.0, 86_400.0


def talk(seed, *, personal):
    """Leads that answer an agent once a day: at hours of their own, or all at the same ones."""
    rng = np.random.default_rng(seed)
    common = rng.dirichlet(np.full(24, 0.5))
    for who in range(30):
        hours = rng.dirichlet(np.full(24, 0.2)) if personal else common
        for day in range(40):
            yield (f"agent {day}", f"lead {who}", day * DAY)
            yield (f"lead {who}", f"agent {day}", day * DAY + rng.choice(24, p=hours) * HOUR + 60)


def test_a_reply_is_the_first_message_back_within_72_hours():
    asked = ("a", "b", 10 * DAY)
    assert len(find_replies([asked, ("b", "a", 13 * DAY)])) == 1
    assert find_replies([asked, ("b", "a", 13 * DAY + 1)]) == []
    assert find_replies([asked, ("b", "c", 11 * DAY)]) == []
    assert len(find_replies([asked, ("b", "a", 11 * DAY), ("b", "a", 11 * DAY + 5)])) == 1
    assert find_replies([("a", "a", 0.0), ("a", "a", 60.0)]) == []
    late_reminder = [asked, ("a", "b", 14 * DAY), ("b", "a", 15 * DAY)]
    assert len(find_replies(late_reminder)) == 1, "it answers the newest message"


@pytest.mark.parametrize("seed", range(3))
def test_people_with_hours_of_their_own_are_predicted_better_than_by_the_common_clock(seed):
    report = evaluate(list(talk(seed, personal=True)))
    assert report.replies == 1200
    assert report.judged == 600
    assert report.log_loss.blended < report.log_loss.tenant - 0.1
    assert sum(bucket.replies for bucket in report.by_history) == report.judged


@pytest.mark.parametrize("seed", range(3))
def test_where_nobody_has_a_habit_the_blend_stays_with_the_common_clock(seed):
    report = evaluate(list(talk(seed, personal=False)))
    assert report.prior_strength > 100
    assert all(bucket.blended <= bucket.tenant + 0.005 for bucket in report.by_history)
    assert report.log_loss.own > report.log_loss.tenant


def test_the_same_messages_give_the_same_report_in_any_order():
    messages = list(talk(1, personal=True))
    assert evaluate(messages) == evaluate(messages[::-1])


def test_one_person_cannot_be_split_in_halves():
    with pytest.raises(LabelsError, match="two people"):
        evaluate([("a", "b", 0.0), ("b", "a", 60.0)])


def test_the_reach_on_the_college_messages(data_folder):
    with gzip.open(data_folder / "reply_times_college" / "college_messages.csv.gz", "rt") as text:
        rows = [(row["source"], row["target"], float(row["unix_time"])) for row in csv.DictReader(text)]
    report = evaluate(rows)
    assert report.log_loss.blended <= report.log_loss.tenant - 0.01
    assert all(bucket.blended <= bucket.tenant + 0.002 for bucket in report.by_history)
