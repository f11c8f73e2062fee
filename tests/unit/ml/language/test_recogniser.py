"""The trained recogniser: what ships is what its card says, and training gives the same weights again."""

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import train_refusals
from ml.errors import ArtifactCorruptedError
from ml.language import recogniser
from ml.language.recogniser import Recogniser, dump, features, load, load_shipped

ROOT = Path(__file__).parents[4]
CARD = ROOT / "docs" / "models" / "refusals.md"
WEIGHTS = ROOT / "ml" / "language" / "recogniser.json"
FIRST_LOOK = WEIGHTS.with_name("first_look.json")


def test_the_card_names_the_weights_that_ship():
    told = re.findall(r"\b[0-9a-f]{64}\b", CARD.read_text(encoding="utf-8"))
    assert told == [hashlib.sha256(path.read_bytes()).hexdigest() for path in (WEIGHTS, FIRST_LOOK)]


def test_the_weights_are_small_and_hold_no_text():
    assert WEIGHTS.stat().st_size < 300_000
    assert dump(load_shipped()) == WEIGHTS.read_text(encoding="utf-8")
    assert "stop" not in WEIGHTS.read_text(encoding="utf-8")


def test_a_changed_byte_is_seen():
    text = WEIGHTS.read_text(encoding="utf-8")
    for changed in (text.replace('"format":2', '"format":1', 1), text[:-20]):
        with pytest.raises(ArtifactCorruptedError):
            load(changed)


@pytest.mark.slow
def test_features_are_the_same_in_every_process():
    code = "from ml.language.recogniser import features; print(sorted(features(['stop', 'texting'], {'stop': 'STOP'})))"
    told = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert told == {f"{sorted(features(['stop', 'texting'], {'stop': 'STOP'}))}\n"}


def test_training_gives_the_same_weights_again(tmp_path):
    corpus = tmp_path / "corpus.tsv"
    refusals = [f"refusal\ten\tplease {verb} {{writing|calling}}" for verb in ("quit", "stop", "halt", "cease", "end")]
    others = [
        f"none\ten\tno, call about the {what} {{today|soon}}" for what in ("house", "condo", "tour", "list", "key")
    ]
    corpus.write_text("\n".join(["label\tlanguage\ttext", *refusals * 3, *others * 3]) + "\n", encoding="utf-8")
    rows = train_refusals.own_rows(corpus)
    first, again = (dump(train_refusals.train(rows)) for _ in range(2))
    assert first == again
    learnt = load(first)
    (refusing,), (other,) = (
        train_refusals.recogniser_inputs("please stop calling"),
        train_refusals.recogniser_inputs("no, call about the tour"),
    )
    assert learnt.score(refusing.features) > learnt.score(other.features)


def test_a_template_stands_for_its_variants():
    assert train_refusals.variants("stop {texting|calling} {me|}") == [
        "stop texting me",
        "stop texting",
        "stop calling me",
        "stop calling",
    ]


def test_the_corpus_is_large_enough_and_in_four_languages():
    rows = [row for path in train_refusals.CORPORA for row in train_refusals.templates(path)]
    assert {language for _, language, _ in rows} == {"en", "es", "pt", "fr"}
    counts = {"refusal": 0, "none": 0}
    for label, _, template in rows:
        counts[label] += len(train_refusals.variants(template))
    assert counts["refusal"] >= 600
    assert counts["none"] >= 900


@pytest.mark.slow
def test_nothing_of_scikit_learn_is_imported_to_read():
    read = "from ml.language import refusals; refusals.read_message('stop it')"
    code = f"import sys; {read}; print('sklearn' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_a_score_is_the_bias_where_nothing_is_known():
    made = Recogniser(weights={1: 2.0}, bias=-1.5, clear=2, doubt=0)
    assert made.score(frozenset()) == made.score(frozenset({9})) == -1.5
    assert made.verdict(frozenset({1})) == "doubt"
    assert recogniser.FORMAT == 2
