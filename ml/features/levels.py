"""One spelling for the levels of categories, whatever file or CRM they come from."""

from __future__ import annotations


def normalised_level(text: str) -> str:
    """Return a level in small letters, with single spaces for underscores, and months without their unit.

    >>> normalised_level("under_contract"), normalised_level("0 - 3 Months")
    ('under contract', '0-3')
    """
    tidy = " ".join(text.casefold().replace("\N{EN DASH}", "-").replace("_", " ").split())
    return tidy.removesuffix(" months").replace(" - ", "-")
