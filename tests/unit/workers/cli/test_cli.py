"""The command line without a cluster: help, wrong usage, output, and what starts how fast."""

import errno
import json
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from workers.base.settings import settings
from workers.cli import COMMANDS, main
from workers.cli.base.command import Command
from workers.cli.base.output import PlainProgress, emit, filled, plain, table


def _commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from _commands(command, (*path, name))


EVERY = [(path, command) for path, command in _commands(main) if not command.hidden]
LEAVES = [path for path, command in EVERY if not isinstance(command, click.Group)]


@pytest.fixture
def hearth():
    return lambda *args: CliRunner().invoke(main, args, prog_name="hearth")


@pytest.mark.parametrize("path", [path for path, _ in EVERY], ids=" ".join)
def test_every_command_has_help_with_an_example_of_itself(hearth, path):
    shown = hearth(*path, "--help")
    assert shown.exit_code == 0
    assert f"hearth {' '.join(path)}" in shown.output.split("Example:")[1]


def test_the_line_of_help_in_the_table_is_the_commands_own():
    for name, (_, line) in COMMANDS.items():
        assert main.get_command(click.Context(main), name).help.startswith(line.rstrip(".")), name


def test_the_help_of_backfill_shows_what_an_import_takes(hearth):
    shown = hearth("backfill", "--help").output
    assert all(word in shown for word in ("--mapping", "--mode", "--no-resume", "--detach", "status", "cancel"))


@pytest.mark.parametrize(
    "args",
    [
        ["nonsense"],
        ["demo", "--nonsense"],
        ["backfill"],
        ["backfill", "no-such-file.csv", "--tenant", "x"],
        ["backfill", __file__],
        ["backfill", __file__, "--tenant", "x", "--mode", "maybe"],
        ["train"],
        ["train", "lead_score"],
        ["train", "tea_leaves", "--tenant", "x"],
        ["score", "--tenant", "x"],
        ["score", "--tenant", "x", "--all", "--lead", "1"],
        ["score", "--tenant", "x", "--all", "--top", "0"],
        ["assess", "--tenant", "x"],
        ["worklist"],
        ["worklist", "--tenant", "x", "--top", "201"],
        ["card", "--tenant", "x"],
        ["override", "--tenant", "x", "1", "--by", "me"],
        ["override", "--tenant", "x", "1", "--by", "me", "--band", "hot", "--withdraw"],
        ["override", "--tenant", "x", "1", "--by", "me", "--withdraw", "--reason", "agreed"],
        ["override", "--tenant", "x", "1", "--by", "me", "--probability", "1"],
        ["override", "--tenant", "x", "1", "--band", "hot"],
        ["override", "--tenant", "x", "1", "--by", "me", "--band", "hot", "--reason", "bought elsewhere"],
        ["mark", "--tenant", "x", "1", "--by", "me"],
        ["explain"],
        ["explain", "p", "--lead", "1", "--tenant", "x"],
        ["explain", "--lead", "1"],
        ["schemas"],
        ["tenant", "configure", "x"],
        ["models", "promote", "--tenant", "x"],
        ["interventions", "approve", "--tenant", "x"],
        ["interventions", "pause", "tea_leaves", "--tenant", "x"],
        ["interventions", "pause", "social_proof", "--tenant", "x", "--reason", "boredom"],
        ["report", "value"],
        ["report", "value", "--tenant", "x", "--days", "0"],
    ],
    ids=" ".join,
)
def test_wrong_usage_exits_with_2_and_says_so_on_stderr(hearth, args):
    refused = hearth(*args)
    assert refused.exit_code == 2
    assert not refused.stdout
    assert "Error: " in refused.stderr or "Usage: " in refused.stderr


def test_a_mapping_that_is_no_toml_is_one_line_and_exit_1(hearth, tmp_path):
    mapping = tmp_path / "broken.toml"
    mapping.write_text("columns = [", encoding="utf-8")
    refused = hearth("backfill", __file__, "--tenant", "x", "--mapping", str(mapping))
    assert refused.exit_code == 1
    assert not refused.stdout
    assert refused.stderr.startswith(f"Error: {mapping}: no TOML")
    assert refused.stderr.count("\n") == 1


