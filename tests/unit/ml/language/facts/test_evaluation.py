"""How the reading of facts is judged: on small dialogues of our own, and on a real set where it is there."""

import gzip
import json

import pytest

from ml.errors import LabelsError
from ml.language.facts.evaluation import evaluate


def turn(text, *, date=None, beds=None, baths=None, asks=False, speaker="USER"):
    slots = [{"slot": "visit_date", "start": text.index(date), "end": text.index(date) + len(date)}] if date else []
    acts = [
        ["INFORM", slot, [value]] for slot, value in (("number_of_beds", beds), ("number_of_baths", baths)) if value
    ]
    acts += [["REQUEST", "pets_allowed", []]] if asks else []
    return json.dumps({"speaker": speaker, "text": text, "slots": slots, "acts": acts})


DIALOGUE = [
    turn("I need two bedrooms and 1 bath", beds="2", baths="1"),
    turn("I have 3 bedrooms for you", beds="3", speaker="SYSTEM"),
    turn("Are pets allowed?", asks=True),
    turn("Come on the 4th of May, please", date="4th of May"),
    turn("Let us say in early spring", date="early spring"),
    turn("See you on Friday then"),
    turn("A place with 4 beds", beds="3"),
]


def test_the_figures_are_those_of_the_users_turns():
    figures = evaluate(DIALOGUE)
    assert figures.turns == 6
    assert (figures.visit_date.precision, figures.visit_date.recall, figures.visit_date.exact) == (0.5, 0.5, 0.5)
    assert figures.visit_date.false_alarm_rate == 0.25
    assert (figures.beds.precision, figures.beds.recall, figures.beds.f1) == (0.5, 0.5, 0.5)
    assert (figures.baths.precision, figures.baths.recall, figures.baths.false_alarm_rate) == (1, 1, 0)
    assert (figures.question.precision, figures.question.recall, figures.question.exact) == (1, 1, 1)


def test_a_date_is_found_when_its_span_overlaps_and_exact_when_it_is_the_same():
    figures = evaluate([turn("Come on the 4th of May at noon", date="the 4th of May")])
    assert (figures.visit_date.recall, figures.visit_date.exact) == (1, 0)
    figures = evaluate([turn("Come on the 4th of May at noon", date="4th of May")])
    assert (figures.visit_date.recall, figures.visit_date.exact) == (1, 1)


def test_a_figure_of_nothing_is_none():
    figures = evaluate([turn("hello")])
    assert figures.beds.precision is None
    assert figures.beds.recall is None
    assert figures.beds.f1 is None
    assert figures.beds.false_alarm_rate == 0
    assert evaluate([]).turns == 0


@pytest.mark.parametrize(
    "line",
    [
        "no json",
        "[1]",
        '{"speaker": "USER"}',
        '{"speaker": "USER", "text": 3, "slots": [], "acts": []}',
        '{"speaker": "USER", "text": "x", "slots": {}, "acts": []}',
        '{"speaker": "USER", "text": "x", "slots": [], "acts": [["INFORM"]]}',
        '{"speaker": "USER", "text": "x", "slots": [{"slot": "visit_date"}], "acts": []}',
        '{"speaker": "USER", "text": "x", "slots": [{"slot": "visit_date", "start": 0, "end": 9}], "acts": []}',
        '{"text": "x", "slots": [], "acts": []}',
        "[" * 100_000,
    ],
)
def test_a_bad_line_is_named_and_its_text_is_not(line):
    with pytest.raises(LabelsError, match=r"^line 3: ") as raised:
        evaluate([turn("hello"), "", line])
    assert "INFORM" not in str(raised.value)


def test_the_homes_dialogues_are_read_as_well_as_promised(data_folder):
    path = data_folder / "dialogue_homes_sgd" / "sgd_homes_dev.jsonl.gz"
    if not path.is_file():
        pytest.skip(f"no {path.name} in the folder of HEARTH_DATA")
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        figures = evaluate(lines)
    assert figures.visit_date.recall >= 0.98
    assert figures.visit_date.exact >= 0.95
    assert figures.visit_date.false_alarm_rate <= 0.01
    for rooms in (figures.beds, figures.baths):
        assert rooms.precision >= 0.97
        assert rooms.recall >= 0.94
    assert figures.question.f1 >= 0.86
