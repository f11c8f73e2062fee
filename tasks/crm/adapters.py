"""The adapters that there are. A new CRM is one adapter here and its words in `domain.crms`."""

from __future__ import annotations

from tasks.crm.adapter import CrmAdapter
from tasks.crm.followupboss.adapter import FOLLOWUPBOSS
from tasks.crm.generic import GENERIC
from tasks.crm.highlevel.adapter import HIGHLEVEL

#: provider -> adapter
ADAPTERS: dict[str, CrmAdapter] = {adapter.provider: adapter for adapter in (HIGHLEVEL, FOLLOWUPBOSS, GENERIC)}


class UnknownCrmError(LookupError):
    """No adapter has this word."""


def adapter_of(provider: str) -> CrmAdapter:
    """Return the adapter of a CRM that carries actions out.

    Raises:
        UnknownCrmError: there is none.

    """
    try:
        return ADAPTERS[provider]
    except KeyError:
        raise UnknownCrmError from None


def adapter_of_events(word: str) -> CrmAdapter:
    """Return the adapter that reads the events that come under a word of `hearth.events.ingest`.

    Raises:
        UnknownCrmError: there is none.

    """
    for adapter in ADAPTERS.values():
        if word in adapter.readers:
            return adapter
    raise UnknownCrmError
