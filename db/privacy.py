"""The registry of personal data: every table, the column that names people, its retention, and what erasure does.

A test fails when a table is missing here. `delete`: the subject's rows are deleted. `scrub`: the row belongs to
something else (a batch, a job, a message), so what names the subject is removed, or the row is deleted when it is about
nobody else. `mark`: the row stays and is marked for renewal. `keep`: nothing in it identifies anybody once the rest is
gone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

Category = Literal["profile", "behaviour", "features", "scores", "imports", "messages", "results", "told", "exports"]
Kept = Literal["models", "proof", "settings", "operation"]
Action = Literal["delete", "scrub", "mark", "keep"]

#: days that a category is kept unless the tenant sets fewer; None: without limit
DAYS: Mapping[Category, int | None] = {
    "profile": None,
    "behaviour": 1095,
    "features": 1095,
    "scores": 1095,
    "imports": 90,
    "messages": 30,
    "results": 90,
    "told": 90,
    "exports": 30,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """One table, with what concerns people in it."""

    table: str
    #: the kind of data, which decides its retention
    category: Category | Kept
    #: what erasure does to it
    action: Action
    #: the column that holds the lead's id; None where rows name people inside a document, or not at all
    subject: str | None = None
    #: the column from whose time the days count; None: rows go with what they belong to, or never
    age: str | None = None
    #: explains the table to a reader
    note: str


STORES: tuple[Store, ...] = (
    Store(table="tenants", category="settings", action="keep", note="the customer, no lead"),
    Store(table="tenant_settings", category="settings", action="keep", note="settings and who changed them"),
    Store(
        table="api_keys",
        category="settings",
        action="keep",
        note="keys of the tenant's programs, who made them and when; no lead",
    ),
    Store(
        table="leads",
        category="profile",
        action="delete",
        subject="lead_id",
        note="contact and custom columns are sealed with the lead's own key, which goes with the row",
    ),
    Store(
        table="lead_identities",
        category="profile",
        action="delete",
        subject="lead_id",
        note="ids under which sources know the lead",
    ),
    Store(
        table="consent_entries",
        category="profile",
        action="delete",
        subject="lead_id",
        note="who agreed or refused, when, by which words: the proof stays as long as the lead; words are sealed",
    ),
    Store(
        table="corrections",
        category="profile",
        action="delete",
        subject="lead_id",
        note="facts that a person corrected: who, when, which; the values are sealed and stay as long as the lead",
    ),
    Store(table="consent_readings", category="operation", action="keep", note="how far leads were read again, counts"),
    Store(
        table="events",
        category="behaviour",
        action="delete",
        subject="lead_id",
        age="recorded_at",
        note="message texts are sealed with the lead's key",
    ),
    Store(
        table="message_analyses",
        category="behaviour",
        action="delete",
        subject="lead_id",
        note="what was read in a message (sentiment, tone, facts), sealed with the lead's key; goes with its event",
    ),
    Store(
        table="raw_events",
        category="messages",
        action="scrub",
        subject="lead_id",
        age="received_at",
        note="events as they came, sealed with the lead's key; those that meant no lead yet are opened and searched",
    ),
    Store(
        table="entity_states",
        category="behaviour",
        action="scrub",
        subject="lead_id",
        age="at",
        note="keyed hashes of what a source told last, under the source's own ids",
    ),
    Store(table="rescore_due", category="operation", action="delete", subject="lead_id", note="when to score next"),
    Store(
        table="snapshots",
        category="features",
        action="delete",
        subject="lead_id",
        age="as_of",
        note="feature vectors, and for some hours what they were made of, sealed with the lead's key",
    ),
    Store(
        table="predictions",
        category="scores",
        action="delete",
        subject="lead_id",
        age="computed_at",
        note="scores and reasons",
    ),
    Store(
        table="online_heads",
        category="models",
        action="mark",
        note="how far online learners are; one that learnt a signal of the lead is built anew without it (rebuild_at)",
    ),
    Store(
        table="online_checkpoints",
        category="models",
        action="scrub",
        note="what an online learner knows, sealed under the key ring; deleted where it learnt a signal of the lead",
    ),
    Store(
        table="signal_scores",
        category="scores",
        action="delete",
        subject="lead_id",
        age="learnt_at",
        note="online scores of the lead's signals, when they were served and when their label was learnt",
    ),
    Store(
        table="online_signals",
        category="features",
        action="delete",
        subject="lead_id",
        note="what became of the lead's scored snapshots, by target, with the score of then; goes with its snapshot",
    ),
    Store(
        table="signal_counters",
        category="operation",
        action="keep",
        note="labels that each target has had, and up to which moment horizons were looked at; the id of one snapshot",
    ),
    Store(
        table="score_digests",
        category="operation",
        action="keep",
        note="counts of scores by band until they are told as one event, no id of a lead",
    ),
    Store(
        table="reply_clocks",
        category="operation",
        action="keep",
        note="counts of a tenant's replies by hour and channel, no id of a lead; counted anew each day, and within the "
        "hour after a lead was erased",
    ),
    Store(
        table="score_overrides",
        category="scores",
        action="delete",
        subject="lead_id",
        note="people's own judgements, by a code and who gave it; one that stands stays as long as the lead",
    ),
    Store(
        table="score_marks",
        category="scores",
        action="delete",
        subject="lead_id",
        age="marked_at",
        note="scores that somebody called wrong, by a code and who did",
    ),
    Store(
        table="score_levels",
        category="operation",
        action="delete",
        subject="lead_id",
        note="thresholds that the lead's score is above",
    ),
    Store(
        table="interventions",
        category="scores",
        action="delete",
        subject="lead_id",
        age="expires_at",
        note="actions planned for the lead, the decisions on them and who reviewed them; the days count from their end",
    ),
    Store(
        table="enrolments",
        category="scores",
        action="delete",
        subject="lead_id",
        age="settled_at",
        note="the side of an experiment that the lead is on, and how it ended; the days count from then",
    ),
    Store(table="risk_checks", category="operation", action="delete", subject="lead_id", note="when to look next"),
    Store(
        table="intervention_pauses",
        category="settings",
        action="keep",
        note="types of intervention that are not planned, figures over many leads, and who paused them",
    ),
    Store(
        table="plan_releases",
        category="settings",
        action="keep",
        note="what staff said to plans that waited: who, when, which types, how many actions; no lead",
    ),
    Store(
        table="assessments",
        category="scores",
        action="scrub",
        age="finished_at",
        note="lists of lead and snapshot ids; one of this lead alone is closed and emptied",
    ),
    Store(
        table="model_versions",
        category="models",
        action="mark",
        note="a model trained on the lead is marked for retraining (retrain_at)",
    ),
    Store(
        table="model_changes",
        category="proof",
        action="keep",
        note="which model answered when, who decided it and why, by figures over many leads; no lead",
    ),
    Store(
        table="model_lineages",
        category="models",
        action="scrub",
        note="sealed keyed hashes of the leads a model was trained on; the lead's hash is taken out",
    ),
    Store(
        table="pool_lineages",
        category="models",
        action="scrub",
        note="as model_lineages, of a model that several tenants were learnt from",
    ),
    Store(
        table="monitoring_windows",
        category="models",
        action="keep",
        note="how a model did in a window: figures over many leads, no lead",
    ),
    Store(table="drift_findings", category="models", action="keep", note="when a model drifted, in figures; no lead"),
    Store(
        table="retrainings",
        category="models",
        action="keep",
        note="runs of retraining: why, which models came of it, figures over many leads; no lead",
    ),
    Store(
        table="shadow_scores",
        category="scores",
        action="delete",
        subject="lead_id",
        age="scored_at",
        note="what a model that does not answer says of the lead, beside the score that was served; no person sees it",
    ),
    Store(table="tuning_studies", category="models", action="keep", note="searches for hyperparameters; no lead"),
    Store(table="tuning_trials", category="models", action="keep", note="what a search tried, and mean losses"),
    Store(table="tuning_folds", category="models", action="keep", note="figures over many leads; no lead"),
    Store(table="backfills", category="imports", action="keep", note="the import, its columns and counts; no row"),
    Store(table="backfill_chunks", category="imports", action="keep", note="counts of a run of rows"),
    Store(
        table="rejected_rows",
        category="imports",
        action="scrub",
        note="original cells, sealed; rows that name the lead go, from the error file too",
    ),
    Store(
        table="compared_rows",
        category="imports",
        action="scrub",
        subject="lead_id",
        note="ids of leads while a file is compared with them, and of rows that are not stored; gone when it ends",
    ),
    Store(
        table="processed",
        category="results",
        action="scrub",
        age="finished_at",
        note="first answers; ids and scores of the lead are taken out, keys and task ids that tell of it are replaced; "
        "any other key stays so that nothing runs twice",
    ),
    Store(
        table="outbox",
        category="messages",
        action="scrub",
        age="done_at",
        note="tasks to be published; one about this lead alone is dropped; what came by HTTP is sealed until it has "
        "ended, and opened and searched",
    ),
    Store(
        table="quarantine",
        category="messages",
        action="scrub",
        age="settled_at",
        note="messages nobody could run, and events that came before their tenant, sealed; opened, and the lead's part "
        "is taken out; what waits for a tenant is deleted after 30 days",
    ),
    Store(table="quarantine_tallies", category="operation", action="keep", note="counts"),
    Store(
        table="outbound_events",
        category="told",
        action="scrub",
        age="created_at",
        note="the event becomes `event.withdrawn` without content, since the stream has no gaps",
    ),
    Store(
        table="outbound_deliveries",
        category="told",
        action="delete",
        subject="lead_id",
        note="goes with its event: what was not delivered is not delivered any more",
    ),
    Store(table="outbound_counters", category="operation", action="keep", note="a number"),
    Store(table="outbound_targets", category="operation", action="keep", note="the receiver's circuit breaker"),
    Store(
        table="crm_sends",
        category="told",
        action="delete",
        subject="lead_id",
        age="changed_at",
        note="requests that the sender sent to the CRM: which, when, how they ended; never what they said",
    ),
    Store(
        table="crm_messages",
        category="told",
        action="delete",
        subject="lead_id",
        age="sent_at",
        note="the CRM's ids of messages that the sender sent, so that their echo is no news",
    ),
    Store(table="crm_senders", category="operation", action="keep", note="how far the sender is with a tenant"),
    Store(
        table="audit",
        category="proof",
        action="keep",
        note="no personal data; lead ids in it lead nowhere once the lead is gone, and the chain stays whole",
    ),
    Store(table="audit_heads", category="proof", action="keep", note="the newest hash of each chain"),
    Store(table="erasures", category="proof", action="keep", note="counts of what was erased, no id of the lead"),
    Store(
        table="tombstones",
        category="proof",
        action="keep",
        note="keyed hashes of identities, so that a forgotten person is not imported again",
    ),
    Store(
        table="offboardings",
        category="proof",
        action="keep",
        note="counts of what was deleted with a whole tenant, no id of a lead",
    ),
    Store(table="key_marks", category="operation", action="keep", note="keyed hashes of the key ring's own keys"),
    Store(table="leases", category="operation", action="scrub", note="who works on what, by ids of tasks"),
    Store(table="schedule_slots", category="operation", action="keep", note="times"),
    Store(
        table="attempts", category="operation", action="scrub", note="task ids and codes; ids that tell of the lead go"
    ),
    Store(table="canaries", category="operation", action="keep", note="times of messages that carry nothing"),
)

CATEGORIES: tuple[Category, ...] = get_args(Category)


def retention_days(category: Category, chosen: Mapping[str, int]) -> int | None:
    """Return the days that a category is kept: the tenant's own where they are fewer than ours; None: no limit."""
    limits = [limit for limit in (DAYS[category], chosen.get(category)) if limit is not None]
    return min(limits, default=None)
