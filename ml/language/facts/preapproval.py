"""Read how a lead means to pay: pre-approved, on the way to it, not yet, or in cash."""

from __future__ import annotations

import re
from collections.abc import Iterator

from domain.leads import Preapproval
from ml.language.facts.folding import FoldedText, SentenceSpan, word_set
from ml.language.results import Fact

_APPROVAL = (
    r"(?:pre ?-? ?(?:approv|aprov|approv)(?:ed|al)?|pre ?-? ?qual(?:if(?:ied|ication|y))?|preaprobad[oa]s?"
    r"|pre aprobad[oa]s?)"
)
_WORDS = word_set(
    """preapproved preapproval pre preapprove preaproved prequalified prequalification prequal prequalify approved
    approval qualified cash lender lenders bank mortgage loan financing preaprobado preaprobada aprobado contado
    efectivo broker"""
)
_RULES: tuple[tuple[Preapproval | None, float, re.Pattern[str]], ...] = (
    # a question or a condition says nothing of the lead
    (
        None,
        0.0,
        re.compile(
            rf"\b(?:do|should|must|can|could|if|would|when|unless|until) (?:i|we|you)\b[^,;]{{0,30}}(?:{_APPROVAL}"
            rf"|lender|cash)|\b(?:how|what|where|which|is it|who)\b[^,;]{{0,40}}{_APPROVAL}"
            rf"|^ ?(?:is|are|was|do|does|did) (?:a |the |it |you |your |they )?{_APPROVAL}|\bneeds? (?:a )?"
            rf"{_APPROVAL}(?: letter)? (?:to|for|before) (?:see|tour|view|show)"
        ),
    ),
    (
        "started",
        0.85,
        re.compile(
            rf"\b(?:(?:working|work) on (?:getting |my |our |a |the )?(?:{_APPROVAL}|financing|loan)|(?:getting"
            rf"|being) {_APPROVAL}|(?:in|started|start|starting|begun|began|going through|through) (?:the )?(?:proc"
            rf"ess of )?(?:getting )?(?:my |our |the |a )?(?:{_APPROVAL}|mortgage|loan)(?: process)?"
            rf"|(?:in the process|process of|waiting (?:on|for|to hear)|applied|applying|submitted|awaiting"
            rf"|spoke|spoken|speaking|talked|talking|meeting|met)\b[^.;]{{0,40}}(?:{_APPROVAL}|lender"
            rf"|mortgage|loan officer|bank|loan|underwriting)"
            rf"|{_APPROVAL} (?:is |process |letter |application )?(?:in (?:process|progress|the works)"
            rf"|underway|under way|pending|started|coming|should be (?:done|ready|in)|process|application)"
            rf"|almost {_APPROVAL}|about to (?:be|get) {_APPROVAL})\b"
        ),
    ),
    (
        "none",
        0.85,
        re.compile(
            rf"\b(?:not|isn't|aren't|haven't|have not|hasn't|never|don't|do not|didn't|without|no|nor"
            rf"|ain't|yet to|still (?:need|have)|need(?:s|ed)? to|have to|has to|must|got to|gotta|gonna"
            rf"|going to|will|plan(?:ning)? to|want(?:ing)? to|looking to|trying to|hope to|hoping to"
            rf"|would like to|'ll|aun no|todavia no)\b[^.;,]{{0,28}}(?:{_APPROVAL}|\bapproved|lender|a bank"
            rf"|mortgage broker|financing|loan officer)"
            rf"|{_APPROVAL}[^.;,]{{0,12}}\b(?:not yet|yet to|expired|fell through|denied|declined|ran out)"
            rf"|(?:denied|declined|turned down)[^.;,]{{0,20}}(?:{_APPROVAL}|loan|mortgage|financing)"
        ),
    ),
    (
        "cash",
        0.9,
        re.compile(
            r"\b(?:cash (?:buyers?|offers?|purchase|deal|only)|all[ -]cash|paying (?:in |with |all )?cash"
            r"|pay (?:in |with |all |for it in )?cash|(?:buy|buying|purchase|purchasing|offer|offering)(?: it"
            r"| this| a house| one| the house)? (?:in |with |for |all )?cash"
            r"|(?:it's|it is|would be|will be|we're|we are|i'm|i am|be) (?:a |an |all )?cash\b(?! (?:flow"
            r"|back))|have (?:the )?cash\b(?! (?:flow|back|for))|no (?:mortgage|loan|financing) (?:needed"
            r"|required|necessary)|no need for (?:a )?(?:mortgage|loan|financing|lender)|don't need (?:a )?(?:mort"
            r"gage|loan|financing|lender)|de contado|en efectivo)"
        ),
    ),
    (
        "preapproved",
        0.92,
        re.compile(
            rf"\b(?:{_APPROVAL}|(?:i'm|i am|we're|we are|been|got|were|was|already|fully|lender|bank) (?:already "
            rf"|just |fully |both )?(?:approved)(?: (?:for|up to|by|at)| already|[.!,]|\Z)|(?:have|got) (?:a "
            rf"|my |our |the )?(?:financing|loan|mortgage|funding) (?:in place|lined up|secured|approved"
            rf"|ready|approval)|financing is (?:in place|lined up|secured|approved|ready)|approved for (?:a )?(?:lo"
            rf"an|mortgage|\$|up to|\d)|aprobad[oa]s? por)"
        ),
    ),
)
_NO_CASH = re.compile(
    r"\b(?:not|isn't|aren't|don't|do not|no|short on|low on|without|short of)\b[^.;,]{0,16}\bcash\b"
    r"|\bcash (?:out|to close|back|flow|for keys)\b"
)
_NOT_BEFORE = re.compile(r"(?:n't|\bnot|\bnever|\bhavent|\bdidnt|\bno)(?: (?:yet|even|really|been))? \Z")


def read(message: FoldedText) -> Iterator[Fact]:
    """Yield the state of a lead's financing, in the words of `domain.leads`: at most one a sentence.

    >>> from ml.language.facts.folding import folded
    >>> message = folded("We're pre-approved! Not pre-approved yet. Getting preapproved. Cash buyer.")
    >>> [fact.value for fact in read(message)]
    ['preapproved', 'none', 'started', 'cash']
    """
    if message.words.isdisjoint(_WORDS):
        return
    for sentence in message.sentences:
        fact = _read_sentence(message.text, sentence)
        if fact is not None:
            yield fact


def _read_sentence(text: str, sentence: SentenceSpan) -> Fact | None:
    """Return what the first rule that matches says; a question says nothing of an approval."""
    said = text[sentence.start : sentence.end]
    for value, confidence, pattern in _RULES:
        match = pattern.search(said)
        if match is None or (value == "cash" and _NO_CASH.search(said)):
            continue
        if value is None or (sentence.asks and value in {"preapproved", "none"}):
            return None
        # "we haven't talked to a lender"
        state = "none" if value == "started" and _NOT_BEFORE.search(said[: match.start()]) else value
        start, end = sentence.start + match.start(), sentence.start + match.end()
        return Fact(kind="preapproval", value=state, bound=None, start=start, end=end, confidence=confidence)
    return None
