"""What may become of a challenger, and the changes of who answers that are kept as history."""

from __future__ import annotations

from typing import Literal, get_args

#: promote: it answers from now on. shadow: it is not judged yet and scores beside the champion. ask: it has earned it,
#: and a person decides. refuse: it does not answer
Verdict = Literal["promote", "shadow", "ask", "refuse"]
#: what is kept of a kind of model over time; the first two change who answers, a comparison was asked for and no more
Change = Literal["promotion", "rollback", "shadow", "waiting", "refusal", "comparison"]
#: who asked for a training decides so: promote what earns it, ask a person first, or promote nothing
Promoting = Literal["auto", "ask", "never"]
#: states of a model that does not answer: kept, scoring beside the champion, or waiting for a person's yes
ChallengerState = Literal["candidate", "shadow", "waiting"]
CHALLENGERS: tuple[ChallengerState, ...] = get_args(ChallengerState)
