"""The registry of tasks: what each declaration says, and the modules that declare tasks.

A task is declared once, by its decorator (tasks.runtime.task). Routes, the public contracts with their JSON Schemas and
the modules that a worker imports are all collected from here, so none of them is a second list to keep.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from domain.access import AccessScope
from domain.documents import JsonObject
from tasks.contracts.base.request import ENVELOPE_SCHEMA, Request

#: the folders of `tasks` that declare no task; every other module of the package may declare some
SHELVES = frozenset({"contracts", "runtime", "intake", "crm", "services"})
#: the names of Hearth's own tasks begin with this; tests and drills declare others
PREFIX = "hearth."

_TASKS = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """The declaration of a task, from its decorator."""

    name: str
    contract: type[Request]
    #: the queue that its messages go to, unless the sender names another
    queue: str
    #: True for a task that only Hearth sends: its contract is not published
    internal: bool
    #: the scope of a gateway's key that may send it; None: it is not open at the gateway
    scope: AccessScope | None = None
    #: True for a task that only reads: what is lost of it is asked again
    reads: bool = False


_declared: dict[str, Declaration] = {}


def add(declaration: Declaration) -> None:
    """Register a declaration; the decorators call this."""
    _declared[declaration.name] = declaration


def get(name: str) -> Declaration | None:
    """Return the declaration of a task, or None when this process has not imported it."""
    return _declared.get(name)


def entry_files() -> Iterator[Path]:
    """Yield the source files in which tasks may be declared, in a stable order; nothing is imported."""
    for path in sorted(_TASKS.rglob("*.py")):
        if path.relative_to(_TASKS).parts[0] not in SHELVES:
            yield path


def load() -> None:
    """Import every module that may declare a task. Importing the models behind them takes seconds: workers do this."""
    for path in entry_files():
        parts = path.relative_to(_TASKS.parent).with_suffix("").parts
        import_module(".".join(parts).removesuffix(".__init__"))


def public_contracts() -> dict[str, type[Request]]:
    """Return the contract of every task that callers may send, by task name; imports all tasks."""
    load()
    return {
        name: declaration.contract
        for name, declaration in sorted(_declared.items())
        if name.startswith(PREFIX) and not declaration.internal
    }


def open_tasks() -> dict[str, Declaration]:
    """Return the tasks that the gateway takes, by name; imports all tasks."""
    load()
    return {
        name: declaration
        for name, declaration in sorted(_declared.items())
        if name.startswith(PREFIX) and declaration.scope is not None and not declaration.internal
    }


def schemas() -> dict[str, JsonObject]:
    """Return the JSON Schemas of the contract, by the name of their file without `.json`.

    A task's name has the schema of its kwargs, and below `answers/` that of its answer's data; `envelope` is around
    that. `event` is what every receiver of an event gets, and below `events/` is the schema of each type's data.
    """
    # a hundred models that only this writes
    from tasks.contracts import answers, event_types

    public = public_contracts()
    answered = [name for name in public if name in answers.ANSWERS]
    return {
        **{name: contract.model_json_schema() for name, contract in public.items()},
        "envelope": ENVELOPE_SCHEMA,
        # an answer of several forms is an object in each of them
        **{f"answers/{name}": {"type": "object", **answers.adapter(name).json_schema()} for name in answered},
        "event": event_types.OutboundEvent.model_json_schema(),
        **{f"events/{kind}": body.model_json_schema() for kind, body in sorted(event_types.EVENT_TYPES.items())},
    }
