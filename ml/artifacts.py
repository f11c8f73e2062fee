"""Models as bytes and back: canonical JSON with a format version and a checksum. Nothing is ever unpickled.

Arrays are base64 of little-endian numbers or of booleans, so that a loaded model answers bit for bit what it answered.
"""

from __future__ import annotations

import base64
import hashlib
import json
import platform
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from domain.documents import JsonMapping, JsonObject
from ml.churn.scorer import ChurnScorer
from ml.ensemble.scorer import EnsembleScorer
from ml.errors import ArtifactCorruptedError, ArtifactFormatError, ArtifactKindError
from ml.features import SCHEMA_VERSION
from ml.leads import LeadScorer, Scorecard

#: written: 2 says how the members' log-odds are drawn in; 1 clipped them, and is answered by that formula
FORMAT = 2
#: read; another is refused, so that no version answers what another meant otherwise
READABLE = frozenset({1, FORMAT})

Scorer = EnsembleScorer | Scorecard

#: the scorers that come with Hearth, by the kind that their artifacts name
SCORERS: Mapping[str, type[Scorer]] = {scorer.kind: scorer for scorer in (LeadScorer, ChurnScorer, Scorecard)}
_BASE64 = "base64"
#: kinds of array that are kept as they are; every other becomes float64
_STORED = {"b1": "|b1", "i4": "<i4", "f4": "<f4"}


def dump(scorer: Scorer) -> bytes:
    """Return a fitted scorer as bytes; the same scorer always gives the same bytes. Raises NotFittedError."""
    body = {
        "format": FORMAT,
        "kind": scorer.kind,
        "features": SCHEMA_VERSION,
        "libraries": libraries(),
        "state": _packed(scorer.state()),
    }
    return _canonical(body | {"sha256": _digest(body)})


def load(artifact: bytes, scorers: Mapping[str, type[Scorer]] = SCORERS) -> Scorer:
    """Restore the scorer that `dump` was given; `scorers` are the classes that may be restored, by kind.

    Raises ArtifactCorruptedError, ArtifactFormatError or ArtifactKindError.

    >>> load(dump(Scorecard())).kind
    'scorecard'
    """
    body = _checked(artifact)
    if body.get("format") not in READABLE or body.get("features") != SCHEMA_VERSION:
        raise ArtifactFormatError(ArtifactFormatError.__doc__)
    scorer = scorers.get(str(body.get("kind")))
    if scorer is None:
        raise ArtifactKindError("the artifact holds an unknown kind of model; use the version that wrote it")
    try:
        return scorer.restore(_unpacked(body["state"]))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ArtifactCorruptedError("the artifact's state is incomplete; train the model again") from error


def libraries() -> dict[str, str]:
    """Return the versions of the libraries that a model depends on, for its report."""
    return {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scikit-learn": version("scikit-learn"),
        "scipy": version("scipy"),
    }


def _checked(artifact: bytes) -> JsonObject:
    try:
        body = json.loads(artifact)
        # a byte that JSON overlooks, such as a space, is a changed byte too
        intact = isinstance(body, dict) and _canonical(body) == artifact
    except (ValueError, RecursionError) as error:
        raise ArtifactCorruptedError(ArtifactCorruptedError.__doc__) from error
    if not intact:
        raise ArtifactCorruptedError(ArtifactCorruptedError.__doc__)
    stored_digest = body.pop("sha256", None)
    if stored_digest != _digest(body):
        raise ArtifactCorruptedError(ArtifactCorruptedError.__doc__)
    return dict(body)


def _canonical(body: JsonMapping) -> bytes:
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode()


def _digest(body: JsonMapping) -> str:
    return hashlib.sha256(_canonical(body)).hexdigest()


def _packed(value: object) -> object:
    if isinstance(value, np.ndarray):
        return _packed_array(value)
    if isinstance(value, Mapping):
        return {key: _packed(item) for key, item in value.items()}
    return [_packed(item) for item in value] if isinstance(value, list | tuple) else value


def _packed_array(array: NDArray[np.generic]) -> JsonObject:
    plain = np.ascontiguousarray(array, dtype=_STORED.get(array.dtype.str[1:], "<f8"))
    text = base64.b64encode(plain.tobytes()).decode("ascii")
    return {"dtype": plain.dtype.str, "shape": list(array.shape), _BASE64: text}


def _unpacked(value: Any) -> Any:
    if isinstance(value, Mapping) and _BASE64 in value:
        return _unpacked_array(value)
    if isinstance(value, Mapping):
        return {key: _unpacked(item) for key, item in value.items()}
    return [_unpacked(item) for item in value] if isinstance(value, list) else value


def _unpacked_array(packed: JsonMapping) -> NDArray[np.generic]:
    dtype = packed["dtype"]
    if dtype not in {*_STORED.values(), "<f8"}:
        raise ValueError("an array of another type")
    flat = np.frombuffer(base64.b64decode(packed[_BASE64], validate=True), dtype=dtype)
    array: NDArray[np.generic] = flat.reshape(packed["shape"]).astype(np.dtype(dtype).newbyteorder("="))
    return array
