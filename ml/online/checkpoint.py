"""Write down the state of an online model, and go on from it: a cache, which replay of the outcomes can replace.

River's classes have no form but a pickle, and a pickle does not survive River's versions. So a checkpoint begins with
what wrote it, is refused where anything differs, and is opened by an unpickler that knows River and this package only.
Who stores it seals it, and opens it only when the seal is whole.
"""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import platform
import zlib
from collections.abc import Mapping
from importlib import resources
from types import MappingProxyType, MethodType
from typing import Any, NoReturn

import numpy as np
from river.__version__ import __version__ as river_version

from ml.errors import ForeignCheckpoint
from ml.online.blend import EXPERTS
from ml.online.model import OnlineModel

#: raise it when a class of this package keeps its state in another way
FORMAT = 2
_MAGIC = b"hearth-online\n"
_PROTOCOL = 5
#: functions and classes beside those of River and of this package that a state is made of
_ALLOWED: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "builtins": frozenset({"bool", "float", "int", "set"}),
        "collections": frozenset({"Counter", "OrderedDict", "defaultdict", "deque"}),
        "functools": frozenset({"partial"}),
        "numpy": frozenset({"dtype"}),
        "numpy._core.numeric": frozenset({"_frombuffer"}),
        "random": frozenset({"Random"}),
        "river._river_rust.vectordict": frozenset({"euclidean_distance_tuple"}),
    }
)


def dump(model: OnlineModel) -> bytes:
    """Return the state of a model, compressed, with what wrote it and a checksum."""
    body = zlib.compress(pickle.dumps(model, protocol=_PROTOCOL), level=1)
    header = {**writer(), "sha256": hashlib.sha256(body).hexdigest()}
    return _MAGIC + json.dumps(header, sort_keys=True).encode() + b"\n" + body


def load(data: bytes) -> OnlineModel:
    """Return the model of a checkpoint, which goes on as if it had never been written down.

    Raises ForeignCheckpoint where another format, River, Python or set of experts wrote it, or where the bytes are not
    those that were written.
    """
    if not data.startswith(_MAGIC):
        _refuse("not a checkpoint of an online model")
    head, _, body = data[len(_MAGIC) :].partition(b"\n")
    try:
        header = json.loads(head)
    except ValueError:
        _refuse("its header cannot be read")
    for name, value in writer().items():
        if not isinstance(header, dict) or header.get(name) != value:
            _refuse(f"written with another {name}")
    if header.get("sha256") != hashlib.sha256(body).hexdigest():
        _refuse("it was changed after it was written")
    return _opened(body)


def writer() -> dict[str, Any]:
    """Return what a checkpoint must have been written with so that this process can go on from it."""
    settings = resources.files("ml.online").joinpath("learners.toml").read_bytes()
    experts = hashlib.sha256(settings + "\n".join(EXPERTS).encode()).hexdigest()[:16]
    return {
        "format": FORMAT,
        "river": river_version,
        "python": ".".join(platform.python_version_tuple()[:2]),
        "numpy": np.__version__.split(".")[0],
        "experts": experts,
    }


def _opened(body: bytes) -> OnlineModel:
    try:
        model = _Unpickler(io.BytesIO(zlib.decompress(body))).load()
    except ForeignCheckpoint:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a foreign pickle raises, the answer is the same
        _refuse(f"its state cannot be opened ({type(error).__name__})")
    if not isinstance(model, OnlineModel):
        _refuse("it holds no online model")
    return model


class _Unpickler(pickle.Unpickler):
    """Finds classes of River and of this package, and the few others that a state is made of."""

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        if (module_name, global_name) == ("builtins", "getattr"):
            return _method
        if global_name in _ALLOWED.get(module_name, ()):
            return super().find_class(module_name, global_name)
        if module_name.startswith(("river.", "ml.online.")):
            found = super().find_class(module_name, global_name)
            if isinstance(found, type):
                return found
        return _refuse("its state holds something that no online model is made of")


def _method(owner: Any, name: str) -> Any:
    """Return a method of one of River's objects, which is what a pickle asks `getattr` for."""
    if type(owner).__module__.startswith("river.") and not name.startswith("__"):
        found = getattr(owner, name)
        if isinstance(found, MethodType):
            return found
    return _refuse("its state asks for something that no online model is made of")


def _refuse(why: str) -> NoReturn:
    raise ForeignCheckpoint(f"the checkpoint cannot be used: {why}; rebuild the state from the stored outcomes")
