"""Simulate what the leads of the sample wrote and when: write a CSV of events, messages both ways.

    python -m examples.messages --seed 7 --leads 1200 --out examples/messages.csv

Every sentence is invented for this file: none is taken from a data set, and nobody wrote any of them. What a lead
writes follows from what its row shows, so the messages tell nothing of the true chances that the row does not. The same
seed gives the same file, byte for byte.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import TextIO

from examples import generate
from examples.generate import Row

COLUMNS = ("external_id", "source_system", "kind", "occurred_at", "direction", "channel", "text", "source_id")
#: most texts from a lead, and to it; below that as many to it for each from it as its row counts
FROM_LEAD, TO_LEAD = 3, 3
#: every so many leads that clicked in an e-mail one answered it, and of those who got some one has one unanswered
EMAIL_REPLY, EMAIL_SENT = 3, 2
#: how far back the brokerage's export of messages goes
EXPORTED = timedelta(days=120)
#: hour in the leads' zone -> weight: the leads write most after work, the brokerage from nine to six
CLOCK = (1, 0, 0, 0, 0, 0, 1, 3, 5, 5, 5, 4, 7, 5, 4, 4, 5, 8, 12, 13, 9, 5, 3, 1)
OFFICE = tuple(int(9 <= hour < 18) for hour in range(24))
#: hours by which the leads' zone is behind UTC, in winter
BEHIND = timedelta(hours=5)
#: share of leads that write Spanish
SPANISH = 0.02

#: tone -> sentences
TONES: Mapping[str, tuple[str, ...]] = {
    "excited": (
        "We just loved the kitchen, this could really be the one!",
        "Wow, the garden is even more beautiful than in the photos!",
        "So happy with the tour, the kids are already choosing their rooms!",
        "This is exactly what we were hoping for, how exciting!",
    ),
    "confident": (
        "We have made up our minds about the neighborhood and we are ready to move ahead.",
        "I am sure that this is the right area for us.",
        "We know exactly what we want now, so let us get going.",
    ),
    "curious": (
        "I was wondering how old the roof is?",
        "Just curious, what are the monthly fees for the community?",
        "How is the street in the evening, is it quiet?",
        "Is there anything similar a little closer to the water?",
    ),
    "neutral": (
        "Thanks, I got the floor plan.",
        "I will look at the list tonight.",
        "Received, thank you.",
        "I am at work until five today.",
    ),
    "confused": (
        "Sorry, I do not understand what the closing costs cover.",
        "I am confused, which of the two prices is the right one?",
        "I am not sure I follow, what happens after the inspection?",
    ),
    "frustrated": (
        "This is the third time that the showing was moved, it is really frustrating.",
        "I asked for the disclosure twice and I am still waiting.",
        "It is annoying that the listings I get are already sold.",
    ),
    "anxious": (
        "I am worried that the rates will go up before we close.",
        "We are nervous about the inspection, what if they find something big?",
        "Honestly I am a bit scared of losing the deposit.",
    ),
    "disappointed": (
        "We were sad to hear that the house is gone.",
        "Sadly the rooms were much smaller than in the photos.",
        "We had hoped for more light, it was a letdown.",
    ),
    "overwhelmed": (
        "There are so many listings that I do not know where to start.",
        "With the new job and the move this is a lot at once, I can hardly keep up.",
    ),
}  # fmt: skip
#: tone -> weight for a lead that is getting warmer, and for one that is getting cooler
WARMER = {"excited": 6, "confident": 5, "curious": 5, "neutral": 4, "confused": 1, "anxious": 2, "overwhelmed": 1}
COOLER = {"neutral": 5, "curious": 3, "confused": 3, "frustrated": 3, "anxious": 2, "disappointed": 4, "overwhelmed": 3}
TIMELINES: Mapping[str, str] = {
    "0-3": "We want to move within three months.",
    "3-6": "We would like to move in about five months.",
    "6-12": "We are looking at a move in about nine months.",
    "12+": "It will take us more than a year.",
}
LENDING: Mapping[str, str] = {
    "preapproved": "We got pre-approved last week.",
    "cash": "We would pay cash.",
    "started": "We have just started talking to a lender.",
    "none": "We have not talked to a bank yet.",
}
VISITS = (
    "Could we see it on Saturday at 2 pm?",
    "Is a tour on Thursday at 5:30 possible?",
    "Can I come by tomorrow after 4 pm?",
    "Would Sunday morning at 10 work for a showing?",
)
OBJECTIONS = (
    "The price feels too high for that street.",
    "It is more than we can afford, is there room to negotiate?",
)
COMPETITORS = (
    "Another agent showed us something similar last week.",
    "We are also talking to another realtor.",
)
SPANISH_TEXTS = (
    "Gracias, la casa nos gusta mucho. ¿Podemos verla el sábado a las 4?",
    "Estamos buscando algo más cerca de la escuela, nuestro límite es de $400,000.",
)
#: what a mail program adds below an answer: words of ours, which nobody may take for the lead's
QUOTED = (
    "\n\nOn Monday, your agent <homes@example.com> wrote:\n"
    "> We are so excited to show you three new homes, and we would hate for you to miss them!\n"
    "> Reply STOP to opt out."
)


def _is_warmer(row: Row) -> bool:
    return int(row["showings"] or 0) > 0 or int(row["saved_listings"] or 0) > 1


def _written(random: Random, row: Row, *, newest: bool) -> str:
    """Return one message: a sentence with a tone and up to two with facts, as the lead's row has them."""
    if Random(row["external_id"]).random() < SPANISH:
        return random.choice(SPANISH_TEXTS)
    # who has only begun to write asks and confirms
    weights = (WARMER if _is_warmer(row) else COOLER) if newest else WARMER
    tone = random.choices(list(weights), list(weights.values()))[0]
    return " ".join([random.choice(TONES[tone]), *_facts(random, row)])


