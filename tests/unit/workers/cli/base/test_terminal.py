"""Nothing that comes from outside reaches a terminal as a code; what we draw ourselves does."""

import json
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from tests.support.terminals import DRAWING, MARK, forbidden, terminal
from workers.cli.base.command import Command, CommandFailed
from workers.cli.base.lazy import LazyGroup
from workers.cli.base.output import emit, facts, notice, progress, say, table
from workers.cli.base.terminal import Clean, clean, drawn, escaped

DOCUMENT = {f"name {MARK}": [MARK, {"half": "\ud800", "flag": "\U000e0001"}]}


@click.command(cls=Command)
@click.argument("what")
def show(what):
    """Print in one of the ways that there are."""
    if what == "echo":
        click.echo(MARK)
        click.echo(MARK, err=True)
    elif what == "texts":
        say(MARK)
        notice(MARK)
    elif what == "table":
        table(MARK, [f"[bold]a[/bold] {MARK}", "b"], [[MARK, 1.0]])
        table("wide", [f"column {number} {MARK}" for number in range(40)], [[MARK] * 40])
    elif what == "facts":
        facts(MARK, {MARK: MARK})
    elif what == "json":
        emit(DOCUMENT)
    elif what == "progress":
        with progress(MARK) as shown:
            shown(1, 2)
            notice(MARK)
            shown(2, 2)
    elif what == "failure":
        raise CommandFailed(MARK)
    elif what == "usage":
        raise click.BadParameter(f"no column {MARK!r}", param_hint="--text")
    elif what == "explained":
        raise OSError(MARK)


WAYS = ["echo", "texts", "table", "facts", "json", "progress", "failure", "usage", "explained"]
group = LazyGroup("toy", table={"show": (f"{__name__}:show", "Shows.")})


@pytest.mark.parametrize("way", WAYS)
def test_a_pipe_gets_printable_text_only(way):
    done = CliRunner().invoke(group, ["show", way])
    assert done.output
    assert forbidden(done.stdout + done.stderr) == []
    # only what is echoed as it is may still hold lines
    assert way == "echo" or not [line for line in done.output.splitlines() if line.startswith("FORGED")]


@pytest.mark.parametrize("columns", [60, 400])
@pytest.mark.parametrize("way", WAYS)
def test_a_terminal_gets_our_own_codes_only(way, columns, monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    with terminal(columns) as shown, pytest.raises(SystemExit):
        group.main(["show", way])
    assert shown.text
    assert forbidden(DRAWING.sub("", shown.text)) == []
    assert "\x1b[31m" not in shown.text
    assert "\x1b]" not in shown.text


def test_a_progress_bar_is_still_drawn_on_a_terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    with terminal() as shown, pytest.raises(SystemExit):
        group.main(["show", "progress"])
    assert DRAWING.search(shown.text.replace("\r\n", ""))
    assert "2/2" in shown.text


def test_a_name_is_no_markup(monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    with terminal() as shown, pytest.raises(SystemExit):
        group.main(["show", "table"])
    assert "[bold]a[/bold]" in shown.text


def test_json_is_the_same_document():
    done = CliRunner().invoke(group, ["show", "json"])
    assert json.loads(done.stdout) == DOCUMENT
    assert escaped('"é 漢"') == '"é 漢"'


def test_the_traceback_of_a_fault_of_ours_is_cleaned_too(tmp_path):
    (tmp_path / "faulty.py").write_text(
        "import click\nfrom workers.cli.base.lazy import LazyGroup\n"
        f"@click.command()\ndef go():\n    raise KeyError(chr(27) + ']0;x' + chr(7)) from ValueError({MARK!r})\n"
        "LazyGroup('toy', table={'go': ('__main__:go', 'Goes.')}).main(['go'])\n",
        encoding="utf-8",
    )
    command = [sys.executable, str(tmp_path / "faulty.py")]
    done = subprocess.run(command, capture_output=True, check=False, env={"PYTHONPATH": ":".join(sys.path)})
    told = done.stderr.decode()
    assert done.returncode == 1
    assert "Traceback" in told
    assert "owned" in told
    assert forbidden(told) == []


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_of_few_characters_shows_what_it_can(encoding):
    code = "import sys; from workers.cli.base.terminal import harmless\nwith harmless(): print('a é 漢 b')"
    environment = {"PYTHONPATH": ":".join(sys.path), "PYTHONIOENCODING": encoding}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, env=environment)
    assert done.stdout.decode(encoding) == "a é 漢 b\n".encode(encoding, "replace").decode(encoding)


def test_a_reader_that_has_enough_ends_a_command_without_a_word():
    code = (
        "import click; from workers.cli.base.lazy import LazyGroup\n"
        "@click.command()\ndef go():\n    [click.echo('x' * 9999) for _ in range(99)]\n"
        "LazyGroup('toy', table={'go': ('__main__:go', 'Goes.')}).main(['go'])"
    )
    command = f'{sys.executable} -c "$CODE" | head -c 1'
    environment = {"PYTHONPATH": ":".join(sys.path), "CODE": code, "PATH": "/usr/bin:/bin"}
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, check=True, env=environment)
    assert (done.stdout, done.stderr) == (b"x", b"")


def test_every_character_is_kept_or_a_blank():
    every = "".join(map(chr, range(sys.maxunicode + 1)))
    assert forbidden(clean(every)) == forbidden(drawn(every).replace("\r", "")) == []
    assert len(clean(every)) == len(every)


def test_bytes_find_no_way_around(capsys):
    stream = Clean(sys.stdout)
    assert not hasattr(stream, "buffer")
    with pytest.raises(TypeError):
        stream.write(b"\x1b")
    stream.writelines(["a\x1b", "b\n"])
    assert capsys.readouterr().out == "a b\n"