def test_schemas_writes_one_file_a_task_and_prints_one_object(hearth, tmp_path):
    done = hearth("schemas", str(tmp_path / "new" / "schemas"), "--json")
    files = json.loads(done.stdout)["files"]
    assert done.exit_code == 0
    assert not done.stderr
    named = {name.rsplit("/", 1)[1]: Path(name).read_text(encoding="utf-8") for name in files}
    assert {"hearth.leads.score.json", "envelope.json"} <= named.keys()
    assert json.loads(named.pop("openapi.json"))["openapi"] == "3.1.0"
    assert "export interface UpsertLeads {" in named.pop("hearth.d.ts")
    assert {json.loads(text)["type"] for text in named.values()} == {"object"}


@pytest.mark.slow
def test_help_imports_nothing_heavy():
    code = (
        "import sys; from workers.cli import main; main(['--help'], standalone_mode=False);"
        "heavy = {'celery', 'sqlalchemy', 'alembic', 'sklearn', 'numpy', 'rich', 'pydantic'} & set(sys.modules);"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_no_command_imports_ml_into_the_callers_process_but_those_that_compute_there():
    code = (
        "import sys; from workers.cli import COMMANDS; from importlib import import_module;"
        "computing = {'evaluate', 'explain'};"
        "[import_module(place.partition(':')[0]) for name, (place, _) in COMMANDS.items() if name not in computing];"
        "heavy = {'sklearn', 'scipy', 'alembic', 'matplotlib', 'jinja2'} & set(sys.modules);"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_json_is_one_finite_object(capsys):
    emit({"name": "Ünïcode", "value": 0.5})
    assert capsys.readouterr().out == '{"name": "Ünïcode", "value": 0.5}\n'
    with pytest.raises(ValueError, match="JSON"):
        emit({"value": float("nan")})


def test_control_characters_of_foreign_data_stay_off_the_terminal():
    assert plain("a\x1b[31mb\nc\u202e") == "a [31mb c "


def test_a_reader_that_has_enough_is_no_failure_to_explain():
    def told() -> None:
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    ended = CliRunner().invoke(Command("told", callback=told))
    assert (ended.exit_code, ended.output) == (1, "")


def test_a_table_is_plain_lines_where_there_is_no_terminal(capsys):
    table("a title", ("lead", "reasons"), [("SIM-1", "x" * 200), ("SIM-22", None)])
    lines = capsys.readouterr().out.splitlines()
    assert lines == ["a title", "lead    reasons", f"SIM-1   {'x' * 200}", "SIM-22  -"]


@pytest.mark.parametrize(("width", "blocks"), [("80", True), ("200", False)])
def test_nothing_of_a_table_is_cut_off_on_a_narrow_terminal(capsys, monkeypatch, width, blocks):
    monkeypatch.setenv("COLUMNS", width)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    names = ("rank", "lead", "why now", "action", "due by", "reasons")
    table("calls", names, [(1, "SIM-00377", "a reply " * 5, "showing_invite", "2020-11-30T02:58:10Z", "views; " * 9)])
    told = capsys.readouterr().out
    assert ("  due by   2020-11-30 02:58 UTC\n" in told) == blocks
    assert ("showing_invite" in told, "…" in told) == (True, False)


def test_progress_is_plain_lines_where_there_is_no_terminal(capsys):
    show = PlainProgress("importing")
    for done in (0, 10, 20, 100, 100):
        show(done, 100)
    shown = capsys.readouterr()
    assert not shown.out
    assert shown.err == "importing: 0 of 100\nimporting: 100 of 100\n"


def test_the_version_is_named(hearth):
    assert hearth("--version").output == f"hearth {version('hearth')}\n"


def test_status_without_a_cluster_is_one_line_and_exit_1_and_starts_nothing(hearth, tmp_path, monkeypatch):
    for name in ("REDIS_URL", "DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HEARTH_HOME", str(tmp_path / "home"))
    settings.cache_clear()
    try:
        refused = hearth("status", "--json")
    finally:
        settings.cache_clear()
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert (
        refused.stderr == "Error: no cluster is running: start one with `hearth up`, or set REDIS_URL to its broker\n"
    )
    assert not (tmp_path / "home").exists()


def test_columns_that_are_empty_in_all_rows_are_left_out():
    assert filled(("a", "b"), []) == (["a", "b"], [])
    assert filled(("a", "b", "c"), [(1, None, ""), (0, None, "x")]) == (["a", "c"], [[1, ""], [0, "x"]])
