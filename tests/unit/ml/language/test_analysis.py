"""Reading whole messages: the writer's own words alone, each reader in the languages that it knows."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from ml.language import analysis
from ml.language.results import MessageAnalysis

AT = datetime(2026, 3, 2, 15, tzinfo=UTC)
EASTERN = ZoneInfo("America/New_York")
SPANISH = (
    "Hola, quisiera ver la casa el sábado por la tarde, por favor. Podemos pagar hasta $450,000. Gracias por todo."
)


def read(*texts: str) -> list[MessageAnalysis]:
    return analysis.analyse(texts, at=[AT] * len(texts), zones=[EASTERN] * len(texts))


def test_another_language_has_no_tone_and_no_sentiment_but_facts() -> None:
    [said] = read(SPANISH)
    assert said.language == "es"
    assert said.sentiment is None
    assert (said.tone.state, said.tone.why_not) == (None, "other_language")
    assert "budget" in {fact.kind for fact in said.facts}


def test_what_others_wrote_is_not_the_leads() -> None:
    own = "That sounds great, thank you so much!"
    quoted = (
        f"{own}\n\nOn Mon, Mar 2, 2026 at 9:00 AM Ada Quill <ada@example.com> wrote:\n> This is awful. Under 300k. STOP"
    )
    assert read(quoted) == read(own)
    assert read(quoted)[0].facts == ()


@pytest.mark.parametrize("text", ["", " \n ", "\x00", "👍", "<p></p>"])
def test_hardly_anything_is_read_in_hardly_anything(text: str) -> None:
    [said] = read(text)
    assert said.tone.state is None
    assert said.facts == ()


def test_many_at_once_are_read_as_one_by_one() -> None:
    texts = ["We would love to see it on Saturday at 3pm!", SPANISH, "", "I am worried about the roof.", "ok"]
    assert read(*texts) == [read(text)[0] for text in texts]
    assert read() == []


def test_every_reader_has_a_part_in_the_version() -> None:
    assert read("ok")[0].version == analysis.version() == analysis.VERSION
    assert analysis.version().count("+") == 3
    with pytest.raises(AttributeError):
        analysis.nothing_of_that_name  # noqa: B018
