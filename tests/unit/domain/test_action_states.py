"""The states of an action: one drawing that repository, tasks and pages share."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from db.models import Intervention
from domain import action_states
from domain.action_states import FINAL, INITIAL, MOVES, PAST, RUNNING, STATES, UNSPENT, WAITING, ForbiddenMoveError
from workers.pages import labels

ROOT = Path(__file__).parents[3]
#: groups of states that stand in `domain.action_states` under their names
SETS = ("RUNNING", "WAITING", "PAST", "FINAL", "INITIAL", "REVIEWED", "REPORTED", "UNSPENT", "UNDONE", "UNREACHED")


def test_every_state_is_drawn_and_can_be_reached() -> None:
    assert set(MOVES) == set(STATES)
    reached, new = set(INITIAL), set(INITIAL)
    while new:
        new = {after for state in new for after in MOVES[state]} - reached
        reached |= new
    assert reached == set(STATES)


def test_what_is_final_is_left_by_no_move() -> None:
    assert set(FINAL) == {"held_out", "rejected", "replied"}
    assert all(not MOVES[state] for state in FINAL)


def test_every_running_action_can_be_withdrawn_and_nothing_else_can() -> None:
    assert {state for state in STATES if "withdrawn" in MOVES[state]} == set(RUNNING)


def test_every_state_is_running_past_or_blocked() -> None:
    assert sorted([*RUNNING, *PAST, "blocked"]) == sorted(STATES)
    assert set(WAITING) == set(RUNNING) - {"dispatched"}
    assert not UNSPENT & set(RUNNING)


@pytest.mark.parametrize(
    "state, before",
    [
        ("executed", ("dispatched", "withdrawn")),
        ("rejected", ("dispatched", "withdrawn")),
        ("replied", ("dispatched", "executed", "withdrawn")),
    ],
)
def test_the_crm_reports_only_on_what_was_handed_over(state, before) -> None:
    assert action_states.reported_from(state) == before


@pytest.mark.parametrize("of, to", [(("planned", "executed"), "dispatched"), (("replied",), "executed")])
def test_a_move_that_is_not_drawn_is_refused(of, to) -> None:
    with pytest.raises(ForbiddenMoveError):
        action_states.check_move(of, to)
    action_states.check_move(("planned",), "dispatched")


def test_the_pages_have_words_for_every_state() -> None:
    assert set(labels.STATES) == set(STATES)


def test_the_index_of_running_actions_names_the_running_states() -> None:
    conditions = [str(index.dialect_options["sqlite"]["where"]) for index in Intervention.__table__.indexes]
    assert f"state IN ({', '.join(repr(state) for state in sorted(RUNNING))})" in conditions


@pytest.mark.slow
def test_no_group_of_states_stands_elsewhere() -> None:
    known = {name: frozenset(getattr(action_states, name)) for name in SETS}
    assert len(set(known.values())) == len(known)
    assert [place for path in sources() for place in groups(path)] == []


def sources() -> Iterator[Path]:
    for folder in ("tasks", "db", "ml", "workers", "domain"):
        yield from (path for path in (ROOT / folder).rglob("*.py") if path.name != "action_states.py")


def groups(path: Path) -> Iterator[str]:
    """Yield where a module writes out two states or more, and nothing else, as a set, list or tuple."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Set | ast.List | ast.Tuple):
            words = [part.value for part in node.elts if isinstance(part, ast.Constant)]
            if len(words) == len(node.elts) > 1 and set(words) <= set(STATES):
                yield f"{path.relative_to(ROOT)}:{node.lineno}"
