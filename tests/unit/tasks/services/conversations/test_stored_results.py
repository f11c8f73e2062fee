"""What was read in a message comes back as it was read, and no word of the message is in what is stored."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from db.records import MessageAnalysisRecord
from domain.emotions import EMOTIONAL_STATES
from domain.facts import BOUNDS, FACT_KINDS
from ml.language.results import Evidence, Fact, MessageAnalysis, Sentiment, Tone
from tasks.services.conversations import stored_results

NOW = datetime(2026, 11, 30, 18, 30, tzinfo=UTC)
SHARES = st.floats(0, 1).map(lambda share: round(share, stored_results.DIGITS))
POLARITIES = st.floats(-1, 1).map(lambda polarity: round(polarity, stored_results.DIGITS))
ENDS = st.none() | st.floats(0, 1e7)
VALUES: st.SearchStrategy[Any] = st.none() | st.floats(0, 1e7) | st.text(max_size=20) | st.tuples(ENDS, ENDS)
FACTS = st.builds(
    Fact,
    kind=st.sampled_from(FACT_KINDS),
    value=VALUES,
    bound=st.none() | st.sampled_from(BOUNDS),
    start=st.just(3),
    end=st.just(9),
    confidence=SHARES,
)
SENTIMENTS = st.builds(Sentiment, polarity=POLARITIES, vader=POLARITIES, textblob=POLARITIES, confidence=SHARES)
EVIDENCE = Evidence(start=0, end=4, weight=1.5, source="rule", rule="worry")
TOLD = st.builds(
    Tone,
    state=st.sampled_from(EMOTIONAL_STATES),
    confidence=SHARES,
    probabilities=st.fixed_dictionaries(dict.fromkeys(EMOTIONAL_STATES, SHARES)),
    evidence=st.just((EVIDENCE,)),
    known=SHARES,
)
UNTOLD = st.just(Tone(state=None, confidence=0.0, why_not="too_short"))


@given(sentiment=st.none() | SENTIMENTS, tone=TOLD | UNTOLD, facts=st.lists(FACTS, max_size=4))
def test_what_is_stored_is_what_was_read(sentiment: Sentiment | None, tone: Tone, facts: list[Fact]) -> None:
    read = MessageAnalysis(version="1", language="en", words=9, sentiment=sentiment, tone=tone, facts=tuple(facts))
    stored = json.loads(json.dumps(stored_results.encode(read)))
    signal = stored_results.to_signal(
        MessageAnalysisRecord(
            event_id="7",
            lead_id="1",
            occurred_at=NOW,
            recorded_at=NOW,
            channel="sms",
            version="1",
            analysed_at=NOW,
            result=stored,
        )
    )
    assert (signal.state, signal.confidence, signal.tones) == (tone.state, tone.confidence, tone.probabilities)
    assert signal.polarity == (None if sentiment is None else sentiment.polarity)
    assert [(fact.kind, fact.value, fact.bound, fact.confidence) for fact in signal.facts] == [
        (fact.kind, fact.value, fact.bound, fact.confidence) for fact in facts
    ]
    assert stored_results.decode_signal(json.loads(json.dumps(stored_results.encode_signal(signal)))) == signal
