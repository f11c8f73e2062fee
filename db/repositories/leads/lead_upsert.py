"""Taking in what sources say of leads: who is meant, what is new, and writing it in few statements."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from db.base import new_id, utc
from db.encryption import DataKey, KeyRing
from db.identity import email_key, phone_key
from db.merging import Content, differences, merge
from db.models import ConsentEntry, Event, Lead, LeadIdentity
from db.records import ConsentStatement, EventDraft, LeadDraft, Outcome, Policy, UpsertResult
from db.repositories import tenants
from db.repositories.consent import consent_mapper
from db.repositories.events import event_mapper
from db.repositories.leads import lead_mapper
from db.repositories.privacy import tombstones
from db.repositories.sql import bulk
from db.repositories.sql.clauses import in_batches, lock_tenant, ring_of

NO_IDENTITY = "row.no_identity"
AMBIGUOUS = "row.ambiguous_identity"
DUPLICATE = "row.duplicate_in_file"
_FORGOTTEN = UpsertResult(outcome="rejected", lead_id=None, codes=(tombstones.FORGOTTEN,))
_BATCH = 1_000
#: drafts that are worth a look at the store before its writers wait: what is plainly new is made ready beforehand
_MANY = 100

_Identity = tuple[str, str]
_EventKey = tuple[str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """What holds for all drafts of one call."""

    tenant_id: str
    policy: Policy
    now: datetime
    #: the import that brings them; a lead that it met before is a duplicate
    ref: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Keys:
    identity: _Identity | None
    email: bytes | None
    phone: bytes | None


@dataclass(slots=True, kw_only=True)
class _Entry:
    """A lead as it becomes while drafts are merged into it."""

    lead_id: str
    key: DataKey
    source_system: str
    external_id: str | None
    observed_at: datetime
    #: None = not stored yet
    row: lead_mapper.Row | None = None
    content: Content | None = None
    #: the columns of the content, sealed; None = to be made
    columns: dict[str, Any] | None = None
    version: int = 0
    import_ref: str | None = None
    changed: bool = False
    touched: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fresh:
    """A lead that is new, ready to be written."""

    entry: _Entry
    codes: tuple[str, ...]
    events: list[dict[str, Any]]
    #: rows of the ledger of consent, and what they refuse
    entries: list[dict[str, Any]]
    refusals: tuple[ConsentStatement, ...]


@dataclass(slots=True, kw_only=True)
class _Book:
    """What is known of the leads that a batch may mean."""

    identities: dict[_Identity, str] = field(default_factory=dict)
    by_hash: defaultdict[bytes, set[str]] = field(default_factory=lambda: defaultdict(set))
    entries: dict[str, _Entry] = field(default_factory=dict)
    events: set[_EventKey] = field(default_factory=set)
    new_identities: list[dict[str, Any]] = field(default_factory=list)
    new_events: list[dict[str, Any]] = field(default_factory=list)
    #: ids of entries of the ledger of consent that are stored, or will be
    consent_ids: set[str] = field(default_factory=set)
    new_entries: list[dict[str, Any]] = field(default_factory=list)


def upsert(session: Session, drafts: Sequence[LeadDraft], job: Import) -> list[UpsertResult]:
    """Merge drafts in the order given; see `db.repositories.leads.leads.upsert`."""
    tenants.require(session, job.tenant_id)
    batches = [_Batch(session, batch, job) for batch in in_batches(drafts, _BATCH)]
    for batch in batches:
        batch.prepare()
    lock_tenant(session, job.tenant_id)
    return [result for batch in batches for result in batch.run()]


class _Batch:
    def __init__(self, session: Session, drafts: Sequence[LeadDraft], job: Import) -> None:
        self.session = session
        self.drafts = drafts
        self.job = job
        self.ring: KeyRing = ring_of(session)
        self.keys = [_keys_of(draft, self.ring, job.tenant_id) for draft in drafts]
        self.book = _Book()
        #: drafts, by position, of people who were forgotten
        self.forgotten: set[int] = set()
        #: by position; whether they are new indeed is told under the lock
        self.fresh: dict[int, _Fresh] = {}

    def prepare(self) -> None:
        """Make ready what seems to be new of a large batch, while other writers of the tenant go on."""
        if len(self.drafts) < _MANY:
            return
        known = self._identities()
        for position, (draft, keys) in enumerate(zip(self.drafts, self.keys, strict=True)):
            if keys.identity is not None and keys.identity not in known:
                self.fresh[position] = self._make(draft, keys)

    def run(self) -> list[UpsertResult]:
        self.forgotten = self._of_forgotten()
        self._load_leads()
        self._load_events()
        self._load_consent()
        results = [
            _FORGOTTEN if position in self.forgotten else self._take(position, draft, keys)
            for position, (draft, keys) in enumerate(zip(self.drafts, self.keys, strict=True))
        ]
        self._write()
        return results

    def _of_forgotten(self) -> set[int]:
        session, tenant_id = self.session, self.job.tenant_id
        if not tombstones.any_exist(session, tenant_id):
            return set()
        told = [_told(session, tenant_id, keys) for keys in self.keys]
        met = tombstones.match(session, tenant_id, hashes=sorted(set().union(*told)))
        return {position for position, hashes in enumerate(told) if not met.isdisjoint(hashes)}

    def _identities(self) -> dict[_Identity, str]:
        wanted = {keys.identity for keys in self.keys if keys.identity}
        if not wanted:
            return {}
        named = bulk.one_of(self.session, LeadIdentity.external_id, {external for _, external in wanted})
        known = select(LeadIdentity.source_system, LeadIdentity.external_id, LeadIdentity.lead_id).where(
            LeadIdentity.tenant_id == self.job.tenant_id, named
        )
        rows = self.session.execute(known)
        return {(system, external): lead_id for system, external, lead_id in rows if (system, external) in wanted}

    def _load_leads(self) -> None:
        self.book.identities = self._identities()
        # The rows are locked, so that a label set at the same time is not written over (SQLite has one writer anyway).
        rows = select(Lead.__table__).where(Lead.tenant_id == self.job.tenant_id, self._meant()).with_for_update()
        for row in self.session.execute(rows.order_by(Lead.lead_id)).mappings():
            self._enter(dict(row))

    def _meant(self) -> Any:
        wanted = (
            (Lead.lead_id, set(self.book.identities.values())),
            (Lead.email_hash, {keys.email for keys in self.keys if keys.email}),
            (Lead.phone_hash, {keys.phone for keys in self.keys if keys.phone}),
        )
        return or_(*(bulk.one_of(self.session, column, values) for column, values in wanted))

    def _enter(self, row: lead_mapper.Row) -> None:
        lead_id = row["lead_id"]
        self.book.entries[lead_id] = _Entry(
            lead_id=lead_id,
            key=lead_mapper.data_key_of(self.ring, row),
            source_system=row["source_system"],
            external_id=row["external_id"],
            observed_at=row["observed_at"],
            row=row,
            version=row["version"],
            import_ref=row["import_ref"],
        )
        for value in (row["email_hash"], row["phone_hash"]):
            if value is not None:
                self.book.by_hash[value].add(lead_id)

    def _load_events(self) -> None:
        told = [event for draft in self.drafts for event in draft.events]
        self.book.events = event_mapper.known(
            self.session, self.job.tenant_id, lead_ids=list(self.book.entries), drafts=told
        )

    def _load_consent(self) -> None:
        if self.book.entries and any(draft.consent or draft.statements for draft in self.drafts):
            self.book.consent_ids = consent_mapper.known(
                self.session, self.job.tenant_id, lead_ids=list(self.book.entries)
            )

    def _take(self, position: int, draft: LeadDraft, keys: _Keys) -> UpsertResult:
        if not any((keys.identity, keys.email, keys.phone)):
            return UpsertResult(outcome="rejected", lead_id=None, codes=(NO_IDENTITY,))
        meant = self._resolve(keys)
        if len(meant) > 1:
            return UpsertResult(outcome="rejected", lead_id=None, codes=(AMBIGUOUS,))
        if not meant:
            return self._create(self.fresh.get(position) or self._make(draft, keys), keys)
        entry = self.book.entries[next(iter(meant))]
        again = self.job.ref is not None and entry.import_ref == self.job.ref
        result = self._update(entry, draft, keys)
        # It is merged all the same: what only the second row says, a refusal above all, must not be lost.
        return replace(result, outcome="duplicate", codes=(DUPLICATE, *result.codes)) if again else result

    def _resolve(self, keys: _Keys) -> set[str]:
        if keys.identity in self.book.identities:
            return {self.book.identities[keys.identity]}
        for value in (keys.email, keys.phone):
            if value is not None and self.book.by_hash.get(value):
                return self.book.by_hash[value]
        return set()

    def _make(self, draft: LeadDraft, keys: _Keys) -> _Fresh:
        entry = _Entry(
            lead_id=new_id(),
            key=DataKey.generate(),
            source_system=draft.source_system,
            external_id=keys.identity[1] if keys.identity else None,
            observed_at=self._observed(draft),
        )
        codes = self._merge(entry, draft)
        self._sealed(entry)
        told: dict[tuple[str, str], EventDraft] = {}
        for event in draft.events:
            told.setdefault((event.source, event.source_id), event)
        entries, refusals = self._stated(entry, draft, set())
        return _Fresh(
            entry=entry,
            codes=codes,
            events=[self._event(entry, event) for event in told.values()],
            entries=entries,
            refusals=refusals,
        )

    def _stated(
        self, entry: _Entry, draft: LeadDraft, known: set[str]
    ) -> tuple[list[dict[str, Any]], tuple[ConsentStatement, ...]]:
        """Give the rows that a draft adds to the ledger of consent, and what it newly refuses; `known` learns them."""
        if not (draft.consent or draft.statements):
            return [], ()
        return consent_mapper.rows_of(
            draft,
            key=entry.key,
            tenant_id=self.job.tenant_id,
            lead_id=entry.lead_id,
            now=self.job.now,
            import_ref=self.job.ref,
            known=known,
        )

    def _create(self, fresh: _Fresh, keys: _Keys) -> UpsertResult:
        entry, book = fresh.entry, self.book
        book.entries[entry.lead_id] = entry
        self._index(entry)
        self._identify(entry, keys)
        book.new_events += fresh.events
        book.new_entries += fresh.entries
        book.consent_ids.update(row["entry_id"] for row in fresh.entries)
        book.events.update((entry.lead_id, event["source"], event["source_id"]) for event in fresh.events)
        self._touch(entry, changed=True)
        return UpsertResult(outcome="created", lead_id=entry.lead_id, codes=fresh.codes, refusals=fresh.refusals)

    def _update(self, entry: _Entry, draft: LeadDraft, keys: _Keys) -> UpsertResult:
        before = self._content(entry)
        skipping = self.job.policy == "skip_existing"
        draft = consent_mapper.without_settled(draft, lead_id=entry.lead_id, known=self.book.consent_ids)
        codes = self._merge(entry, draft)
        kept = consent_mapper.refusing(draft) if skipping else draft
        entries, refusals = self._stated(entry, kept, self.book.consent_ids)
        self.book.new_entries += entries
        if entry.content != before:
            self._index(entry)
        known = self._identify(entry, keys) if not skipping else False
        happened = self._add_events(entry, draft.events) if not skipping else False
        changed = known or happened or entry.content != before
        if changed:
            entry.observed_at = max(entry.observed_at, self._observed(draft))
        self._touch(entry, changed=changed)
        idle: Outcome = "skipped" if skipping else "unchanged"
        if not changed:
            return UpsertResult(outcome=idle, lead_id=entry.lead_id, codes=codes, refusals=refusals)
        columns = differences(before or Content(), entry.content or Content())
        columns += ("external_id",) * known + ("events",) * happened
        return UpsertResult(outcome="updated", lead_id=entry.lead_id, codes=codes, columns=columns, refusals=refusals)

    def _observed(self, draft: LeadDraft) -> datetime:
        return utc(draft.as_of or self.job.now)

    def _content(self, entry: _Entry) -> Content | None:
        if entry.content is None and entry.row is not None:
            entry.content = lead_mapper.content_of(entry.row, entry.key)
        return entry.content

    def _merge(self, entry: _Entry, draft: LeadDraft) -> tuple[str, ...]:
        merged = merge(self._content(entry), draft, self.job.policy)
        if merged.content != entry.content:
            entry.content, entry.columns = merged.content, None
        return merged.codes

    def _index(self, entry: _Entry) -> None:
        columns = self._sealed(entry)
        for value in (columns["email_hash"], columns["phone_hash"]):
            if value is not None:
                self.book.by_hash[value].add(entry.lead_id)

    def _identify(self, entry: _Entry, keys: _Keys) -> bool:
        if keys.identity is None or keys.identity in self.book.identities:
            return False
        system, external = keys.identity
        self.book.identities[keys.identity] = entry.lead_id
        self.book.new_identities.append(
            {
                "tenant_id": self.job.tenant_id,
                "source_system": system,
                "external_id": external,
                "lead_id": entry.lead_id,
            }
        )
        if entry.external_id is None:
            entry.source_system, entry.external_id = system, external
        return True

    def _add_events(self, entry: _Entry, drafts: Iterable[EventDraft]) -> bool:
        before = len(self.book.new_events)
        for draft in drafts:
            key = (entry.lead_id, draft.source, draft.source_id)
            if key not in self.book.events:
                self.book.events.add(key)
                self.book.new_events.append(self._event(entry, draft))
        return len(self.book.new_events) > before

    def _event(self, entry: _Entry, draft: EventDraft) -> dict[str, Any]:
        return event_mapper.row_of(draft, key=entry.key, tenant_id=self.job.tenant_id, lead_id=entry.lead_id)

    def _touch(self, entry: _Entry, *, changed: bool) -> None:
        entry.touched = entry.touched or entry.import_ref != self.job.ref
        entry.import_ref = self.job.ref or entry.import_ref
        entry.changed = entry.changed or changed
        entry.version += changed

    def _write(self) -> None:
        entries = self.book.entries.values()
        created = [self._columns(entry) for entry in entries if entry.row is None]
        updated = [self._columns(entry) for entry in entries if entry.row is not None and entry.changed]
        bulk.insert_many(self.session, Lead, created)
        bulk.update_many(self.session, Lead, updated)
        self._mark([entry.lead_id for entry in entries if entry.touched and not entry.changed])
        bulk.insert_many(self.session, LeadIdentity, self.book.new_identities)
        bulk.insert_many(self.session, Event, self.book.new_events)
        bulk.insert_many(self.session, ConsentEntry, self.book.new_entries)

    def _columns(self, entry: _Entry) -> dict[str, Any]:
        return self._sealed(entry) | {
            "source_system": entry.source_system,
            "external_id": entry.external_id,
            "version": entry.version,
            "observed_at": entry.observed_at,
            "import_ref": entry.import_ref,
            "changed_at": self.job.now,
        }

    def _sealed(self, entry: _Entry) -> dict[str, Any]:
        if entry.columns is None:
            entry.columns = lead_mapper.columns_of(
                entry.content or Content(),
                ring=self.ring,
                key=entry.key,
                tenant_id=self.job.tenant_id,
                lead_id=entry.lead_id,
            )
            if entry.row is None:
                wrapped = lead_mapper.wrapped(self.ring, self.job.tenant_id, entry.lead_id, entry.key)
                entry.columns |= {"data_key": wrapped, "stored_at": self.job.now}
        return entry.columns

    def _mark(self, lead_ids: Sequence[str]) -> None:
        if lead_ids and self.job.ref is not None:
            met = update(Lead).where(Lead.tenant_id == self.job.tenant_id, Lead.lead_id.in_(lead_ids))
            self.session.execute(met.values(import_ref=self.job.ref), execution_options={"synchronize_session": False})


def _keys_of(draft: LeadDraft, ring: KeyRing, tenant_id: str) -> _Keys:
    external = (draft.external_id or "").strip()
    return _Keys(
        identity=(draft.source_system, external) if external else None,
        email=lead_mapper.hashed(ring, tenant_id, email_key(draft.contact)),
        phone=lead_mapper.hashed(ring, tenant_id, phone_key(draft.contact)),
    )


def _told(session: Session, tenant_id: str, keys: _Keys) -> set[bytes]:
    found = {value for value in (keys.email, keys.phone) if value is not None}
    return found | ({tombstones.for_identity(session, tenant_id, *keys.identity)} if keys.identity else set())
