"""A head of emotions: fitted, rounded, kept as bytes, and looked up word by word."""

import hashlib
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import train_emotion
from ml.errors import ArtifactCorruptedError, ArtifactFormatError, LabelsError
from ml.language.emotion import reader, training, weights
from ml.language.emotion.evaluation import fit_head
from ml.language.emotion.lookup import Lookup
from ml.language.emotion.training import Labelled, Part, one_hot
from ml.language.ngrams import grams

ROOT = Path(__file__).parents[5]
CARD = ROOT / "docs" / "models" / "emotion.md"
GOOD = ["we love this place", "what a great house", "so happy with the tour", "lovely kitchen, thank you"]
BAD = ["this is a terrible mess", "what an awful house", "so angry about the fees", "horrible service, shame on you"]
NAMES = ("angry", "excited")
PARTS = (Part(kind="words", least=1, c=0.1), Part(kind="letters", least=1, c=0.1))


def labelled(times=4):
    texts = [f"{text} {number}" for number in range(times) for text in (*GOOD, *BAD)]
    labels = [frozenset({"excited"} if text.startswith(tuple(GOOD)) else {"angry"}) for text in texts]
    return Labelled(texts=texts, targets=one_hot(labels, NAMES))


@pytest.fixture(scope="module")
def fitted():
    return training.rounded(training.fit(labelled(), labelled(2), NAMES, PARTS))


def test_a_fitted_head_tells_the_labels_apart(fitted):
    read = fitted.score(grams(["a lovely place, thank you", "awful mess, I am angry"])).probabilities
    assert read.argmax(axis=1).tolist() == [1, 0]
    assert np.allclose(read.sum(axis=1), 1)


def test_the_same_texts_give_the_same_bytes(fitted):
    again = training.rounded(training.fit(labelled(), labelled(2), NAMES, PARTS))
    assert weights.dump(again) == weights.dump(fitted)


def test_bytes_give_the_head_back(fitted):
    back = weights.load(weights.dump(fitted))
    texts = ["lovely tour", "horrible", ""]
    assert back.labels == NAMES
    assert np.array_equal(back.score(grams(texts)).probabilities, fitted.score(grams(texts)).probabilities)


@pytest.mark.parametrize("place", [3, 70, 200, -1])
def test_a_changed_byte_is_seen(fitted, place):
    stored = bytearray(weights.dump(fitted))
    stored[place] ^= 1
    with pytest.raises(ArtifactCorruptedError):
        weights.load(bytes(stored))


def test_another_format_is_told_apart_from_damage(fitted):
    header, _, payload = weights.dump(fitted).split(b"\n", 1)[1].partition(b"\n")
    rest = json.dumps(json.loads(header) | {"format": 99}).encode() + b"\n" + payload
    with pytest.raises(ArtifactFormatError):
        weights.load(hashlib.sha256(rest).hexdigest().encode() + b"\n" + rest)


def test_a_text_of_unknown_words_has_the_labels_shares(fitted):
    read = fitted.score(grams(["xqz", ""]))
    assert read.known.tolist() == [0, 0]
    assert np.allclose(read.probabilities, fitted.shares)


def test_a_label_without_rows_or_without_others_cannot_be_learnt():
    with pytest.raises(LabelsError, match="'angry' has 0 of 2 rows"):
        training.fit_weights(
            Labelled(texts=["a", "b"], targets=one_hot([frozenset({"excited"})] * 2, NAMES)), NAMES, PARTS
        )
    with pytest.raises(LabelsError, match="no label has 10 rows"):
        fit_head(labelled(1), NAMES)


def test_a_head_of_ones_own_labels_is_fitted_from_few_rows():
    head = fit_head(labelled(12), NAMES)
    assert head.score(grams(["a lovely place", "horrible mess"])).probabilities.argmax(axis=1).tolist() == [1, 0]


def test_looking_up_gives_what_scoring_gives():
    head = reader.head()
    texts = [*GOOD, *BAD, "", "!!", "caf\u00e9 \U0001f602 don\u2019t  know...\tok", "no no no no", "A - b a-b"]
    looked, scored = Lookup(head).look_up(texts), head.score(grams(texts))
    assert np.allclose(looked.sums * head.scales + head.biases, scored.raw, atol=1e-9)
    assert np.allclose(looked.probabilities, scored.probabilities, atol=1e-9)
    assert [found.known for found in looked.texts] == pytest.approx(scored.known.tolist())


def test_the_weights_that_ship_are_small_and_hold_no_text():
    stored = weights.shipped()
    assert len(stored) <= 1_500_000
    assert weights.dump(weights.load(stored)) == stored
    assert not re.search(rb"love|hate|angry house", stored.partition(b"\n")[2].partition(b"\n")[2])


def test_the_card_names_the_weights_and_the_data():
    told = set(re.findall(r"\b[0-9a-f]{64}\b", CARD.read_text(encoding="utf-8")))
    about = reader.head().about
    assert told == {hashlib.sha256(weights.shipped()).hexdigest(), *about["sha256"].values()}
    assert about["licence"] == "Apache-2.0"


def test_what_counts_as_sure_comes_from_the_data():
    assert reader.head().about["sure"] <= reader.SURE <= reader.head().about["sure"] + 0.01


def test_a_head_is_like_one_whose_last_bits_were_rounded_otherwise_and_like_no_other():
    shipped = reader.head()
    moved = shipped.weights.copy()
    moved[::2000] -= np.sign(moved[::2000])
    assert train_emotion.alike(replace(shipped, weights=moved), shipped)
    moved[::100] -= np.sign(moved[::100])
    assert not train_emotion.alike(replace(shipped, weights=moved), shipped)
    assert not train_emotion.alike(replace(shipped, biases=shipped.biases + 0.1), shipped)
    assert not train_emotion.alike(replace(shipped, hashes=shipped.hashes + 1), shipped)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_training_gives_what_ships(data_folder):
    if not (data_folder / train_emotion.DATA).is_dir():
        pytest.skip(f"HEARTH_DATA holds no {train_emotion.DATA}")
    environment = os.environ | {"HEARTH_DATA": str(data_folder.resolve()), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "benchmarks.train_emotion", "--check"]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL, timeout=600)
