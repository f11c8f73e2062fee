"""The `hearth` command: one module a family of commands, imported when one of them is called.

`hearth --help` must answer at once, so this module knows the commands by name only (`COMMANDS`).
"""

from __future__ import annotations

import click

from workers.cli.base.lazy import LazyGroup

#: command -> where it is, and its line in `hearth --help`
COMMANDS = {
    "demo": ("workers.cli.cluster.cluster:demo", "Simulated leads in, a ranked worklist out; leaves no process."),
    "up": ("workers.cli.cluster.cluster:up", "The cluster in the foreground until Ctrl-C."),
    "status": (
        "workers.cli.cluster.status:status",
        "Queues, workers and dead letters of the running cluster.",
    ),
    "gateway": ("workers.cli.gateway:gateway", "The HTTP gateway in the foreground until Ctrl-C."),
    "migrate": ("workers.cli.cluster.cluster:migrate", "Bring the database to the newest schema."),
    "tenant": ("workers.cli.tenants:tenant", "Create and configure tenants; see what they are ready for."),
    "backfill": ("workers.cli.backfill:backfill", "Import a CSV file of leads."),
    "train": ("workers.cli.models.models:train", "Train a model on what became of a tenant's leads."),
    "tune": ("workers.cli.models.tune:tune", "Search for better hyperparameters of a kind of model."),
    "models": ("workers.cli.models.models:models", "The registry: list, show and promote versions, and go back."),
    "evaluate": ("workers.cli.evaluate.group:evaluate", "Measure the models on a file of your own."),
    "score": ("workers.cli.leads.scores:score", "Score leads now and print them ranked."),
    "assess": ("workers.cli.leads.scores:assess", "Run the whole assessment of leads and wait for it."),
    "explain": ("workers.cli.leads.explain:explain", "Explain one score and compute it again."),
    "worklist": ("workers.cli.leads.scores:worklist", "Today's calls in order, with reasons."),
    "card": ("workers.cli.leads.scores:card", "Everything known of one lead's score."),
    "override": (
        "workers.cli.leads.judgements:override",
        "Let your own judgement of a lead count instead of its score.",
    ),
    "mark": ("workers.cli.leads.judgements:mark", "Call a score wrong, or right."),
    "history": ("workers.cli.leads.judgements:history", "Every score of a lead, newest first."),
    "interventions": (
        "workers.cli.interventions.interventions:interventions",
        "Interventions for leads at risk: let plans go, measure their effect, approve and pause them.",
    ),
    "report": (
        "workers.cli.interventions.report:report",
        "Report what Hearth brings: closed leads by band, use by agents, effect.",
    ),
    "outbound": ("workers.cli.outbound:outbound", "The stream of events to the CRM: dead letters and their replay."),
    "sender": (
        "workers.cli.sender:sender",
        "The sender, which carries actions out in the CRM: its state, its ledger, requests that are unsure.",
    ),
    "quarantine": ("workers.cli.quarantine:quarantine", "Messages that could not run: list, show, replay and drop."),
    "events": ("workers.cli.events:events", "Events of CRMs that failed or were ignored: read them again."),
    "audit": ("workers.cli.audit:audit", "The audit chains: verify that nothing was changed or cut off."),
    "privacy": (
        "workers.cli.privacy.rights:privacy",
        "Privacy requests of people, and their consent to being contacted.",
    ),
    "schemas": ("workers.cli.schemas:schemas", "Write the contract to DIR."),
}

main = LazyGroup(
    "hearth",
    table=COMMANDS,
    help="The machine-learning engine of a real-estate CRM: it scores and ranks leads, and explains why.",
    epilog="Start with `hearth demo`, then docs/quickstart.md. Every command has --help with an example.",
    context_settings={"help_option_names": ["-h", "--help"]},
)
# the version is looked up when somebody asks for it: that takes longer than the help
click.version_option(package_name="hearth", message="hearth %(version)s")(main)
