"""Write the text of an action: a message to the lead, or a task or note for the agent; never personal data."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from domain.interventions import INTERVENTIONS, PLAIN_MESSAGES, SITUATIONS
from ml.interventions.catalogue import Action, Catalogue

#: most characters of a brokerage's name in a message; the rest is cut
_LONGEST_NAME = 40
#: characters that could turn a name into a placeholder, markup or a second line
_ODD = re.compile(r"[\x00-\x1f\x7f{}<>\[\]%$|\\]+")
_NAMELESS = "Your real estate team"


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionText:
    """The text of one action."""

    #: an e-mail's subject, a task's title
    title: str | None = None
    #: plain text; None when the CRM sends its own text
    text: str | None = None


def action_text(catalogue: Catalogue, about: str, action: Action, *, name: str | None = None) -> ActionText:
    """Return the text of an action.

    `about` is its intervention, or the situation that decided; `name` is the brokerage's, cleaned by `clean_name`.

    >>> from ml.interventions.catalogue import CATALOGUE
    >>> action_text(CATALOGUE, "neglected", CATALOGUE.actions["call_task"]).title
    'Call: make first contact'
    >>> print(action_text(CATALOGUE, "social_proof", CATALOGUE.actions["sms"], name="Harbor Homes").text)
    Harbor Homes: If you are weighing your choices, we are glad to show you how we work. What would you like to know
    before you decide? Reply STOP to opt out.
    """
    wording = catalogue.wording
    match action.writes:
        case "sms":
            return ActionText(text=_sms(wording["opening"][about], _question(wording, about, action.name), name))
        case "email":
            text = _email(wording["opening"][about], _question(wording, about, action.name), name)
            return ActionText(title=wording["subject"][about], text=text)
        case "task":
            title = f"{wording['title'][action.name]}: {wording['purpose'][about]}"
            return ActionText(title=title, text=f"{wording['why'][about]} {wording['todo'][action.name]}")
        case "note":
            return ActionText(text=f"{wording['why'][about]} {wording['todo'][action.name]}")
        case "nothing":
            return ActionText()


def clean_name(name: str | None) -> str | None:
    """Return a brokerage's name in a form that is safe in a message; None when nothing is left of it.

    >>> clean_name("  Harbor {{Homes}} "), clean_name(" "), clean_name(None)
    ('Harbor Homes', None, None)
    """
    plain = " ".join(_ODD.sub(" ", name or "").split())
    return plain[:_LONGEST_NAME].strip() or None


def all_texts(catalogue: Catalogue, *, name: str | None = None) -> Mapping[tuple[str, str], ActionText]:
    """Return every text that a catalogue can lead to: (intervention or situation, action) -> text."""
    proposed = [(each, action) for each in INTERVENTIONS for action in catalogue.interventions[each].actions]
    decided = [(each, action) for each in SITUATIONS for action in catalogue.situations[each].actions]
    return {
        (about, action): action_text(catalogue, about, catalogue.actions[action], name=name)
        for about, action in [*proposed, *decided]
        if action in catalogue.actions
    }


def _question(wording: Mapping[str, Mapping[str, str]], about: str, action: str) -> str:
    return wording["ask"][about] if action in PLAIN_MESSAGES else wording["question"][action]


def _sms(opening: str, question: str, name: str | None) -> str:
    greeting = f"{name}: " if name else ""
    return f"{greeting}{opening} {question} Reply STOP to opt out."


def _email(opening: str, question: str, name: str | None) -> str:
    leave = "If you would rather not hear from us, just reply and say so."
    return f"Hello,\n\n{opening}\n\n{question}\n\n{leave}\n\nKind regards,\n{name or _NAMELESS}"
