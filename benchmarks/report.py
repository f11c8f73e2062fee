"""Runs every benchmark and gathers what they print into build/benchmarks.json and a page, build/benchmarks.html."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from benchmarks.harness import ROOT, parser

MODULES = ("pipeline", "throughput", "live", "backfill")
BUILD = ROOT / "build"
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 64rem; margin: 2rem auto; padding: 0 1rem; color: #1b1f24 }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 1.5rem }
th, td { text-align: left; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid #d6dae0; vertical-align: top }
.met { color: #116329 } .short { color: #a40e26 } small { color: #57606a }
"""

Found = dict[str, Any]


def main() -> None:
    """Runs them one after another, prints each one's object, and exits with 1 when one of them failed."""
    quick = parser("Runs every benchmark.").parse_args().quick
    found = [run(name, quick=quick) for name in MODULES]
    write(found, BUILD)
    sys.stderr.write(f"{BUILD / 'benchmarks.html'}\n")
    if any("error" in told for told in found):
        raise SystemExit(1)


def run(name: str, *, quick: bool) -> Found:
    """What one benchmark prints; `error` instead of figures when it failed."""
    sys.stderr.write(f"{name} …\n")
    command = [sys.executable, "-m", f"benchmarks.{name}", *(["--quick"] if quick else [])]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    told: Found = json.loads(done.stdout) if done.returncode == 0 else {"name": name, "error": failure(done.returncode)}
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()
    return told


def failure(code: int) -> str:
    """What is said of a benchmark that did not end well."""
    return f"ended with code {code}; run it alone to see why"


def write(found: Sequence[Found], folder: Path) -> None:
    """Both files, into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"benchmarks": list(found)}, indent=2) + "\n"
    (folder / "benchmarks.json").write_text(text, encoding="utf-8")
    (folder / "benchmarks.html").write_text(page(found), encoding="utf-8")


def page(found: Sequence[Found]) -> str:
    """One self-contained page."""
    body = "\n".join(map(section, found))
    head = f'<meta charset="utf-8"><title>Hearth: benchmarks</title><style>{STYLE}</style>'
    return f'<!doctype html>\n<html lang="en"><head>{head}</head><body><h1>Benchmarks</h1>\n{body}\n</body></html>\n'


def section(told: Found) -> str:
    """One benchmark: its ratios against their goals, its figures, its machine."""
    title = f"<h2>{escape(told['name'])}</h2>"
    if "error" in told:
        return f'{title}<p class="short">{escape(told["error"])}</p>'
    quick = "quick run; " if told["quick"] else ""
    about = f"{told['data']}; {told['rows']} rows; seed {told['seed']}; {quick}{told['seconds']} s"
    machine = _table(("machine", ""), flat(told["machine"]))
    figures = _table(("figure", "value"), flat(told["figures"]))
    return f"{title}<p>{escape(about)}</p>{ratios(told['ratios'])}{figures}{machine}"


def ratios(told: Mapping[str, Found]) -> str:
    """The ratios as a table, each marked as reached or short of its goal."""
    rows = []
    for name, ratio in told.items():
        sign, said = ("≤" if ratio["better"] == "lower" else "≥"), ("met" if ratio["met"] else "short")
        value = f'<td class="{said}">{ratio["value"]} ({said})</td>'
        cells = f"<td>{escape(name)}<br><small>{escape(ratio['of'])}</small></td>{value}<td>{sign} {ratio['goal']}</td>"
        rows.append(f"<tr>{cells}</tr>")
    return f"<table><tr><th>ratio</th><th>value</th><th>goal</th></tr>{''.join(rows)}</table>"


def flat(told: Mapping[str, Any], above: str = "") -> Iterable[tuple[str, Any]]:
    """Nested objects as one list of dotted names and values."""
    for name, value in told.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


def _table(head: tuple[str, str], pairs: Iterable[tuple[str, Any]]) -> str:
    rows = "".join(f"<tr><td>{escape(name)}</td><td>{escape(str(value))}</td></tr>" for name, value in pairs)
    return f"<table><tr><th>{head[0]}</th><th>{head[1]}</th></tr>{rows}</table>"


if __name__ == "__main__":
    main()
