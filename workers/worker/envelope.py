"""Check an entry of a queue before kombu makes a message of it: a bad entry gets a code instead of ending a worker.

Whoever may write to a queue may write anything. Kombu makes a message of an entry and records that we hold it. An entry
that breaks either step ends a stock worker, and then the next worker that takes it.
"""

from __future__ import annotations

import base64
import json
import math

from kombu.utils import json as typed

from domain.documents import JsonObject
from workers.base import decoding

#: the values of body_encoding
_ENCODINGS = (None, "", "utf-8", "base64")
#: most bytes of a delivery tag: it names the field in which the broker records the message that we hold
_TAG = 200


class Malformed(Exception):  # noqa: N818 - says the fact
    """An entry that is no message; the only argument is a code."""


def read(raw: bytes) -> JsonObject:
    """Return the parts of an entry, each of the type that kombu relies on.

    Some producers write a number as delivery tag or no headers at all: that is corrected here.

    Raises:
        Malformed: not_utf8, not_json, too_deep, value, not_an_object, properties, delivery_tag, headers, body,
            body_encoding, content_type or content_encoding, as the first of them is not what it must be.

    """
    entry = _object(raw)
    properties = entry.get("properties")
    if not isinstance(properties, dict):
        raise Malformed("properties")
    properties["delivery_tag"] = _tag(properties.get("delivery_tag"))
    properties["priority"] = _priority(properties.get("priority"))
    if entry.get("headers") is None:
        entry["headers"] = {}
    if not isinstance(entry["headers"], dict):
        raise Malformed("headers")
    for name in ("content-type", "content-encoding"):
        if not isinstance(entry.get(name), str | None):
            raise Malformed(name.replace("-", "_"))
    _check_body(entry.get("body"), properties)
    return entry


def _object(raw: bytes) -> JsonObject:
    try:
        # as kombu reads it: what it records of a message, it reads again when the message is to be restored
        entry = json.loads(decoding.shallow(raw.decode()), object_hook=typed.object_hook)
    except UnicodeDecodeError:
        raise Malformed("not_utf8") from None
    except decoding.TooDeep:
        raise Malformed("too_deep") from None
    except json.JSONDecodeError:
        raise Malformed("not_json") from None
    except Exception:  # noqa: BLE001  # a typed object with a bad value may raise anything, a number too long as well
        raise Malformed("value") from None
    if not isinstance(entry, dict):
        raise Malformed("not_an_object")
    return entry


def _tag(value: object) -> str:
    tag = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    try:
        if isinstance(tag, str) and 0 < len(tag.encode()) <= _TAG:
            return tag
    except UnicodeEncodeError:
        pass
    raise Malformed("delivery_tag")


def _priority(value: object) -> int:
    """Return a priority that kombu can count with: 0 for anything that is no finite number."""
    return int(value) if isinstance(value, int | float) and math.isfinite(value) else 0


def _check_body(body: object, properties: JsonObject) -> None:
    if not isinstance(body, str | None):
        raise Malformed("body")
    encoding = properties.get("body_encoding")
    if encoding not in _ENCODINGS:
        raise Malformed("body_encoding")
    try:
        base64.b64decode(body.encode() if body and encoding == "base64" else b"")
    except ValueError:
        raise Malformed("body") from None
