"""Render a template as a whole HTML document, in the one layout of all pages."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

TEMPLATES = Path(__file__).parent / "templates"
#: what stands where there is no value
NOTHING = "-"


def render(template: str, values: Mapping[str, object]) -> str:
    """Return one page; the same values give the same bytes."""
    return _ENVIRONMENT.get_template(template).render(values)


def percent(share: float | None, digits: int = 0) -> str:
    r"""Return a share for people.

    >>> percent(0.5), percent(0.1234, 1), percent(None)
    ('50\xa0%', '12.3\xa0%', '-')
    """
    return NOTHING if share is None else f"{100 * share:.{digits}f}\u00a0%"


def number(value: float | None, digits: int = 0) -> str:
    """Return a number for people.

    >>> number(1840), number(0.78296, 3), number(None)
    ('1,840', '0.783', '-')
    """
    return NOTHING if value is None else f"{value:,.{digits}f}"


def when(at: datetime) -> Markup:
    """Return a moment for people and for programs."""
    return Markup('<time datetime="{}">{}</time>').format(at.isoformat(), f"{at.day} {at:%B %Y, %H:%M} UTC")


def clean(text: object) -> str:
    """Return foreign text on one line, without invisible characters; the template escapes it."""
    return "".join(character if character.isprintable() else " " for character in str(text))


def sentence(text: object) -> str:
    """Return text with a capital first letter.

    >>> sentence("better by Brier 0.1")
    'Better by Brier 0.1'
    """
    cleaned = clean(text).strip()
    return cleaned[:1].upper() + cleaned[1:]


def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"percent": percent, "number": number, "when": when, "clean": clean, "sentence": sentence}
    return made


_ENVIRONMENT = _environment()
