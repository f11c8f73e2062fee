"""Look up what a rule says and where it comes from: rules of the gates, legal hours and holidays, rules for copy."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from ml.interventions.compliance.holidays import HOLIDAYS
from ml.interventions.compliance.rules import RULES, Rule
from ml.interventions.compliance.zones import LAWS, LegalHours
from ml.interventions.wording import copy_check


def rule(rule_id: str) -> Rule | None:
    """Return the rule of a ruling or a finding; None when there is no such rule.

    >>> rule("quiet.fl").source, rule("fh.adults_only").gate, rule("no.such")
    ('Fla. Stat. 501.616(6)(a)', 'content', None)
    """
    return RULES.rules.get(rule_id) or LAW_RULES.get(rule_id) or _copy_rules().get(rule_id)


@cache
def _copy_rules() -> Mapping[str, Rule]:
    """Return the entries of the copy catalogues by their ids."""
    return {
        entry.id: Rule(id=entry.id, gate="content", text=entry.suggestion or entry.cls, source=entry.source)
        for entry in (*copy_check.catalogue().entries, *(shape.entry for shape in copy_check.shapes()))
    }


def _law_text(law: LegalHours) -> str:
    """Return a law in words."""
    if law.holidays:
        names = ", ".join(day.name for key, day in HOLIDAYS.days.items() if key in law.holidays)
        return f"No calls and texts on legal holidays ({law.state}): {names}."
    return (
        f"Calls and texts, Monday {_clock(law.days[0])}, Saturday {_clock(law.days[5])}, "
        f"Sunday {_clock(law.days[6])} on the lead's clock ({law.state})."
    )


def _clock(hours: tuple[float, float]) -> str:
    return f"{hours[0]:g} to {hours[1]:g}" if hours[0] < hours[1] else "closed"


#: legal hours and holidays by their ids
LAW_RULES = {law.id: Rule(id=law.id, gate="quiet_hours", text=_law_text(law), source=law.source) for law in LAWS}
