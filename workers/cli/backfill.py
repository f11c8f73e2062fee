"""`hearth backfill`: import a CSV file into a tenant; show progress and errors."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from db.records import BackfillRecord, ChunkRecord
from db.repositories import tenants
from db.repositories.backfills import backfills
from db.session import EVERY_TENANT, reading, transaction
from domain.closed_leads import in_words
from tasks.backfill.finish import summary
from tasks.intake.csv.columns import export_profiles
from tasks.runtime.files.file_grants import handed_over
from workers.base.settings import settings
from workers.cli.base.client import Client, client
from workers.cli.base.command import Command, CommandFailed, example, json_option
from workers.cli.base.database import database
from workers.cli.base.formatting import Verbatim
from workers.cli.base.output import emit, facts, notice, progress, say, table

MODES = ("preview", "dry_run", "reconcile", "commit")
KINDS = ("leads", "events")
POLICIES = ("fill_blanks", "overwrite", "skip_existing")
PROFILES = ("auto", *export_profiles.profile_names("leads"), *export_profiles.profile_names("events"))
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
#: states that are no failure
GOOD = frozenset({"finished", "preview"})

#: result of a comparison -> words for people
_DIFFERS = {
    "missing": "leads missing here",
    "changed": "leads changed",
    "deleted": "leads deleted at the source",
    "unchanged": "leads unchanged",
    "archived": "leads archived",
    "not_archived": "not archived because",
    "report": "what differs",
}

#: what decided the meaning of a column -> words for people
_BECAUSE = {
    "mapping": "the mapping",
    "profile": "the profile",
    "generic": "a usual header",
    "words": "words of the header",
    "values": "its values",
    "consent": "words of consent",
    "": "",
}

Data = dict[str, Any]

JOB = click.argument("job_id", metavar="JOB")


class Backfill(click.Group):
    """`backfill FILE …` imports; `backfill status|cancel JOB` looks after an import."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        known = {*self.commands, *ctx.help_option_names}
        return super().parse_args(ctx, ["import", *args] if args and args[0] not in known else args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        self.commands["import"].format_options(ctx, formatter)
        self.format_commands(ctx, formatter)


@click.group(
    cls=Backfill,
    subcommand_metavar="FILE --tenant T | status JOB | cancel JOB",
    epilog=example("hearth backfill examples/leads.csv --tenant demo --mode preview"),
)
def backfill() -> None:
    """Import a CSV file of leads: FILE is .csv, .tsv or either as .gz, with a header.

    The same command again goes on where an import stopped; a file called `status` is written ./status.
    """


def mapping_of(path: Path | None) -> Data | None:
    """Return a mapping file's content; raises CommandFailed naming the line that is no TOML."""
    if path is None:
        return None
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CommandFailed(f"{path}: no TOML: {error}") from None


def ensure_tenant(caller: Client) -> None:
    """Create the tenant unless it exists; say so."""
    answer = caller.envelope("hearth.tenants.configure", settings={}, actor="hearth backfill")
    if answer["data"].get("created"):
        notice(f"tenant {caller.tenant_id} did not exist and was created")


def require_tenant(caller: Client, mode: str) -> None:
    """Raise CommandFailed for a tenant that does not exist: what stores nothing creates none."""
    answer = caller.envelope("hearth.tenants.configure", settings={}, actor="hearth backfill", dry_run=True)
    if answer["data"].get("created"):
        raise CommandFailed(
            f"tenant {caller.tenant_id} does not exist, and --mode {mode} stores nothing, so it creates none; "
            f"the real load does. First look with --mode preview, or run: hearth tenant create {caller.tenant_id}"
        )


def run_import(caller: Client, path: Path, **options: Any) -> Data:
    """Import a file and return its finished job; progress goes to stderr."""
    job = start_import(caller, path, **options)
    if "result" in job:
        return job
    try:
        with progress(f"importing {path.name}") as show:
            return caller.follow(job["job_id"], show)
    except (KeyboardInterrupt, SystemExit):
        notice(_left_behind(caller, job["job_id"]))
        raise


def start_import(caller: Client, path: Path, **options: Any) -> Data:
    """Hand the file to the cluster and return its job; with `result` when there is nothing to wait for."""
    with handed_over(caller.home or settings().home, caller.tenant_id, path) as uri:
        answer = caller.envelope("hearth.backfill.csv", queue="batch", patience=600, uri=uri, **options)
    data: Data = answer["data"]
    if "rows" not in data:
        return data
    if answer.get("duplicate") and data["state"] == "finished":
        notice("this file was imported before with the same options; this is the result (--no-resume imports it again)")
    return {"job_id": data["job_id"], "state": data["state"], "result": data}


def _left_behind(caller: Client, job_id: str) -> str:
    if caller.private:
        return "stopping; the rows imported so far are kept, and the same command goes on from there"
    return f"no longer waiting; the import goes on: hearth backfill status {job_id}"


@backfill.command("import", cls=Command, hidden=True)
@click.argument("path", metavar="FILE", type=FILE)
@click.option(
    "--tenant", required=True, metavar="T", help="The tenant; --mode commit creates it when it does not exist."
)
@click.option(
    "--profile",
    type=click.Choice(PROFILES),
    default="auto",
    show_default=True,
    help="Which system the columns come from.",
)
@click.option(
    "--mapping", "mapping_path", type=FILE, metavar="M.toml", help="Columns, labels and defaults of this file."
)
@click.option("--kind", type=click.Choice(KINDS), default="leads", show_default=True, help="What the rows are.")
@click.option(
    "--max-error-rate", type=click.FloatRange(0, 1), default=0.2, show_default=True, help="Stop above this share."
)
@click.option(
    "--mode",
    type=click.Choice(MODES),
    default="commit",
    show_default=True,
    help="Show how the file is read, try it, compare it, or load it.",
)
@click.option("--archive-missing", is_flag=True, help="With commit: archive leads that the file does not have.")
@click.option(
    "--policy",
    type=click.Choice(POLICIES),
    default="fill_blanks",
    show_default=True,
    help="Which value wins, the stored one or that of the file.",
)
@click.option("--timezone", metavar="ZONE", help="Zone of times without one, such as America/New_York.")
@click.option(
    "--resume/--no-resume", default=True, show_default=True, help="Continue the same import where it stopped."
)
@click.option("--detach", is_flag=True, help="Print the job's id and do not wait.")
@json_option
def import_file(
    path: Path, tenant: str, mapping_path: Path | None, detach: bool, as_json: bool, **options: Any
) -> None:
    """Import one file."""
    options = {"mapping": mapping_of(mapping_path), **options}
    with client(tenant) as caller:
        if options["mode"] == "commit":
            ensure_tenant(caller)
        elif options["mode"] != "preview":
            require_tenant(caller, options["mode"])
        if detach:
            report_job(start_import(caller, path, **options)["job_id"], as_json=as_json)
            return
        report(run_import(caller, path, **options), as_json=as_json)


@backfill.command(cls=Command, epilog=example("hearth backfill status JOB"))
@JOB
@json_option
def status(job_id: str, as_json: bool) -> None:
    """How far an import is, from the database; no cluster is needed."""
    with database(settings()):
        job = look_up(job_id)
    if as_json:
        emit(job)
        return
    counted = f"{job['progress']['done']} of {job['progress']['total']} rows"
    facts(
        f"import {job_id}", {"tenant": job["tenant_id"], "state": job["state"], "rows": counted, "error": job["error"]}
    )


@backfill.command(cls=Command, epilog=example("hearth backfill cancel JOB"))
@JOB
@json_option
def cancel(job_id: str, as_json: bool) -> None:
    """Stop an import: rows that are in stay in, chunks that have not begun are left out."""
    with database(settings()):
        ended = _cancel(job_id, look_up(job_id)["tenant_id"])
    if not ended:
        raise CommandFailed(f"import {job_id} had ended already")
    if as_json:
        emit({"job_id": job_id, "state": "cancelled"})
    else:
        click.echo(f"import {job_id} is cancelled; the same command imports the file again")


def _cancel(job_id: str, tenant_id: str) -> bool:
    now = datetime.now(UTC)
    with transaction(tenant_id) as session:
        record = backfills.get(session, tenant_id, backfill_id=job_id)
        if record is None or record.state != "running":
            return False
        final_summary = summary(
            record, backfills.chunks(session, tenant_id, backfill_id=job_id), "cancelled", None, now
        )
        return backfills.finish(
            session,
            tenant_id,
            backfill_id=job_id,
            state="cancelled",
            summary=final_summary,
            error="cancelled by its operator",
            error_file=None,
            now=now,
        )


def look_up(job_id: str) -> Data:
    """Return an import's state, whichever tenant owns it: the operator's view, never a caller's."""
    with reading(EVERY_TENANT) as session:
        for tenant_id in tenants.ids(session):
            record = backfills.get(session, tenant_id, backfill_id=job_id)
            if record is not None:
                chunks = backfills.chunks(session, tenant_id, backfill_id=job_id)
                return {"job_id": job_id, "tenant_id": tenant_id, **_state(record, chunks)}
    raise CommandFailed("no import has this id; `hearth backfill FILE --detach` prints it")


def _state(record: BackfillRecord, chunks: Sequence[ChunkRecord]) -> Data:
    done = sum(chunk.records for chunk in chunks if chunk.state != "pending")
    return {
        "state": record.state,
        "progress": {"done": done, "total": sum(chunk.records for chunk in chunks)},
        "error": record.error,
        "result": dict(record.summary) if record.summary else None,
    }


def report_job(job_id: str, *, as_json: bool) -> None:
    """Print a job's id, for people who do not wait."""
    if as_json:
        emit({"job_id": job_id})
    else:
        click.echo(job_id)


def report(job: Data, *, as_json: bool) -> None:
    """Print what an import did; raises CommandFailed unless it finished."""
    result = job.get("result")
    if as_json and result:
        emit(result)
    elif result:
        _summary(result)
    if job["state"] not in GOOD:
        raise CommandFailed(
            f"import {job['job_id']} {job['state']}: {job.get('error') or 'run the same command to start it again'}"
        )


def _summary(result: Data) -> None:
    counted = {f"rows {name}".replace("_", " "): count for name, count in result["rows"].items()}
    labels = {f"labels {name}": count for name, count in result["labels"].items()}
    warned = {f"warning {code}": _warned(code, count, result) for code, count in result["warnings"].items()}
    differs = {_DIFFERS.get(name, name): count for name, count in result.get("reconcile", {}).items()}
    columns = {"columns mapped": len(result["columns"]["mapped"]), "columns custom": len(result["columns"]["custom"])}
    name = f"import {result['job_id']}" if result["job_id"] else "nothing is stored"
    title = f"{name}: {result['state']} in {result['seconds']:.1f} s"
    facts(title, {**counted, **labels, **warned, **columns, "file of rejected rows": result["error_file"], **differs})
    if (usable := result.get("usable")) and any(result["labels"][outcome] for outcome in ("won", "lost")):
        say(in_words(usable))
    if not result["job_id"]:
        _preview(result)
    else:
        _lines("advice", result.get("advice", ()))


def _warned(code: str, count: int, result: Data) -> str:
    """Return how many cells a warning is about, and where a preview knows them: in which columns, with examples."""
    columns = [
        f"{reading['column']} ({reading['warnings'][code]}{_such_as(reading)})"
        for reading in result.get("readings", ())
        if code in reading.get("warnings", ())
    ]
    return f"{count}: {', '.join(columns)}" if columns else str(count)


def _such_as(reading: Data) -> str:
    return f", such as {'  '.join(reading['doubtful'])}" if reading["doubtful"] else ""


def _preview(result: Data) -> None:
    """Print how the file would be read: the profile and why, each column, consent, ends, what is rejected, advice."""
    say(f"profile {result['profile']}: {result['profile_why']}")
    ignored = {column["column"] for column in result.get("ignored", ())}
    readings = [
        reading
        for reading in result["readings"]
        if reading["column"] not in ignored and (reading["read_as"] != "nothing" or reading["filled"])
    ]
    table(
        "how the columns are read",
        ("column", "read as", "because of", "examples"),
        [
            (
                reading["column"],
                _read_as(reading),
                _BECAUSE.get(reading["decided_by"], reading["decided_by"]),
                Verbatim("  ".join(reading["examples"])),
            )
            for reading in readings
        ],
    )
    _lines("what is not read", _not_read(result.get("ignored", ())))
    _lines(
        "what was understood as consent",
        [f"{said['from']}: {_counted(said['understood'])}" for said in result["consent"]],
    )
    _lines("what was understood as ends", [_ends(end) for end in result["ends"]])
    for title, name in (("rows that will be rejected", "rejected"), ("rows passed over", "passed_over")):
        _lines(title, [f"{reason['rows']} x {reason['code']}: {reason['examples'][0]}" for reason in result[name]])
    doubts = [f"column {reading['column']}: {reading['advice']}" for reading in readings if reading["advice"]]
    _lines("advice", [*result["advice"], *doubts])


def _not_read(ignored: Sequence[Data]) -> list[str]:
    """Return the columns that are not read, by the reason."""
    by_reason: dict[str, list[str]] = {}
    for column in ignored:
        by_reason.setdefault(column["text"], []).append(column["column"])
    return [f"{', '.join(columns)}: {text}" for text, columns in by_reason.items()]


def _read_as(reading: Data) -> str:
    if reading["read_as"] == "attribute":
        return "an attribute of your own"
    return f"{reading['read_as']}, where those before are blank" if reading["counts_after"] else str(reading["read_as"])


def _counted(counts: Data) -> str:
    return ", ".join(f"{name} ({count})" for name, count in sorted(counts.items()))


def _ends(end: Data) -> str:
    by_outcome: dict[str, list[str]] = {}
    for word, outcome in end["words"].items():
        by_outcome.setdefault(outcome, []).append(word)
    told = [f"{outcome} = {', '.join(words)}" for outcome, words in sorted(by_outcome.items())]
    unread = [f"not read: {', '.join(end['not_read'])}"] if end["not_read"] else []
    return f"{end['column']}: {'; '.join([*told, *unread])}"


def _lines(title: str, lines: Sequence[str]) -> None:
    if lines:
        say(title)
    for line in lines:
        say(f"  {line}")
