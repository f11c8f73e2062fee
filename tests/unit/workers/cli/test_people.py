"""How a person is named on the command line, and how facts are written there."""

import click
import pytest

from workers.cli.base.command import CommandFailed
from workers.cli.privacy.people import assigned, identified


class Answers:
    """A client that answers every search with the same people; it records what was searched for."""

    def __init__(self, *lead_ids, forgotten=()):
        self.asked = []
        self.data = {
            "found": len(lead_ids),
            "leads": [{"lead_id": lead_id} for lead_id in lead_ids],
            "forgotten": [{"erasure_id": erasure_id} for erasure_id in forgotten],
        }

    def call(self, task, **kwargs):
        self.asked.append({name: kwargs[name] for name in ("email", "phone") if name in kwargs})
        return self.data


@pytest.mark.parametrize(
    ("text", "searched"),
    [
        ("bea@example.com", [{"email": "bea@example.com"}]),
        ("+1 305 555 0147", [{"phone": "+1 305 555 0147"}]),
        ("(305) 555-0147", [{"phone": "(305) 555-0147"}]),
        ("+13055550147", [{"phone": "+13055550147"}]),
        ("3055550147", []),
        ("X1", []),
        ("contact-4711", []),
        ("0190c0de-1111-7222-8333-444455556666", []),
    ],
)
def test_an_address_or_a_written_number_is_searched_and_an_id_is_not(text, searched):
    caller = Answers("found-1")
    who = identified(caller, text, actor="ada")
    assert caller.asked == searched
    if searched:
        assert who == {"lead_id": "found-1"}


def test_who_shares_a_number_is_listed_and_nobody_is_chosen():
    with pytest.raises(CommandFailed, match="2 leads share it: a, b"):
        identified(Answers("a", "b"), "+1 305 555 0147", actor="ada")


def test_who_was_forgotten_is_said_and_an_address_may_be_the_crms_id():
    with pytest.raises(CommandFailed, match="e-1"):
        identified(Answers(forgotten=["e-1"]), "bea@example.com", actor="ada")
    expected = {"external_ids": [{"external_id": "bea@example.com", "source_system": "kvcore"}]}
    assert identified(Answers(), "bea@example.com", "kvcore", actor="ada") == expected


def test_facts_are_written_as_column_and_value():
    texts = (
        "email=bea@example.com",
        "phone=",
        "locations=Miami, Doral",
        "custom.dog=rex",
        "custom.age=3",
        "state = FL",
    )
    assert assigned(texts) == {
        "email": "bea@example.com",
        "phone": None,
        "locations": ["Miami", "Doral"],
        "custom": {"dog": "rex", "age": 3.0},
        "state": "FL",
    }
    for wrong in ("email", "=x"):
        with pytest.raises(click.UsageError):
            assigned([wrong])
