"""What withdraws consent, and what only sounds like it."""

import pytest

from tasks.intake.optout import withdraws

HITS = [
    *("STOP", "stop", "Stop.", "STOP!!!", "“Stop”", "Stop please", "please stop", "STOP 🛑", "stopall", "Opt-out"),
    *("UNSUBSCRIBE", "Unsubscribe me please", "cancel", "END", "quit", "Revoke", "ARRÊT", "Baja, por favor"),
    *("Stop\n\nSent from my phone", "Not interested. STOP", "No. Stop texting me.", "hi, please stop"),
    *("don't text me again", "Don’t contact me anymore", "do not call me", "Take me off your list"),
    *("remove me from this list pls", "Please remove me", "I want to opt out", "I'd like to unsubscribe"),
    *("<p>Unsubscribe</p>", "<div>STOP<br><br></div>", "Lose my number", "No more texts", "no more emails please"),
    "I no longer wish to receive these messages",
    "We bought last month, so please stop sending me listings",
]
PASSES = [
    *(
        "",
        "   ",
        "👍",
        "please stop by",
        "Can you stop by on Sunday?",
        "We had to stop at the bank",
        "bus stop nearby?",
    ),
    *("nonstop flights", "non-stop", "We can't stop thinking about that house", "When does the listing end?"),
    *("Can we cancel the showing?", "Cancel. Tuesday works better", "the end of the month", "I won't quit looking"),
    *("Don't call me before 9am", "don't call me until 5", "Please don't call me at work", "remove the carpet?"),
    *("Reply STOP to unsubscribe", "Is that the quit claim deed?", "Please do not unsubscribe me... just kidding"[:24]),
    "Thanks!\n\nOn Mon, Jan 5, 2026 at 9:00 AM Ada <ada@example.com> wrote:\n> Reply STOP to opt out\n> STOP",
    "Great\n-----Original Message-----\nFrom: desk\nUnsubscribe",
    "Sounds good <br><blockquote>unsubscribe me</blockquote>",
    "Sounds good<div class='gmail_quote'>Unsubscribe from this list</div>",
    "Do we opt out of the HOA?",
]


@pytest.mark.parametrize("message", HITS)
def test_a_refusal_is_heard(message: str) -> None:
    assert withdraws(message)


@pytest.mark.parametrize("message", PASSES)
def test_what_is_no_refusal_passes(message: str) -> None:
    assert not withdraws(message)


def test_a_long_or_odd_message_is_read_in_time() -> None:
    assert not withdraws("<" * 200_000)
    assert not withdraws("on " * 100_000)
    assert not withdraws("please " * 50_000)
    assert withdraws("STOP" + " " * 100_000)
