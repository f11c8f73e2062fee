"""Self-contained HTML pages: one layout for all of them, figures inlined, no script, nothing loaded from elsewhere.

Drawing needs matplotlib, which takes 0.6 to 0.9 s to import (measured): a page's module is imported by the command that
writes it, when it writes it (`load`). Jinja2 and matplotlib are the extra `pages`.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import ModuleType

from workers.base.errors import PagesMissing

#: what the extra brings
_EXTRA = ("jinja2", "matplotlib")


def load(page: str) -> ModuleType:
    """The module of a page by its name, such as `model_card`. Raises PagesMissing without the extra `pages`."""
    try:
        return import_module(f"workers.pages.{page}")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _EXTRA:
            raise
        raise PagesMissing("pages need Jinja2 and matplotlib: pip install 'hearth[pages]'") from error


def write(page: str, path: Path) -> None:
    """Puts a page in its place, whole or not at all. Raises OSError where it cannot be written."""
    draft = path.with_name(f".{path.name}.part")
    try:
        draft.write_text(page, encoding="utf-8")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
