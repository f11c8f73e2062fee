"""Give every model of the contract one name, so that a document refers to it instead of repeating it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from domain.documents import JsonMapping, JsonObject
from tasks.runtime import registry

#: before the name of a model, in a reference to it
REFERENCE = "#/$defs/"
#: keywords of JSON Schema that hold one schema, several, or several by name; all others of ours hold values
_ONE, _MANY, _NAMED = ("items", "additionalProperties", "propertyNames"), ("anyOf", "oneOf", "allOf"), ("properties",)


class ModelNameClashError(ValueError):
    """Two models of different content have the same name: rename one of the classes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Components:
    """The models of the contract by name, and which of them each task and each type of event has."""

    #: name -> schema, which refers to others by `#/$defs/<name>`
    models: Mapping[str, JsonObject]
    #: task -> name of its arguments, and of its answer's data
    requests: Mapping[str, str]
    answers: Mapping[str, str]
    #: type of event -> name of its data
    events: Mapping[str, str]


def collect(schemas: Mapping[str, JsonObject]) -> Components:
    """Return the models in the published schemas of the contract (`registry.schemas`), each once.

    Raises:
        ModelNameClashError: one name stands for two models.

    """
    models: dict[str, JsonObject] = {}
    names: dict[str, str] = {}
    for place, schema in schemas.items():
        # an answer of several forms has no name of its own
        names[place] = name = schema.get("title") or f"{schemas[place.rpartition('/')[2]]['title']}Answer"
        top = {key: value for key, value in schema.items() if key not in ("$defs", "$schema")}
        for each, model in {**schema.get("$defs", {}), name: top}.items():
            plain = without_titles(model)
            if models.setdefault(each, plain) != plain:
                raise ModelNameClashError(f"two models of the contract are called {each}: rename one")
    return Components(
        models=dict(sorted(models.items())),
        requests={name: names[name] for name in names if name.startswith(registry.PREFIX)},
        answers=_below("answers/", names),
        events=_below("events/", names),
    )


def _below(folder: str, names: Mapping[str, str]) -> dict[str, str]:
    return {place.removeprefix(folder): name for place, name in names.items() if place.startswith(folder)}


def rewritten(schema: object, change: Callable[[JsonMapping], JsonObject]) -> object:
    """Return a schema with every object in it changed, the inner ones first; True and False are left as they are."""
    if not isinstance(schema, dict):
        return schema
    new = dict(schema)
    for key in new.keys() & set(_ONE):
        new[key] = rewritten(new[key], change)
    for key in new.keys() & set(_MANY):
        new[key] = [rewritten(each, change) for each in new[key]]
    for key in new.keys() & set(_NAMED):
        new[key] = {name: rewritten(each, change) for name, each in new[key].items()}
    return change(new)


def without_titles(schema: JsonObject) -> JsonObject:
    """Return a schema without the titles that only repeat the name of their property."""
    plain = rewritten(schema, lambda part: {key: value for key, value in part.items() if key != "title"})
    return dict(plain) if isinstance(plain, dict) else {}
