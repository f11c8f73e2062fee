"""Runs every benchmark and gathers what they print into build/benchmarks.json and a page, build/benchmarks.html."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.harness import ROOT, parser
from workers.pages.layout import render

MODULES = (
    "pipeline",
    "throughput",
    "live",
    "gateway",
    "fairness",
    "backfill",
    "leads_accuracy",
    "promotion_errors",
    "leads_latency",
    "explanations",
    "features_batch",
    "profile_memory",
    "churn_accuracy",
    "churn_speed",
    "planning",
    "signal_labels",
    "drift_quality",
    "interventions",
    "refusals",
    "language_accuracy",
    "language_speed",
    "online_accuracy",
    "online_speed",
    "journey",
)
BUILD = ROOT / "build"
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
    """One self-contained page in the layout of all pages."""
    names = [(told["name"], told["name"].replace("_", " ").capitalize()) for told in found]
    return render("benchmarks.html", {"names": names, "found": [told | {"tables": tables(told)} for told in found]})


def tables(told: Found) -> list[tuple[str, list[tuple[str, Any]]]]:
    """A benchmark's figures and its machine, each with a caption."""
    captions = {"figures": "Figures", "machine": "Machine"}
    return [(caption, list(flat(told[name]))) for name, caption in captions.items() if name in told]


def flat(told: Mapping[str, Any], above: str = "") -> Iterable[tuple[str, Any]]:
    """Nested objects as one list of dotted names and values."""
    for name, value in told.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


if __name__ == "__main__":
    main()
