"""What was read in the messages of a few leads, from the cache, else from the database.

A new reading raises the lead's version, so what was kept of an older version is never found.
"""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from db.repositories.events import message_analyses
from db.repositories.leads import leads
from db.session import Session, after_commit, keyring_of
from ml.profiles import FactSignal, MessageSignal
from tasks.runtime.cache import lead_cache
from tasks.runtime.cache.lead_cache import READINGS, Slot
from tasks.services.conversations import stored_results

#: leads of one call up to which the cache is asked: more are read in one go, and hardly any of them again soon
FEW = 8
#: changes with what a value holds, so that workers of two versions never read each other's
_FORMAT = ",".join((str(message_analyses.FORMAT), str(message_analyses.NEWEST), *MessageSignal.__slots__))
_FORMAT_OF_FACTS = ",".join(FactSignal.__slots__)

Messages = dict[str, tuple[MessageSignal, ...]]


def load(session: Session, tenant_id: str, *, versions: Mapping[str, int]) -> Messages:
    """Return what was read in the newest messages of leads, oldest first; those of whom nothing was read are left out.

    `versions` has the version of each lead as this session read it.

    Raises:
        UnknownLead: some are not there for this tenant; names their positions.
        SealBroken: a stored result was changed or moved.

    """
    if len(versions) > FEW or not lead_cache.bound().tiers:
        return _stored(session, tenant_id, list(versions))
    keys, ring = leads.data_keys(session, tenant_id, lead_ids=list(versions)), keyring_of(session)
    slots = {lead_id: _slot(tenant_id, lead_id, version) for lead_id, version in versions.items()}
    values = {lead_id: lead_cache.bound().get(slot, keys[lead_id], ring) for lead_id, slot in slots.items()}
    known = {lead_id: _decoded(value) for lead_id, value in values.items() if value is not None}
    rest = [lead_id for lead_id in versions if lead_id not in known]
    if rest:
        stored = _stored(session, tenant_id, rest)
        known |= {lead_id: stored.get(lead_id, ()) for lead_id in rest}

        def put() -> None:
            for lead_id in rest:
                lead_cache.bound().put(slots[lead_id], keys[lead_id], ring, _encoded(known[lead_id]))

        after_commit(session, put)
    for lead_id in rest:
        lead_cache.bound().counts.record(READINGS, "database", "hit" if known[lead_id] else "miss")
    return {lead_id: said for lead_id, said in known.items() if said}


def _stored(session: Session, tenant_id: str, lead_ids: list[str]) -> Messages:
    records = message_analyses.for_leads(session, tenant_id, lead_ids=lead_ids)
    return {lead_id: tuple(map(stored_results.to_signal, found)) for lead_id, found in records.items()}


def _slot(tenant_id: str, lead_id: str, version: int) -> Slot:
    stamp = (str(version), _FORMAT, _FORMAT_OF_FACTS)
    return Slot(kind=READINGS, tenant_id=tenant_id, lead_id=lead_id, stamp=stamp)


def _encoded(said: tuple[MessageSignal, ...]) -> bytes:
    return orjson.dumps([stored_results.encode_signal(signal) for signal in said])


def _decoded(value: bytes) -> tuple[MessageSignal, ...]:
    return tuple(map(stored_results.decode_signal, orjson.loads(value)))
