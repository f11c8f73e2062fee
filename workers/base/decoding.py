"""Decode what comes over the wire: JSON of bounded depth, typed objects where they are good, bounded compression.

`install` puts these in the place of kombu's own, in every process that reads messages. A producer's mistake is then an
error of its message and not of the process that reads it.
"""

from __future__ import annotations

import bz2
import json
import lzma
import re
import zlib
from collections.abc import Callable
from itertools import accumulate
from typing import Protocol

from kombu import compression, serialization
from kombu.exceptions import DecodeError
from kombu.utils import json as typed

from domain.documents import JsonObject

#: levels of nesting: a hundred of what a caller sends, which the contract allows, and the two that Celery puts around
#: it. Good messages have about ten, and what is much deeper than this cannot be pickled for a child
DEPTH = 102
#: bytes of a body that are kept in quarantine, so also the most that is unpacked
BODY_LIMIT = 4_000_000

# Possessive, and an unclosed string goes on to the end: no quote is looked at twice, and no reader gets past it either
_STRING = re.compile(r'"(?:[^"\\]|\\.)*+"?', re.DOTALL)
_STEPS = {"[": 1, "{": 1, "]": -1, "}": -1}
_BRACKETS = re.compile(r"[^\[\]{}]++")


class TooDeep(DecodeError):  # noqa: N818 - says the fact
    """More levels of nesting than any good message has."""


class TooLongUnpacked(DecodeError):  # noqa: N818
    """A compressed body that is longer than what could be kept, once it is unpacked."""


def depth(text: str) -> int:
    """Return the levels of nesting of a JSON text, counted without parsing it.

    >>> depth('{"a": [1, {"b": "]]] [[["}]}'), depth("17")
    (3, 0)
    """
    brackets = _BRACKETS.sub("", _STRING.sub("", text))
    return max(accumulate(map(_STEPS.__getitem__, brackets)), default=0)


def shallow(text: str, limit: int = DEPTH) -> str:
    """Return the text unchanged if it is not nested too deep.

    Raises:
        TooDeep: it has more than `limit` levels.

    """
    # two counts at the speed of C clear nearly every message
    if text.count("[") + text.count("{") > limit and depth(text) > limit:
        raise TooDeep(f"more than {limit} levels of nesting")
    return text


def loads(data: str | bytes | memoryview) -> object:
    """Read JSON as kombu does, with bounded depth; a typed object with a bad value stays the object it is.

    Raises:
        TooDeep: more levels than DEPTH.
        ValueError: it is no JSON.

    """
    text = data if isinstance(data, str) else bytes(data).decode()
    return json.loads(shallow(text), object_hook=_object)


def install() -> None:
    """Install these decoders in the place of kombu's own, in this process."""
    serialization.register("json", typed.dumps, loads, content_type="application/json", content_encoding="utf-8")
    for name, aliases, unpack in _UNPACKED:
        if name in compression._decoders:  # noqa: SLF001 - kombu has no other way to ask
            encoder, _ = compression.get_encoder(name)
            compression.register(encoder, unpack, name, aliases)
    for name in compression.encoders():
        if name not in {supported for supported, _, _ in _UNPACKED}:
            # it cannot be unpacked piece by piece here
            del compression._decoders[name]  # noqa: SLF001


def _object(document: JsonObject) -> object:
    try:
        return typed.object_hook(document)
    except Exception:  # noqa: BLE001  # a decoder of kombu's may raise anything, and the contract names the place
        return document


class _Unpacker(Protocol):
    @property
    def eof(self) -> bool: ...

    def decompress(self, data: bytes, max_length: int) -> bytes: ...


def _bounded(begin: Callable[[], _Unpacker]) -> Callable[[bytes], bytes]:
    def unpack(data: bytes) -> bytes:
        unpacking = begin()
        body = unpacking.decompress(data, BODY_LIMIT + 1)
        if len(body) > BODY_LIMIT:
            raise TooLongUnpacked(f"more than {BODY_LIMIT} bytes when unpacked")
        if not unpacking.eof:
            raise DecodeError("a compressed body that was cut off")
        return body

    return unpack


_UNPACKED = (
    ("application/x-gzip", ["gzip", "zlib"], _bounded(lambda: zlib.decompressobj(zlib.MAX_WBITS | 32))),
    ("application/x-bz2", ["bzip2", "bzip"], _bounded(bz2.BZ2Decompressor)),
    ("application/x-lzma", ["lzma", "xz"], _bounded(lambda: lzma.LZMADecompressor(memlimit=64_000_000))),
)
