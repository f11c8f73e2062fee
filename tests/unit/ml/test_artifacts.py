from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.artifacts import FORMAT, dump, libraries, load
from ml.errors import ArtifactCorruptedError, ArtifactError, ArtifactFormatError, ArtifactKindError, NotFittedError
from ml.leads import LeadScorer, Scorecard, Training


def resealed(artifact: bytes, **changes: Any) -> bytes:
    body = json.loads(artifact) | changes
    body.pop("sha256")
    plain = json.dumps(body, sort_keys=True, separators=(",", ":")).encode()
    body["sha256"] = hashlib.sha256(plain).hexdigest()
    return json.dumps(body, sort_keys=True, separators=(",", ":")).encode()


def test_artifact_names_its_libraries_and_is_plain_json(training: Training) -> None:
    body = json.loads(dump(training.scorer))
    assert body["libraries"] == libraries()
    assert body["format"] == FORMAT


@given(place=st.integers(0, 10**9), change=st.integers(1, 255))
@settings(max_examples=150, deadline=None)
def test_a_changed_byte_is_refused(place: int, change: int) -> None:
    artifact = bytearray(dump(Scorecard()))
    artifact[place % len(artifact)] ^= change
    with pytest.raises(ArtifactError):
        load(bytes(artifact))


def test_a_changed_weight_is_refused(training: Training) -> None:
    artifact = bytearray(dump(training.scorer))
    for place in range(0, len(artifact), max(1, len(artifact) // 40)):
        broken = bytearray(artifact)
        broken[place] ^= 1
        with pytest.raises(ArtifactError):
            load(bytes(broken))


@pytest.mark.parametrize(
    "artifact", [b"", b"{}", b"[]", b"null", b"\x80\x04.", b"not a model", b" ", b'{"a":NaN}', b"[" * 10**5]
)
def test_what_is_no_artifact_is_refused(artifact: bytes) -> None:
    with pytest.raises(ArtifactCorruptedError):
        load(artifact)


def test_another_format_or_feature_version_is_refused() -> None:
    for changes in ({"format": FORMAT + 1}, {"features": "0"}):
        with pytest.raises(ArtifactFormatError):
            load(resealed(dump(Scorecard()), **changes))
    with pytest.raises(ArtifactFormatError):
        load(resealed(dump(Scorecard()), state={"version": "0"}))


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ArtifactKindError):
        load(resealed(dump(Scorecard()), kind="os.system"))


def test_an_incomplete_state_is_refused(training: Training) -> None:
    with pytest.raises(ArtifactCorruptedError):
        load(resealed(dump(training.scorer), state={"min_rows": 1}))


def test_versions_of_libraries_may_differ(training: Training) -> None:
    assert load(resealed(dump(training.scorer), libraries={"numpy": "0"})).features_ == training.features


def test_what_is_not_fitted_cannot_be_stored() -> None:
    with pytest.raises(NotFittedError):
        dump(LeadScorer())
