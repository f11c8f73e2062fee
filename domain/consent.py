"""The vocabulary of consent: decisions about being contacted, and the kinds of evidence for them."""

from __future__ import annotations

from typing import Literal, get_args

#: granted: agreed; withheld: did not agree, which is not a refusal; refused: channel closed; unsubscribed: all closed;
#: doubtful: perhaps a refusal, closed until a person decides; settled: a person decided that it was not a refusal
ConsentDecision = Literal["granted", "withheld", "refused", "unsubscribed", "doubtful", "settled"]
CONSENT_DECISIONS: tuple[ConsentDecision, ...] = get_args(ConsentDecision)
#: where it was stated: in a message; in a column of a file, a tag, a stage, a status, a note or a custom field; by an
#: event of its own; in a field of the contract; by a person who decided; or before statements were stored
ConsentBasis = Literal[
    "words", "column", "tag", "stage", "status", "note", "custom", "event", "field", "person", "stored"
]
CONSENT_BASES: tuple[ConsentBasis, ...] = get_args(ConsentBasis)
