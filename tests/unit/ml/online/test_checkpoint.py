"""Checkpoints are refused where another program wrote them, and open nothing but online models."""

import hashlib
import json
import pickle
import zlib

import pytest

from ml.errors import ForeignCheckpoint
from ml.online import OnlineModel, checkpoint
from ml.online.fingerprint import fingerprint
from tests.support.streams import leads


@pytest.fixture(scope="module")
def data():
    model = OnlineModel(seed=0)
    for features, label in zip(*leads(300, turn=150), strict=True):
        model.learn(features, label)
    return checkpoint.dump(model)


def rewritten(data, **changes):
    magic, head, body = data.split(b"\n", 2)
    header = json.loads(head) | changes
    return b"\n".join((magic, json.dumps(header).encode(), body))


def holding(data, state):
    """Return a checkpoint whose header is right in every point, and whose body is another pickle."""
    body = zlib.compress(state)
    return rewritten(data, sha256=hashlib.sha256(body).hexdigest())[: -len(data.split(b"\n", 2)[2])] + body


def test_what_was_dumped_is_loaded(data):
    model = checkpoint.load(data)
    assert model.signals == 300
    assert fingerprint(checkpoint.load(checkpoint.dump(model))) == fingerprint(model)


@pytest.mark.parametrize(
    ("name", "value"),
    [("river", "0.24.2"), ("format", 0), ("python", "3.10"), ("numpy", "1"), ("experts", "other"), ("river", None)],
)
def test_a_checkpoint_of_another_writer_is_foreign(data, name, value):
    with pytest.raises(ForeignCheckpoint, match=f"written with another {name}; rebuild"):
        checkpoint.load(rewritten(data, **{name: value}))


@pytest.mark.parametrize("place", [0.02, 0.4, 0.9, 0.999])
def test_a_changed_byte_is_found(data, place):
    changed = bytearray(data)
    changed[int(place * len(data))] ^= 1
    with pytest.raises(ForeignCheckpoint):
        checkpoint.load(bytes(changed))


@pytest.mark.parametrize(
    "junk", [b"", b"hearth-online\n", b"hearth-online\n[]\nx", b"\x80\x05N.", b"hearth-online\n{}\n"]
)
def test_bytes_that_are_no_checkpoint_are_foreign(junk):
    with pytest.raises(ForeignCheckpoint):
        checkpoint.load(junk)


class Runs:
    def __init__(self, called, *arguments):
        self.called, self.arguments = called, arguments

    def __reduce__(self):
        return self.called, self.arguments


def _attribute():
    from river import linear_model

    return Runs(getattr, linear_model.PAClassifier(), "__class__")


@pytest.mark.parametrize(
    "state",
    [
        Runs(eval, "1"),
        Runs(getattr, "text", "upper"),
        Runs(__import__, "os"),
        _attribute(),
        {"not": "a model"},
        Runs(exec, "raise SystemExit"),
    ],
)
def test_nothing_else_is_opened(data, state):
    with pytest.raises(ForeignCheckpoint):
        checkpoint.load(holding(data, pickle.dumps(state, protocol=5)))


def test_the_state_has_no_generator_that_the_machine_seeded(data):
    # with River's own distributions, two states after the same outcomes would differ
    again = OnlineModel(seed=0)
    for features, label in zip(*leads(300, turn=150), strict=True):
        again.learn(features, label)
    assert fingerprint(again) == fingerprint(checkpoint.load(data))
