"""Lua scripts for the broker: each lies in a `.lua` file beside the module that runs it."""

from __future__ import annotations

from functools import cache
from importlib import resources


@cache
def script(package: str, name: str) -> str:
    """Return the text of the script `name.lua` in a package."""
    return resources.files(package).joinpath(f"{name}.lua").read_text(encoding="utf-8")
