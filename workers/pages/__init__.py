"""Write self-contained HTML pages: one layout, inlined figures, no script, nothing loaded from elsewhere.

Drawing needs matplotlib, which takes 0.6 to 0.9 s to import (measured): a page's module is imported by the command that
writes it, when it writes it (`load`). Workers import neither matplotlib nor Jinja2.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import ModuleType


def load(page: str) -> ModuleType:
    """Return the module of a page by its name, such as `model_card`."""
    return import_module(f"workers.pages.{page}")


def write(page: str, path: Path) -> None:
    """Put a page in its place, whole or not at all. Raises OSError where it cannot be written."""
    draft = path.with_name(f".{path.name}.part")
    try:
        draft.write_text(page, encoding="utf-8")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
