"""JSON and compressed bodies of anybody's making."""

import bz2
import json
import lzma
import random
import zlib

import pytest
from kombu import compression, serialization
from kombu.exceptions import DecodeError

from workers import app
from workers.base import decoding

assert app  # it installs the decoders, as in every process


def levels(value):
    below = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if below is None else 1 + max(map(levels, below), default=0)


def grown(source, room):
    kind = source.randrange(6) if room else 0
    if kind < 2:
        return source.choice([1, None, "]]}}", '"[[', "\\", '\\"{', "{[", ""])
    items = [grown(source, room - 1) for _ in range(source.randrange(4))]
    return items if kind < 4 else {source.choice('ab"[{\\') * source.randrange(3): item for item in items}


def test_depth_is_that_of_the_value():
    source = random.Random(7)
    for _ in range(500):
        value = grown(source, 8)
        for options in ({}, {"ensure_ascii": False}, {"indent": 1}):
            assert decoding.depth(json.dumps(value, **options)) == levels(value)


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_a_text_over_the_limit_is_not_read(opening, closing):
    def nested(count):
        return f"{opening * count}1{closing * count}"

    assert levels(decoding.loads(nested(decoding.DEPTH))) == decoding.DEPTH
    for count in (decoding.DEPTH + 1, 500, 200_000):
        with pytest.raises(decoding.TooDeep):
            decoding.loads(nested(count))
        with pytest.raises(DecodeError):
            serialization.loads(nested(count), "application/json", "utf-8", accept={"application/json"})


def test_strings_full_of_brackets_are_no_depth():
    assert decoding.loads(json.dumps({"text": "[" * 1000 + '\\"' + "{" * 1000}))


@pytest.mark.parametrize("value", [3, {"hex": "no"}, "2026-99-99", None, [1]])
@pytest.mark.parametrize("kind", ["uuid", "datetime", "decimal", "bytes", "nothing", 5, None])
def test_a_typed_object_with_a_bad_value_is_the_object_it_is(kind, value):
    told = {"a": [{"__type__": kind, "__value__": value}]}
    read = decoding.loads(json.dumps(told))
    assert read == told or kind in ("decimal", "bytes"), "a decimal of 3 and bytes of a text are good ones"


@pytest.mark.parametrize(("name", "pack"), [("gzip", zlib.compress), ("bzip2", bz2.compress), ("lzma", lzma.compress)])
def test_a_compressed_body_is_unpacked_as_far_as_it_could_be_kept(name, pack):
    longest = b"x" * decoding.BODY_LIMIT
    assert compression.decompress(pack(longest), name) == longest
    with pytest.raises(decoding.TooLongUnpacked):
        compression.decompress(pack(longest + b"x"), name)
    with pytest.raises(DecodeError, match="cut off"):
        compression.decompress(pack(longest)[:-9], name)


def test_nothing_is_unpacked_that_has_no_bound():
    assert set(compression._decoders) <= {name for name, _, _ in decoding._UNPACKED}
