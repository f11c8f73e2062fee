"""Keep a head as bytes: a checksum, a line of JSON, the hashes of 32 bits and the weights of eight bits."""

from __future__ import annotations

import hashlib
import json
from importlib import resources

import numpy as np

from domain.documents import JsonMapping
from ml.arrays import Floats
from ml.errors import ArtifactCorruptedError, ArtifactFormatError
from ml.language.emotion.head import Head

#: changes when older weights can no longer be read
FORMAT = 1
_NAME = "head.bin"
#: of a head, beside its hashes and weights
FIGURES = ("scales", "biases", "mixing", "offsets", "thresholds", "shares")


def dump(head: Head) -> bytes:
    """Return a head with weights of eight bits as bytes; the same head gives the same bytes."""
    header = {
        "format": FORMAT,
        "labels": list(head.labels),
        "grams": len(head.hashes),
        "about": dict(head.about),
        **{name: getattr(head, name).tolist() for name in FIGURES},
    }
    text = json.dumps(header, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")
    rest = text + b"\n" + head.hashes.astype("<u4").tobytes() + head.weights.astype(np.int8, casting="safe").tobytes()
    return hashlib.sha256(rest).hexdigest().encode("ascii") + b"\n" + rest


def load(stored: bytes) -> Head:
    """Return the head that `dump` wrote.

    Raises:
        ArtifactCorruptedError: a byte was changed.
        ArtifactFormatError: another version wrote it.

    """
    checksum, _, rest = stored.partition(b"\n")
    if hashlib.sha256(rest).hexdigest().encode("ascii") != checksum:
        raise ArtifactCorruptedError(ArtifactCorruptedError.__doc__)
    text, _, payload = rest.partition(b"\n")
    header: JsonMapping = json.loads(text)
    if header["format"] != FORMAT:
        raise ArtifactFormatError(ArtifactFormatError.__doc__)
    grams, labels = header["grams"], tuple(header["labels"])
    figures: dict[str, Floats] = {name: np.array(header[name], np.float64) for name in FIGURES}
    return Head(
        labels=labels,
        hashes=np.frombuffer(payload, "<u4", grams),
        weights=np.frombuffer(payload, np.int8, offset=4 * grams).reshape(grams, len(labels)),
        about=header["about"],
        **figures,
    )


def checksum() -> str:
    """Return the checksum that stands in the file that ships, which `load` compares with what follows."""
    return shipped()[:64].decode("ascii", "replace")


def shipped() -> bytes:
    """Return the weights that ship with Hearth. Raises ArtifactCorruptedError where the file is missing."""
    try:
        return resources.files("ml.language.emotion").joinpath(_NAME).read_bytes()
    except OSError as error:
        raise ArtifactCorruptedError(ArtifactCorruptedError.__doc__) from error
