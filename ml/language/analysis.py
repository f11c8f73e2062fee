"""Read messages: the writer's own words, their language, sentiment, tone and facts, of many messages at once.

A tone and a sentiment are read only in the language of their models; facts (a refusal, a date, an amount) in any.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from ml.language.emotion import reader as emotion
from ml.language.facts import reader as facts
from ml.language.language_id import language_of
from ml.language.refusals import RefusalVerdict
from ml.language.results import MessageAnalysis, Sentiment, Tone
from ml.language.sentiment import reader as sentiment
from ml.language.text import own_words

#: languages that sentiment and tone are read in; `und`: too little is written to tell
LANGUAGES = frozenset({"en", "und"})


def version() -> str:
    """Return what messages are read with now: it changes with any of the readers, and loads their models."""
    return f"1+{sentiment.VERSION}+{emotion.VERSION}+{facts.VERSION}"


def load() -> None:
    """Load every model and word list, as the first message would: a worker does so before it forks."""
    analyse(["When could we see it? Under 450k."], at=[datetime(2026, 1, 1, tzinfo=UTC)], zones=[ZoneInfo("UTC")])


def __getattr__(name: str) -> str:
    if name == "VERSION":
        return version()
    raise AttributeError(name)


def analyse(
    texts: Sequence[str],
    *,
    at: Sequence[datetime],
    zones: Sequence[ZoneInfo],
    refusals: Sequence[RefusalVerdict | None] | None = None,
) -> list[MessageAnalysis]:
    r"""Return what is read in each message (plain text or HTML, quotations and signature included).

    `at` are the moments at which they were written (aware), `zones` the writers' time zones: a visit "tomorrow at 3" is
    told by them. `refusals` are the verdicts of `ml.language.refusals` on them, None for one that is not known: it is
    read here, which takes longer than all other facts. Many messages at once cost less a message than one.

    >>> said = analyse(["Can we see it tomorrow at 3pm?\n> Reply STOP to opt out"],
    ...                at=[datetime(2026, 3, 2, 15, tzinfo=UTC)], zones=[ZoneInfo("America/New_York")])
    >>> said[0].words, said[0].language, any(fact.kind == "opt_out" for fact in said[0].facts)
    (7, 'en', False)
    """
    own = [own_words(text) for text in texts]
    languages = [language_of(text) for text in own]
    sentiments = _sentiments(own, languages)
    tones = emotion.read_tones(own, languages)
    said_by = version()
    verdicts = refusals or [None] * len(own)
    return [
        MessageAnalysis(
            version=said_by,
            language=language,
            words=len(text.split()),
            sentiment=sentiments.get(index),
            tone=tone if language in LANGUAGES else _OTHER_LANGUAGE,
            facts=facts.read_facts(text, at=moment, zone=zone, refusal=verdict),
        )
        for index, (text, language, tone, moment, zone, verdict) in enumerate(
            zip(own, languages, tones, at, zones, verdicts, strict=True)
        )
    ]


_OTHER_LANGUAGE = Tone(state=None, confidence=0.0, why_not="other_language")


def _sentiments(own: Sequence[str], languages: Sequence[str]) -> dict[int, Sentiment]:
    """Return the sentiment of each text that has words and is in the language of the models, by its index."""
    readable = [index for index, text in enumerate(own) if text.strip() and languages[index] in LANGUAGES]
    found = sentiment.read_sentiments([own[index] for index in readable])
    return dict(zip(readable, found, strict=True))