def _facts(random: Random, row: Row) -> list[str]:
    told = [TIMELINES.get(row["timeline"], ""), LENDING.get(row["preapproval"], ""), *_wishes(random, row)]
    told += [random.choice(VISITS)] * (2 if _is_warmer(row) else 1)
    told += [random.choice(OBJECTIONS if _is_warmer(row) else COMPETITORS)]
    chosen = random.sample(told, random.choices((0, 1, 2), (3, 4, 2))[0])
    return list(dict.fromkeys(filter(None, chosen)))


def _wishes(random: Random, row: Row) -> list[str]:
    thousands = int(row["budget_max"] or 0) // 1000
    beds = int(row["beds_min"] or 0)
    limit = random.choice((f"Our limit is ${thousands}k.", f"We can go up to ${thousands},000."))
    rooms = f"We need at least {beds} bedrooms." if beds > 1 else ""
    return [limit if thousands else "", rooms]


def _before(random: Random, moment: datetime, days: float, clock: Sequence[int] = CLOCK) -> datetime:
    """Return a moment some days before another, at an hour of the clock, and never after it."""
    local = moment - timedelta(days=days) - BEHIND
    hour = random.choices(range(24), clock)[0]
    drawn = local.replace(hour=hour, minute=random.randrange(60), second=random.randrange(60), microsecond=0)
    return (drawn if drawn <= local else drawn - timedelta(days=1)) + BEHIND


def _replies(random: Random, row: Row) -> list[tuple[datetime, str, str]]:
    """Return (when, kind, text) of what the lead wrote, oldest first; a day after it came at the earliest."""
    if not row["last_replied_at"]:
        return []
    last, first = _moment(row["last_replied_at"]), _moment(row["created_at"]) + timedelta(days=1)
    days = [0.0]
    for _ in range(min(int(row["sms_in"] or 0), FROM_LEAD) - 1):
        days.append(days[-1] + random.expovariate(1 / 6))
    times = [_before(random, last, ago) for ago in days]
    told = [(at, "sms", _written(random, row, newest=at == times[0])) for at in times if at > first]
    at = _before(random, last, random.expovariate(1 / 10))
    if int(row["emails_clicked"] or 0) and random.randrange(EMAIL_REPLY) == 0 and at > first:
        told.append((at, "email_reply", _written(random, row, newest=False) + QUOTED))
    return sorted(told)


