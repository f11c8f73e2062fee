"""Answers of `hearth.models.decide`, `.rollback` and `.history`."""

from __future__ import annotations

from tasks.contracts.answers.base import Answer
from tasks.contracts.base.published import Count, Published, Time


class ModelDecision(Answer):
    """Who computes the scores of a kind from now on."""

    kind: str
    #: null: no model of the tenant's own
    champion: str | None
    #: who did until now; null: no model of the tenant's own, or nothing changed
    retired: str | None


class ModelChange(Published):
    """One change of the champion, or one verdict on a challenger."""

    #: promotion, rollback, shadow, waiting, refusal or comparison
    change: str
    #: the model that it is about
    version: str
    #: champion before and after; null: no model of the tenant's own
    from_version: str | None
    to_version: str | None
    #: who decided it; `hearth` where a rule did
    actor: str
    reason: str
    #: number of the comparison among those with the champion of then; null: nothing was compared
    look: Count | None
    at: Time


class ModelHistory(Answer):
    """Who answered at a time, and what was decided."""

    kind: str
    at: Time
    #: null: no model of the tenant's own answered then
    version: str | None
    since: Time | None
    #: newest first
    changes: list[ModelChange]
