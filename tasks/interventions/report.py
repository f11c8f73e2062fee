"""`hearth.interventions.report`: whether interventions help, over all of them and by type."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from db.records import EnrolmentTally, PauseRecord
from db.repositories.interventions import interventions, pauses
from db.session import Session
from domain.documents import JsonObject
from domain.interventions import INTERVENTIONS
from ml.experiments.verdicts import Report, TypeVerdict
from tasks.contracts.reports import InterventionsReport
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.task import query
from tasks.services.interventions import experiment, plan_wait
from tasks.services.interventions.effect_views import effect_view
from tasks.services.interventions.intervention_settings import InterventionSettings, settings_of

#: the pause of every type at once
EVERY = "*"
NOTHING_YET = (
    "No lead was planned for yet. Assess the open leads, by the task hearth.pipelines.assess or `hearth assess --all`: "
    "those at risk are planned for at its end."
)
ALL_BLOCKED = "The gates allowed no action for any lead at risk; a lead's card says which of them and why."
LOPSIDED = (
    "But the sides do not hold the shares of leads that chance would have put there, so something else may have sorted "
    "them: trust no difference before it is known what."
)
WAITS = (
    "A plan waits for a person's yes, and nobody is sent to before: {} actions for {} leads. Say yes or no by the task "
    "hearth.interventions.release or `hearth interventions release`."
)
STOPPED = "Nothing is planned or sent at present: {}."


@query("hearth.interventions.report", InterventionsReport, queue="inference", scope="read")
def report(session: Session, request: InterventionsReport, context: TaskContext) -> TaskResult:
    """Leads sent to and held out, how they ended, the difference with its interval, and the verdict with its reason."""
    settings = settings_of(context.settings())
    measured = experiment.measure(session, context.tenant_id, share=settings.holdout, now=context.now)
    tallies = experiment.tallies(session, context.tenant_id)
    enrolled, states = _by_arm(tallies), _by_state(interventions.counts(session, context.tenant_id))
    paused = pauses.active(session, context.tenant_id)
    plan = plan_wait.wait_view(session, context.tenant_id)
    waits = None if plan is None else WAITS.format(plan["actions"], plan["leads"])
    reason = measured.reason if tallies else None if waits else ALL_BLOCKED if states else NOTHING_YET
    lopsided = LOPSIDED if experiment.lopsided(tallies) else None
    if lopsided is not None:
        context.warn("sample_ratio", "held_out")
    return TaskResult(
        data={
            "tenant_id": context.tenant_id,
            "experiment": experiment.EXPERIMENT,
            "share": settings.holdout,
            "sent": enrolled[False],
            "held_out": enrolled[True],
            "settled": {"sent": measured.treated.count, "held_out": measured.holdout.count},
            **effect_view(measured.effect),
            "detectable_effect": measured.detectable,
            "weeks_needed": measured.weeks_needed,
            "verdict": measured.verdict,
            "reason": " ".join(filter(None, (waits, reason, lopsided, _stopped(settings, paused)))),
            "types": _types(measured, tallies, paused),
            "actions": states,
            "plan": plan,
        },
        status="ok" if tallies else "insufficient_data",
        as_of=context.now,
    )


def _by_arm(tallies: Iterable[EnrolmentTally], intervention: str | None = None) -> Counter[bool]:
    """Count leads by whether they are held out, of one type or of all."""
    arms: Counter[bool] = Counter()
    for tally in tallies:
        if intervention in (None, tally.intervention):
            arms[tally.held_out] += tally.count
    return arms


def _types(measured: Report, tallies: Sequence[EnrolmentTally], paused: Mapping[str, PauseRecord]) -> list[JsonObject]:
    """Return each type that was ever planned or is paused, in the catalogue's order."""
    names = {tally.intervention for tally in tallies} | set(paused) - {EVERY}
    ordered = [name for name in INTERVENTIONS if name in names]
    return [
        _type(name, measured.types.get(name), _by_arm(tallies, name), paused.get(name) or paused.get(EVERY))
        for name in (*ordered, *sorted(names - set(ordered)))
    ]


def _type(name: str, verdict: TypeVerdict | None, arms: Counter[bool], pause: PauseRecord | None) -> JsonObject:
    """Return one type: its own rates, and its difference as far as it was measured, shrunk towards the other types."""
    uplift = verdict.uplift if verdict and verdict.effect.difference is not None else None
    return {
        "intervention": name,
        "sent": arms[False],
        "held_out": arms[True],
        "rates": {
            "sent": verdict.effect.treated_rate if verdict else None,
            "held_out": verdict.effect.holdout_rate if verdict else None,
        },
        "difference": uplift.estimate if uplift else None,
        "interval": (uplift.low, uplift.high) if uplift else None,
        "paused": None if pause is None else {"reason": pause.reason, "by": pause.paused_by, "at": pause.paused_at},
    }


def _stopped(settings: InterventionSettings, paused: Mapping[str, PauseRecord]) -> str | None:
    """Return the sentence that says why nothing is planned at all; None where something is."""
    if settings.kill_switch:
        return STOPPED.format("the kill switch is on")
    return STOPPED.format("every type is paused") if EVERY in paused else None


def _by_state(counts: Mapping[tuple[str, str], int]) -> dict[str, int]:
    states: Counter[str] = Counter()
    for (_, state), count in counts.items():
        states[state] += count
    return dict(sorted(states.items()))
