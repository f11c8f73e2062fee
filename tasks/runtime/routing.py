"""Celery's router: a message goes to the queue that the task's declaration names.

A worker has imported the declarations. Beat and the command line have not: to import every task would take them five
seconds, most of it for scikit-learn. They read the decorator in the task's source file instead, which takes about
15 milliseconds, once for each name. Either way the decorator is the only place where the queue is written.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from tasks.runtime import registry


def route(
    name: str,
    args: Sequence[object] = (),
    kwargs: Mapping[str, object] | None = None,
    options: Mapping[str, object] | None = None,
    task: object = None,
) -> dict[str, str] | None:
    """Return the route of a task as Celery wants it, or None for the default queue when the task is not ours."""
    queue = queue_of(name)
    return {"queue": queue} if queue else None


def queue_of(name: str) -> str | None:
    """Return the queue that a task is declared with, or None when no task of Hearth has this name."""
    declaration = registry.get(name)
    return declaration.queue if declaration else queue_in_source(name)


@lru_cache(maxsize=1024)
def queue_in_source(name: str) -> str | None:
    """Return the queue in the decorator of a task that this process has not imported; None when there is no such task.

    Names come from messages too, so only a bounded number of them is remembered.
    """
    if not name.startswith(registry.PREFIX):
        return None
    for path in registry.entry_files():
        text = path.read_text(encoding="utf-8")
        if f'"{name}"' in text:
            for decorator in _decorators(ast.parse(text)):
                if _literal(decorator.args[0]) == name:
                    return next((_literal(word.value) for word in decorator.keywords if word.arg == "queue"), None)
    return None


def _decorators(module: ast.Module) -> Iterator[ast.Call]:
    for node in module.body:
        if isinstance(node, ast.FunctionDef):
            yield from (call for call in node.decorator_list if isinstance(call, ast.Call) and call.args)


def _literal(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None
