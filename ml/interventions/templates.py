"""What Hearth writes of an action: a message to the lead, or a task or note for the agent; never personal data."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

from ml.interventions.catalogue import Action, Catalogue
from ml.interventions.names import INTERVENTIONS, PLAIN, SITUATIONS

#: a brokerage's name in a message; the rest of a longer one is cut
_LONGEST_NAME = 40
#: what could turn a name into a placeholder, markup or a second line
_ODD = re.compile(r"[\x00-\x1f\x7f{}<>\[\]%$|\\]+")
_NOBODY = "Your real estate team"


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What is written of one action."""

    #: an e-mail's subject, a task's title
    title: str | None = None
    #: plain text; None where the CRM's own text goes out
    text: str | None = None


def words(catalogue: Catalogue, about: str, action: Action, *, name: str | None = None) -> Words:
    """Write an action; `about` is its intervention, or the situation that decided, `name` the brokerage's, as `tidy`.

    >>> from ml.interventions.catalogue import CATALOGUE
    >>> words(CATALOGUE, "neglected", CATALOGUE.actions["call_task"]).title
    'Call: make first contact'
    >>> print(words(CATALOGUE, "social_proof", CATALOGUE.actions["sms"], name="Harbor Homes").text)
    Harbor Homes: If you are weighing your choices, we are glad to show you how we work. What would you like to know
    before you decide? Reply STOP to opt out.
    """
    said, what = catalogue.wording, action.name
    match action.writes:
        case "sms":
            return Words(text=_sms(said["opening"][about], _question(said, about, what), name))
        case "email":
            text = _email(said["opening"][about], _question(said, about, what), name)
            return Words(title=said["subject"][about], text=text)
        case "task":
            title = f"{said['title'][what]}: {said['purpose'][about]}"
            return Words(title=title, text=f"{said['why'][about]} {said['todo'][what]}")
        case "note":
            return Words(text=f"{said['why'][about]} {said['todo'][what]}")
        case "nothing":
            return Words()


def tidy(name: str | None) -> str | None:
    """Give a brokerage's name as it may stand in a message; None where nothing is left of it.

    >>> tidy("  Harbor {{Homes}} "), tidy(" "), tidy(None)
    ('Harbor Homes', None, None)
    """
    plain = " ".join(_ODD.sub(" ", name or "").split())
    return plain[:_LONGEST_NAME].strip() or None


def every(catalogue: Catalogue, *, name: str | None = None) -> Mapping[tuple[str, str], Words]:
    """Write all that a catalogue can lead to: (intervention or situation, action) -> words."""
    own = [(one, action) for one in INTERVENTIONS for action in catalogue.interventions[one].actions]
    decided = [pair for one in SITUATIONS for pair in product([one], catalogue.situations[one].actions)]
    return {
        (about, action): words(catalogue, about, catalogue.actions[action], name=name)
        for about, action in [*own, *decided]
        if action in catalogue.actions
    }


def _question(said: Mapping[str, Mapping[str, str]], about: str, what: str) -> str:
    return said["ask"][about] if what in PLAIN else said["question"][what]


def _sms(opening: str, question: str, name: str | None) -> str:
    greeting = f"{name}: " if name else ""
    return f"{greeting}{opening} {question} Reply STOP to opt out."


def _email(opening: str, question: str, name: str | None) -> str:
    leave = "If you would rather not hear from us, just reply and say so."
    return f"Hello,\n\n{opening}\n\n{question}\n\n{leave}\n\nKind regards,\n{name or _NOBODY}"
