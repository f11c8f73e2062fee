"""What an answer of a CRM means for the request: sent, refused, to be sent again, or unsure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from workers.delivery.sender.client import Answer
from workers.delivery.webhook import seconds_to_wait

#: seconds that are waited after 429 without Retry-After: the window of the CRMs that there are
TOO_MANY = 10.0
#: statuses with which a server says that it did not begin: 408 (request not complete), 425 (too early), 503
_NOT_BEGUN = frozenset({408, 425, 503})
#: statuses about the token: it is wrong, or it may not do this
_TOKEN = frozenset({401, 403})

#: sent · refused: for good · later: the CRM is busy, no fault of the request · again: it surely had no effect · unsure:
#: it may have had one · token: nobody's request is taken
Kind = Literal["sent", "refused", "later", "again", "unsure", "token"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What became of a request."""

    kind: Kind
    #: why; None when sent and understood
    code: str | None = None
    #: seconds that the CRM asked us to wait
    after: float | None = None

    @property
    def is_failure(self) -> bool:
        """Return whether the CRM itself fails, whatever is sent."""
        return self.kind in {"again", "unsure", "token"}


def verdict_of(answer: Answer, *, idempotent: bool) -> Verdict:
    """Return what an answer means; what may have had an effect is sent again only where that does no harm."""
    found = _of_status(answer)
    if found.kind == "unsure" and idempotent:
        return Verdict(kind="again", code=found.code, after=found.after)
    return found


def _of_status(answer: Answer) -> Verdict:
    status = answer.status
    if status is None:
        return Verdict(kind="unsure" if answer.may_have_arrived else "again", code=answer.code)
    if 200 <= status < 300:
        return Verdict(kind="sent", code=None if isinstance(answer.body, dict) or status == 204 else "unread")
    after = seconds_to_wait(answer.headers.get("retry-after"))
    kind: Kind = "unsure" if status >= 500 else "refused"
    if status == 429:
        kind, after = "later", TOO_MANY if after is None else after
    elif status in _TOKEN:
        kind = "token"
    elif status in _NOT_BEGUN:
        kind = "again"
    return Verdict(kind=kind, code=f"http.{status}", after=after)
