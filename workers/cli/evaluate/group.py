"""`hearth evaluate`: measure the models on a file of one's own, with the code that trains and serves them."""

from __future__ import annotations

from workers.cli.base.command import example
from workers.cli.base.lazy import LazyGroup

#: what is measured -> where its command is, and its line in `hearth evaluate --help`
EVALUATIONS = {
    "leads": ("workers.cli.evaluate.scorers:leads", "Cross-validate the lead scorer on any table."),
    "churn": ("workers.cli.evaluate.scorers:churn", "Cross-validate the churn model on any table."),
    "refusals": ("workers.cli.evaluate.refusals:refusals", "Measure how refusals of contact are read."),
    "facts": ("workers.cli.evaluate.facts:facts", "Measure how facts are read in dialogues."),
    "emotion": ("workers.cli.evaluate.emotion:emotion", "Measure how well emotions are told."),
    "sentiment": ("workers.cli.evaluate.sentiment:sentiment", "Measure how well polarity is read."),
    "stream": ("workers.cli.evaluate.stream:stream", "Learn a table from top to bottom, as the online models do."),
    "sendtime": ("workers.cli.evaluate.sendtime:sendtime", "Measure how well the hour of the next reply is predicted."),
}

evaluate = LazyGroup(
    "evaluate",
    table=EVALUATIONS,
    help="Measure the models on a file of your own.",
    epilog=example("hearth evaluate leads leads.csv --target Converted"),
)
