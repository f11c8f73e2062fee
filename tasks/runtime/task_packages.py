"""Let a package name the tasks of its modules, and import a module when one of its tasks is asked for.

A command that only reads runs one task in its own process. Its package would import all others with it, and the models
behind them. Workers import every module at their start (tasks.runtime.registry).
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from types import ModuleType


def name_tasks(package: str, modules: Mapping[str, Sequence[str]]) -> None:
    """Make tasks attributes of an imported package; `modules` maps each of its modules to the tasks declared there."""
    tasks = {name: _task(f"{package}.{module}", name) for module, names in modules.items() for name in names}
    sys.modules[package].__class__ = type("TaskPackage", (ModuleType,), tasks)


def _task(module: str, name: str) -> property:
    def imported(_package: ModuleType) -> object:
        return getattr(import_module(module), name)

    def keep(_package: ModuleType, value: object) -> None:
        # Python sets an imported module on its package; where both have one name, it stays the task's
        if not isinstance(value, ModuleType):
            raise TypeError(f"{name} is a task of this package and cannot be set")

    return property(imported, keep)
