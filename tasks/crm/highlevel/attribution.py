"""Read where a contact came from: the campaign's own words (`utm_*`) and the source of the visit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tasks.crm.highlevel import field_names
from tasks.crm.highlevel.field_names import reduced
from tasks.crm.highlevel.fields import Field
from tasks.intake import payload

_SESSION = ("sessionsource", "utmsessionsource")
#: the campaign has these words too where HighLevel tells them
_ALSO: Mapping[str, str] = {"utm_campaign": "campaign", "utm_term": "utmkeyword"}
#: HighLevel's own words for a visit; beside them `medium` is the kind of page, such as a form
_TOUCHES = field_names.FIRST_TOUCH | field_names.LAST_TOUCH
_WORDS = _TOUCHES | field_names.UTM.keys()
_OWN = frozenset({*_SESSION, "mediumid", "useragent", "gclientid", "gasessionid"})


@dataclass(frozen=True, slots=True)
class Attribution:
    """Where a contact came from."""

    #: `utm_source` and the like
    utm: Mapping[str, str] = field(default_factory=dict)
    #: the source of the visit, such as `Paid Social`
    session: str | None = None


_NOTHING = Attribution()


def read(fields: Sequence[Field]) -> Attribution:
    """Return the first touch, or the last where the first says nothing; the words of two visits are never mixed."""
    fields = [one for one in fields if one.word in _WORDS]
    if not fields:
        return _NOTHING
    touches = [touch for _, touch in sorted(_touches(fields), key=lambda pair: pair[0])]
    own = {
        field_names.UTM[one.word]: text
        for one in reversed(fields)
        if one.word in field_names.UTM and (text := _text(one.value))
    }
    first = next((touch.utm for touch in touches if touch.utm), {})
    return Attribution(own or first, next((touch.session for touch in touches if touch.session), None))


def _touches(fields: Sequence[Field]) -> Iterator[tuple[int, Attribution]]:
    """Yield each visit with its rank: the first touch before the last."""
    for one in fields:
        if one.word in _TOUCHES and one.owner not in {"other", "unknown", "mail"}:
            visits = one.value if isinstance(one.value, list) else [one.value]
            last = one.word in field_names.LAST_TOUCH
            yield from ((2 * last + _is_later(visit), _touch(visit)) for visit in visits)


def _is_later(visit: Any) -> bool:
    return isinstance(visit, Mapping) and visit.get("isFirst") is not True and visit.get("isLast") is True


def _touch(visit: Any) -> Attribution:
    if not isinstance(visit, Mapping):
        return Attribution(session=_text(visit))
    words = {reduced(str(name)): item for name, item in visit.items()}
    is_own = bool(_OWN & words.keys())
    utm = {}
    for word, column in field_names.UTM.items():
        plain = "" if is_own else word.removeprefix("utm")
        told = (_text(words.get(name)) for name in (word, _ALSO.get(column, ""), plain))
        if found := next(filter(None, told), None):
            utm[column] = found
    return Attribution(utm, next(filter(None, (_text(words.get(name)) for name in _SESSION)), None))


def _text(value: Any) -> str | None:
    value = next(iter(value), None) if isinstance(value, list) else value
    return payload.as_text(value)
