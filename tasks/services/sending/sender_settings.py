"""A tenant's settings about the sender, with the defaults for what it has not set."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from domain.crms import DEFAULT_CRM
from domain.documents import JsonMapping
from tasks.contracts.base.wire import digest
from tasks.crm.adapter import WRITE_BACKS, CrmAdapter, CrmApi
from tasks.crm.adapters import UnknownCrmError, adapter_of

#: seconds in which the fields of a lead are written once
DEBOUNCE = 60


class SenderUnusable(Exception):  # noqa: N818 - says the fact
    """The sender cannot send for a tenant until its settings are corrected; the only argument is a code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderSettings:
    """A tenant's settings about the sender, complete."""

    enabled: bool = False
    crm: str = DEFAULT_CRM
    write_back: bool = True
    debounce: timedelta = timedelta(seconds=DEBOUNCE)
    dry_run: bool = False


def sender_settings_of(settings: JsonMapping) -> SenderSettings:
    """Return a tenant's settings about the sender."""
    block = {name: value for name, value in (settings.get("sender") or {}).items() if value is not None}
    return SenderSettings(
        enabled=bool(block.get("enabled", False)),
        crm=str(block.get("crm", DEFAULT_CRM)),
        write_back=bool(block.get("write_back", True)),
        debounce=timedelta(seconds=float(block.get("debounce_seconds", DEBOUNCE))),
        dry_run=bool(block.get("dry_run", False)),
    )


def crm_of(settings: SenderSettings) -> tuple[CrmAdapter, CrmApi]:
    """Return the adapter of the tenant's CRM, and how its requests are sent.

    Raises:
        SenderUnusable: no such CRM is known, or its requests cannot be sent.

    """
    try:
        adapter = adapter_of(settings.crm)
    except UnknownCrmError:
        raise SenderUnusable("crm.unknown") from None
    if adapter.api is None:
        raise SenderUnusable("crm.no_api")
    return adapter, adapter.api


def mapped_fields(settings: JsonMapping) -> dict[str, str]:
    """Return the fields of the CRM that Hearth writes: field -> value."""
    fields = settings.get("custom_fields") or {}
    return {field: name for field, name in sorted(fields.items()) if name in WRITE_BACKS}


def fill_mark(settings: JsonMapping, day: str) -> str | None:
    """Return what changes when the fields of all leads are to be compared again: each day, and with the mapping.

    None where no field is mapped, so that there is nothing to write.
    """
    fields = mapped_fields(settings)
    return digest({"fields": fields, "day": day}) if fields else None
