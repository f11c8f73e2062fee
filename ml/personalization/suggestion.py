"""One sentence: what to say or ask when one speaks with a lead next. By written rules (`suggestion.toml`).

It follows from what the lead told, what is not known of it, and its stage. A tone puts words around that sentence and
never chooses another one; no sentence proposes to contact anybody.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from domain.emotions import EMOTIONAL_STATES, EmotionalState
from domain.journey import JOURNEY_STAGES, JourneyStage
from ml.errors import CatalogueError
from ml.interventions.toml_table import TomlTable
from ml.language.patterns import read_data_file
from ml.personalization.fact_words import in_words
from ml.personalization.talking_points import TalkingPoint

#: share of a state below which it puts no words around a sentence
TONE_FROM = 0.5
#: types of leads that sell, and that need no lender
SELLING: Collection[str] = frozenset({"seller"})
NO_LENDER: Collection[str] = frozenset({"seller", "renter"})

#: what is known of most leads in time: asked for where it is not
_ASKED = ("budget", "timeline", "preapproval")


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """What to say or ask next."""

    code: str
    #: one sentence for the agent
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SuggestionTexts:
    """The written sentences."""

    version: str
    #: code of a talking point -> what to say
    open: Mapping[str, str]
    #: stage -> what is not known -> what to ask from that stage on
    missing: Mapping[JourneyStage, Mapping[str, str]]
    buyer: Mapping[str, str]
    seller: Mapping[str, str]
    #: state -> the words around
    tone: Mapping[str, str]

    def sentences(self) -> Iterator[str]:
        """Return every sentence without a tone, for who checks them."""
        for texts in (self.open, *self.missing.values(), self.buyer, self.seller):
            yield from texts.values()


def suggest(
    stage: JourneyStage,
    points: Sequence[TalkingPoint],
    *,
    lead_type: str | None = None,
    state: EmotionalState | None = None,
    confidence: float = 0.0,
    texts: SuggestionTexts | None = None,
) -> Suggestion:
    """Return what to say next; `state` and its `confidence` are the tone, if one is known.

    >>> suggest("initial_interest", ()).text
    'Ask what made them look, and what they hope to find.'
    >>> suggest("active_exploration", (), state="overwhelmed", confidence=0.8)
    Suggestion(code='ask_budget', text='Keep to this one point and ask which price range they have in mind.')
    """
    texts = texts or shipped()
    code, say = _open(points, texts) or _missing(stage, points, lead_type, texts) or _usual(stage, lead_type, texts)
    around = texts.tone[state] if state is not None and confidence >= TONE_FROM else "{say}"
    sentence = around.format(say=say)
    return Suggestion(code=code, text=f"{sentence[0].upper()}{sentence[1:]}.")


def _open(points: Sequence[TalkingPoint], texts: SuggestionTexts) -> tuple[str, str] | None:
    by_code = {point.code: point for point in points}
    code = next((code for code in texts.open if code in by_code), None)
    if code is None:
        return None
    fact = by_code[code].fact
    return code, texts.open[code].format(value="" if fact is None else in_words(fact))


def _missing(
    stage: JourneyStage, points: Sequence[TalkingPoint], lead_type: str | None, texts: SuggestionTexts
) -> tuple[str, str] | None:
    known = {point.code.removesuffix("_conflict") for point in points}
    if lead_type in NO_LENDER:
        known.add("preapproval")
    if lead_type in SELLING:
        known.add("budget")
    so_far = JOURNEY_STAGES[: JOURNEY_STAGES.index(stage) + 1]
    asked = (item for each in so_far for item in texts.missing.get(each, {}).items())
    return next(((f"ask_{what}", say) for what, say in asked if what not in known), None)


def _usual(stage: JourneyStage, lead_type: str | None, texts: SuggestionTexts) -> tuple[str, str]:
    return stage, (texts.seller if lead_type in SELLING else texts.buyer)[stage]


@cache
def shipped() -> SuggestionTexts:
    """Return the sentences that ship; read once. Raises CatalogueError."""
    return load_texts(read_data_file(__package__, "suggestion.toml"))


def load_texts(text: str) -> SuggestionTexts:
    """Return the sentences of a data file. Raises CatalogueError, which names the place of a mistake."""
    try:
        root = TomlTable("", tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise CatalogueError(f"suggestion.toml cannot be read: {error}") from None
    root.exactly(("version", "open", "missing", "buyer", "seller", "tone"))
    missing = root.table("missing")
    missing.only(*JOURNEY_STAGES)
    for stage, asked in missing.tables():
        asked.only(*_ASKED)
        if not asked.cells:
            missing.wrong(stage, "asks for nothing")
    return SuggestionTexts(
        version=root.word("version"),
        open=_words(root.table("open")),
        missing={stage: _words(missing.table(stage)) for stage in JOURNEY_STAGES if stage in missing.cells},
        buyer=_words(root.table("buyer"), JOURNEY_STAGES),
        seller=_words(root.table("seller"), JOURNEY_STAGES),
        tone=_words(root.table("tone"), EMOTIONAL_STATES),
    )


def _words(table: TomlTable, names: Collection[str] | None = None) -> dict[str, str]:
    if names is not None:
        table.exactly(names)
    return {name: table.word(name) for name in table.cells}
