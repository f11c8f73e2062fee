"""The states of an action and the moves between them, drawn once.

    planning ──┬── held_out                     the lead is in the control group: nobody is told
               │
               ├── blocked                      a gate said no; the same day it may be decided again:
               │     └─> held_out, approval, planned
               │
               ├── approval <────────┐          waits for a person, who approves it or says yes to its plan
               │     ├─> planned     │          the person did
               │     └─> rejected, blocked, withdrawn
               │                     │
               └── planned ──────────┘          waits for its time; a gate may ask for a person after all
                     ├─> planned                deferred by a gate
                     ├─> rejected, blocked, withdrawn
                     └─> dispatched             handed to the CRM
                           ├─> executed ──> replied
                           ├─> rejected, replied
                           └─> withdrawn ──> executed, rejected, replied
                                                told too late: the CRM had carried it out already

`held_out`, `rejected` and `replied` are final: nothing follows them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Literal, get_args

ActionState = Literal[
    "held_out", "blocked", "approval", "planned", "dispatched", "executed", "rejected", "replied", "withdrawn"
]
STATES: tuple[ActionState, ...] = get_args(ActionState)
#: what whoever sends an action's request reports of it
SendingOutcome = Literal["executed", "rejected"]

#: state -> the states that may follow it
MOVES: Mapping[ActionState, tuple[ActionState, ...]] = MappingProxyType(
    {
        "held_out": (),
        "blocked": ("held_out", "approval", "planned"),
        "approval": ("planned", "rejected", "blocked", "withdrawn"),
        "planned": ("planned", "approval", "dispatched", "rejected", "blocked", "withdrawn"),
        "dispatched": ("executed", "rejected", "replied", "withdrawn"),
        "executed": ("replied",),
        "rejected": (),
        "replied": (),
        "withdrawn": ("executed", "rejected", "replied"),
    }
)
#: states that planning gives a new action
INITIAL: tuple[ActionState, ...] = ("held_out", "blocked", "approval", "planned")
#: states that nothing follows
FINAL: tuple[ActionState, ...] = tuple(state for state in STATES if not MOVES[state])
#: the action is still to be carried out; beside it a lead gets no second one
RUNNING: tuple[ActionState, ...] = ("approval", "planned", "dispatched")
#: it is still to be carried out and nobody outside knows of it
WAITING: tuple[ActionState, ...] = ("approval", "planned")
#: it waits for a person
UNREVIEWED: tuple[ActionState, ...] = ("approval",)
#: it can wait for a person's yes to its plan: until then nobody knows of it, and its lead is in no arm
AWAITING: tuple[ActionState, ...] = ("approval", "held_out")
#: a plan that waits for a person's yes goes on without it: its lead gets no place in an arm by that yes
NO_PART: frozenset[ActionState] = frozenset({"blocked", "withdrawn"})
#: it waits for its time
READY: tuple[ActionState, ...] = ("planned",)
#: a gate said no, and the same day it may be decided again
BLOCKED: tuple[ActionState, ...] = ("blocked",)
#: it stopped, in one way or the other, and somebody may want to look back at it
PAST: tuple[ActionState, ...] = ("held_out", "executed", "rejected", "replied", "withdrawn")
#: states that a person may bring about
REVIEWED: frozenset[ActionState] = frozenset({"planned", "rejected", "withdrawn"})
#: states that the CRM reports
REPORTED: frozenset[ActionState] = frozenset({"executed", "rejected", "replied"})
#: states of actions that cost nothing, since nobody carries them out
UNSPENT: frozenset[ActionState] = frozenset({"blocked", "held_out", "rejected", "withdrawn"})
#: states in which an action does not protect a lead that asked to be left alone: it has to be planned once more
UNDONE: frozenset[ActionState] = frozenset({"blocked", "withdrawn"})
#: states of an action that was handed over and did not reach the lead
UNREACHED: frozenset[ActionState] = frozenset({"blocked", "rejected"})


class ForbiddenMoveError(ValueError):
    """No move leads from one of the given states to the wanted one."""


def reported_from(state: ActionState) -> tuple[ActionState, ...]:
    """Return the states in which the CRM may report that an action is now in `state`.

    >>> reported_from("replied")
    ('dispatched', 'executed', 'withdrawn')
    """
    return tuple(before for before in STATES if state in MOVES[before] and before not in WAITING)


def check_move(of: Collection[ActionState], to: ActionState) -> None:
    """Raise ForbiddenMoveError unless an action may go from each of the states `of` to the state `to`."""
    if any(to not in MOVES[state] for state in of):
        raise ForbiddenMoveError