def _sent(random: Random, row: Row, replies: Sequence[tuple[datetime, str, str]]) -> Iterator[tuple[datetime, str]]:
    """Yield (when, kind) of what the brokerage sent: what was answered, and what was not."""
    if not row["last_contacted_at"]:
        return
    last, first = _moment(row["last_contacted_at"]), _moment(row["created_at"])
    texts = [kind for _, kind, _ in replies].count("sms")
    for at, kind, _ in replies:
        asked = _before(random, min(at, last), random.expovariate(1 / 0.2), OFFICE)
        yield max(asked, first), "email_sent" if kind == "email_reply" else "sms_sent"
    unanswered = ["sms_sent"] * (_texts_to(row, texts) - texts)
    if int(row["emails_sent"] or 0) and random.randrange(EMAIL_SENT) == 0:
        unanswered.append("email_sent")
    for kind in unanswered:
        yield max(_before(random, last, random.expovariate(1 / 8), OFFICE), first), kind


def _texts_to(row: Row, texts: int) -> int:
    """Return how many texts to the lead belong to so many from it."""
    came, went = int(row["sms_in"] or 0), int(row["sms_out"] or 0)
    return min(round(texts * went / came) if came else went, TO_LEAD if texts else 1)


def _moment(cell: str) -> datetime:
    return datetime.fromisoformat(cell)


def _of_lead(seed: int, row: Row) -> Iterator[Row]:
    random = Random(f"{seed}:{row['external_id']}:messages")
    replies = _replies(random, row)
    told = [(at, kind, "inbound", text) for at, kind, text in replies]
    told += [(at, kind, "outbound", "") for at, kind in _sent(random, row, replies)]
    for number, (at, kind, direction, text) in enumerate(sorted(told), 1):
        yield {
            "external_id": row["external_id"],
            "source_system": row["source_system"],
            "kind": kind,
            "occurred_at": at.astimezone(UTC).replace(microsecond=0).isoformat().replace("+00:00", "Z"),
            "direction": direction,
            "channel": "email" if kind.startswith("email") else "sms",
            "text": text,
            "source_id": f"{row['external_id']}-m{number}",
        }


def messages(seed: int, n: int, now: datetime = generate.NOW) -> list[Row]:
    """Return the file's rows: the late messages of the `n` leads of `seed`, oldest first."""
    leads = {row["external_id"]: row for row in generate.rows(seed, n, now) if row["external_id"]}
    told = [message for row in leads.values() for message in _of_lead(seed, row)]
    late = [message for message in told if _moment(message["occurred_at"]) > now - EXPORTED]
    return sorted(late, key=lambda message: (message["occurred_at"], message["source_id"]))


def write(target: TextIO, table: Sequence[Row]) -> None:
    """Write the rows as CSV, with the columns of a file of events."""
    writer = csv.DictWriter(target, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(table)


def main() -> None:
    """Write the file that the command line asks for."""
    parser = argparse.ArgumentParser(description="Write a CSV of what a simulated brokerage's leads wrote.")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--leads", type=int, default=1200)
    parser.add_argument("--out", type=Path, default=Path("examples/messages.csv"))
    options = parser.parse_args()
    table = messages(options.seed, options.leads)
    with options.out.open("w", encoding="utf-8", newline="") as target:
        write(target, table)
    sys.stdout.write(f"{options.out}: {len(table)} simulated messages, seed {options.seed}\n")


if __name__ == "__main__":
    main()
