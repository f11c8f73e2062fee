"""The sample's messages: repeatable, plausible beside the leads' rows, and no refusal among them."""

import csv
import io
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path

import pytest

from domain.emotions import EMOTIONAL_STATES
from examples import generate, messages
from tasks.intake import consent

COMMITTED = Path(messages.__file__).with_name("messages.csv")
LEADS = {row["external_id"]: row for row in generate.rows(7, 1200) if row["external_id"]}


@pytest.fixture(scope="module")
def table() -> list[generate.Row]:
    return messages.messages(7, 1200)


def at(message: generate.Row) -> datetime:
    return datetime.fromisoformat(message["occurred_at"])


def inbound(table: list[generate.Row]) -> list[generate.Row]:
    return [message for message in table if message["direction"] == "inbound"]


def test_the_committed_messages_are_what_seed_7_writes(table):
    written = io.StringIO()
    messages.write(written, table)
    assert COMMITTED.read_text(encoding="utf-8") == written.getvalue()
    assert list(csv.DictReader(io.StringIO(written.getvalue()))) == table


def test_another_seed_gives_other_messages():
    assert messages.messages(1, 40) == messages.messages(1, 40) != messages.messages(2, 40)


def test_every_message_is_of_a_lead_of_the_sample_and_counted_there(table):
    came = Counter(message["external_id"] for message in inbound(table) if message["channel"] == "sms")
    for lead, count in came.items():
        assert count <= int(LEADS[lead]["sms_in"] or count)
    assert {message["external_id"] for message in table} <= LEADS.keys()
    assert len({message["source_id"] for message in table}) == len(table)


def test_nobody_writes_before_they_came_or_after_they_last_replied(table):
    for message in inbound(table):
        lead = LEADS[message["external_id"]]
        last = datetime.fromisoformat(lead["last_replied_at"])
        assert datetime.fromisoformat(lead["created_at"]) + timedelta(days=1) < at(message) <= last
    for message in table:
        if message["direction"] == "outbound":
            assert at(message) <= datetime.fromisoformat(LEADS[message["external_id"]]["last_contacted_at"])


def test_people_write_in_the_evening_more_than_at_night(table):
    hours = Counter((at(message) - messages.BEHIND).hour for message in inbound(table))
    assert sum(hours[hour] for hour in range(17, 21)) > 8 * sum(hours[hour] for hour in range(1, 6))


def test_no_message_is_read_as_a_refusal_or_a_doubt(table):
    texts = {(message["text"], message["channel"]) for message in inbound(table)}
    now = datetime(2026, 11, 20, tzinfo=UTC)
    said = [consent.from_message(text, channel, at=now, reference="m") for text, channel in sorted(texts)]
    assert len(said) > 300
    assert not any(said)


def test_every_tone_is_one_of_the_states_and_has_sentences():
    weighted = {*messages.WARMER, *messages.COOLER}
    assert weighted == messages.TONES.keys() <= set(EMOTIONAL_STATES)
    sentences = list(chain.from_iterable(messages.TONES.values()))
    assert len(set(sentences)) == len(sentences)


def test_who_writes_by_e_mail_quotes_us_below(table):
    mails = [message["text"] for message in inbound(table) if message["channel"] == "email"]
    assert mails
    assert all(text.endswith(messages.QUOTED) for text in mails)
    assert not any(message["text"] for message in table if message["direction"] == "outbound")
