"""Step 2 of an upsert: merge drafts, in the order given, into what is stored. No SQL: changes are returned as rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from db.base import NewRow, new_id, utc
from db.encryption import DataKey
from db.merging import LeadContent, changed_columns, merge
from db.records import ConsentStatement, EventDraft, LeadDraft, Outcome, UpsertResult
from db.repositories.consent import consent_mapper
from db.repositories.events import event_mapper
from db.repositories.leads import lead_mapper
from db.repositories.leads.upsert.resolve import LeadIndex, LookupKeys, StoredLeads, UpsertContext
from db.repositories.privacy import corrections, tombstones
from db.repositories.privacy.corrections import RefusedValues

NO_IDENTITY = "row.no_identity"
AMBIGUOUS = "row.ambiguous_identity"
DUPLICATE = "row.duplicate_in_file"
POSSIBLE_DUPLICATE = "row.possible_duplicate"
_FORGOTTEN = UpsertResult(outcome="rejected", lead_id=None, codes=(tombstones.FORGOTTEN,))


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """Rows to be written."""

    created: Sequence[NewRow]
    updated: Sequence[NewRow]
    #: leads that the import brought and did not change
    unchanged: Sequence[str]
    identities: Sequence[NewRow]
    events: Sequence[NewRow]
    consent_entries: Sequence[NewRow]


@dataclass(slots=True, kw_only=True)
class LeadState:
    """A lead while drafts are merged into it."""

    lead_id: str
    key: DataKey
    source_system: str
    external_id: str | None
    observed_at: datetime
    #: None: not stored yet
    row: lead_mapper.LeadRow | None = None
    #: None: not opened yet, or new
    content: LeadContent | None = None
    #: the columns of the content, sealed; None: to be sealed
    columns: NewRow | None = None
    version: int = 0
    import_ref: str | None = None
    loaded_version: int | None = None
    changed: bool = False
    #: whether this import brought it for the first time
    touched: bool = False

    def open(self) -> LeadContent | None:
        """Return the content as of now, opened where it is stored; None for a new lead without any."""
        if self.content is None and self.row is not None:
            self.content = lead_mapper.to_content(self.row, self.key)
        return self.content

    def merge(self, draft: LeadDraft, context: UpsertContext) -> tuple[str, ...]:
        """Merge a draft; return the codes of warnings."""
        merged = merge(self.open(), draft, context.policy)
        if merged.content != self.content:
            self.content, self.columns = merged.content, None
        return merged.codes

    def touch(self, import_ref: str | None, *, changed: bool) -> None:
        """Record that a draft was merged, and whether it changed anything."""
        self.touched = self.touched or self.import_ref != import_ref
        self.import_ref = import_ref or self.import_ref
        self.changed = self.changed or changed
        self.version += changed

    def sealed(self, context: UpsertContext) -> NewRow:
        """Return the columns of the content; they are sealed once for each change."""
        if self.columns is None:
            self.columns = lead_mapper.to_columns(
                self.content or LeadContent(),
                ring=context.ring,
                key=self.key,
                tenant_id=context.tenant_id,
                lead_id=self.lead_id,
            )
            if self.row is None:
                wrapped = lead_mapper.wrap_data_key(context.ring, context.tenant_id, self.lead_id, self.key)
                self.columns |= {"data_key": wrapped, "stored_at": context.now}
        return self.columns

    def to_row(self, context: UpsertContext) -> NewRow:
        """Return the row to be written."""
        return self.sealed(context) | {
            "source_system": self.source_system,
            "external_id": self.external_id,
            "version": self.version,
            "observed_at": self.observed_at,
            "import_ref": self.import_ref,
            "loaded_version": self.version if context.loading else self.loaded_version,
            "changed_at": context.now,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLead:
    """A lead that no store knows, sealed and ready to be written."""

    lead: LeadState
    codes: tuple[str, ...]
    events: Sequence[NewRow]
    consent_entries: Sequence[NewRow]
    refusals: tuple[ConsentStatement, ...]


def new_lead(draft: LeadDraft, keys: LookupKeys, context: UpsertContext) -> NewLead:
    """Make a lead out of a draft."""
    lead = LeadState(
        lead_id=new_id(),
        key=DataKey.generate(),
        source_system=draft.source_system,
        external_id=keys.identity[1] if keys.identity else None,
        observed_at=_observed_at(draft, context),
    )
    codes = lead.merge(draft, context)
    lead.sealed(context)
    events: dict[tuple[str, str], EventDraft] = {}
    for event in draft.events:
        events.setdefault((event.source, event.source_id), event)
    entries, refusals = _consent_entries(lead, draft, set(), context)
    return NewLead(
        lead=lead,
        codes=codes,
        events=[_event_row(lead, event, context) for event in events.values()],
        consent_entries=entries,
        refusals=refusals,
    )


def merge_drafts(
    drafts: Sequence[LeadDraft],
    keys: Sequence[LookupKeys],
    stored: StoredLeads,
    prepared: Mapping[int, NewLead],
    context: UpsertContext,
    *,
    refused: RefusedValues,
) -> tuple[list[UpsertResult], Changes]:
    """Merge the drafts of a batch; return one result each and the rows to be written.

    `prepared` are leads made before the lock, by position; one whose lead turns out to be stored is not used.
    `refused` are values of stored leads that a person corrected: a draft does not bring them back.
    """
    batch = _BatchMerge(stored, context, refused)
    results = [
        _FORGOTTEN if position in stored.forgotten else batch.merge(draft, draft_keys, prepared.get(position))
        for position, (draft, draft_keys) in enumerate(zip(drafts, keys, strict=True))
    ]
    return results, batch.changes()


class _BatchMerge:
    """The leads of a batch; a draft finds what the drafts before it have made of them."""

    def __init__(self, stored: StoredLeads, context: UpsertContext, refused: RefusedValues) -> None:
        self._context = context
        self._refused = refused
        self._index = LeadIndex(stored, context.merge_on)
        self._leads = {row["lead_id"]: _stored_lead(row, context) for row in stored.rows}
        for row in stored.rows:
            self._index.add_hashes(row["lead_id"], email=row["email_hash"], phone=row["phone_hash"])
        self._event_keys = set(stored.event_keys)
        self._consent_ids = set(stored.consent_ids)
        self._identities: list[NewRow] = []
        self._events: list[NewRow] = []
        self._consent_entries: list[NewRow] = []

    def merge(self, draft: LeadDraft, keys: LookupKeys, prepared: NewLead | None) -> UpsertResult:
        if not keys.any():
            return UpsertResult(outcome="rejected", lead_id=None, codes=(NO_IDENTITY,))
        found = self._index.find(keys)
        if len(found.lead_ids) > 1:
            return UpsertResult(outcome="rejected", lead_id=None, codes=(AMBIGUOUS,))
        if not found.lead_ids:
            created = self._create(prepared or new_lead(draft, keys, self._context), keys)
            return replace(created, codes=(POSSIBLE_DUPLICATE, *created.codes)) if found.apart else created
        lead = self._leads[next(iter(found.lead_ids))]
        again = self._context.import_ref is not None and lead.import_ref == self._context.import_ref
        result = self._update(lead, draft, keys)
        # It is merged all the same: what only the second row says, a refusal above all, must not be lost.
        return replace(result, outcome="duplicate", codes=(DUPLICATE, *result.codes)) if again else result

    def changes(self) -> Changes:
        leads = self._leads.values()
        return Changes(
            created=[lead.to_row(self._context) for lead in leads if lead.row is None],
            updated=[lead.to_row(self._context) for lead in leads if lead.row is not None and lead.changed],
            unchanged=[lead.lead_id for lead in leads if lead.touched and not lead.changed],
            identities=self._identities,
            events=self._events,
            consent_entries=self._consent_entries,
        )

    def _create(self, new: NewLead, keys: LookupKeys) -> UpsertResult:
        lead = new.lead
        self._leads[lead.lead_id] = lead
        self._index_hashes(lead)
        self._add_identity(lead, keys)
        self._events += new.events
        self._event_keys.update((lead.lead_id, event["source"], event["source_id"]) for event in new.events)
        self._consent_entries += new.consent_entries
        self._consent_ids.update(entry["entry_id"] for entry in new.consent_entries)
        lead.touch(self._context.import_ref, changed=True)
        return UpsertResult(outcome="created", lead_id=lead.lead_id, codes=new.codes, refusals=new.refusals)

    def _update(self, lead: LeadState, draft: LeadDraft, keys: LookupKeys) -> UpsertResult:
        before = lead.open()
        skipping = self._context.policy == "skip_existing"
        kept = corrections.without_refused(draft, self._refused.get(lead.lead_id, {}))
        corrected = (corrections.CORRECTED,) if kept is not draft else ()
        draft = consent_mapper.without_known_doubts(kept, lead_id=lead.lead_id, stored_ids=self._consent_ids)
        codes = (*lead.merge(draft, self._context), *corrected)
        stated = consent_mapper.refusals_only(draft) if skipping else draft
        entries, refusals = _consent_entries(lead, stated, self._consent_ids, self._context)
        self._consent_entries += entries
        if lead.content != before:
            self._index_hashes(lead)
        new_identity = False if skipping else self._add_identity(lead, keys)
        new_events = False if skipping else self._add_events(lead, draft.events)
        changed = new_identity or new_events or lead.content != before
        if changed:
            lead.observed_at = max(lead.observed_at, _observed_at(draft, self._context))
        lead.touch(self._context.import_ref, changed=changed)
        unchanged: Outcome = "skipped" if skipping else "unchanged"
        if not changed:
            return UpsertResult(outcome=unchanged, lead_id=lead.lead_id, codes=codes, refusals=refusals)
        columns = changed_columns(before or LeadContent(), lead.content or LeadContent())
        columns += ("external_id",) * new_identity + ("events",) * new_events
        return UpsertResult(outcome="updated", lead_id=lead.lead_id, codes=codes, columns=columns, refusals=refusals)

    def _index_hashes(self, lead: LeadState) -> None:
        columns = lead.sealed(self._context)
        self._index.add_hashes(lead.lead_id, email=columns["email_hash"], phone=columns["phone_hash"])

    def _add_identity(self, lead: LeadState, keys: LookupKeys) -> bool:
        if keys.identity is None or not self._index.add_identity(lead.lead_id, keys.identity):
            return False
        system, external = keys.identity
        self._identities.append(
            {
                "tenant_id": self._context.tenant_id,
                "source_system": system,
                "external_id": external,
                "lead_id": lead.lead_id,
            }
        )
        if lead.external_id is None:
            lead.source_system, lead.external_id = system, external
        return True

    def _add_events(self, lead: LeadState, drafts: Iterable[EventDraft]) -> bool:
        before = len(self._events)
        for draft in drafts:
            key = (lead.lead_id, draft.source, draft.source_id)
            if key not in self._event_keys:
                self._event_keys.add(key)
                self._events.append(_event_row(lead, draft, self._context))
        return len(self._events) > before


def _stored_lead(row: lead_mapper.LeadRow, context: UpsertContext) -> LeadState:
    return LeadState(
        lead_id=row["lead_id"],
        key=lead_mapper.unwrap_data_key(context.ring, row),
        source_system=row["source_system"],
        external_id=row["external_id"],
        observed_at=row["observed_at"],
        row=row,
        version=row["version"],
        import_ref=row["import_ref"],
        loaded_version=row["loaded_version"],
    )


def _consent_entries(
    lead: LeadState, draft: LeadDraft, stored_ids: set[str], context: UpsertContext
) -> tuple[list[NewRow], tuple[ConsentStatement, ...]]:
    """Return the ledger rows that a draft adds, and its new refusals; add their ids to `stored_ids`."""
    if not (draft.consent or draft.statements):
        return [], ()
    return consent_mapper.new_rows(
        draft,
        key=lead.key,
        tenant_id=context.tenant_id,
        lead_id=lead.lead_id,
        now=context.now,
        import_ref=context.import_ref,
        stored_ids=stored_ids,
    )


def _event_row(lead: LeadState, draft: EventDraft, context: UpsertContext) -> NewRow:
    return event_mapper.to_row(draft, key=lead.key, tenant_id=context.tenant_id, lead_id=lead.lead_id)


def _observed_at(draft: LeadDraft, context: UpsertContext) -> datetime:
    return utc(draft.as_of or context.now)
