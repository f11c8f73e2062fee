"""Print what tests cover of each package: `coverage json -q -o - | python -m tests.support.coverage_table`."""

import json
import sys
from collections import Counter

COUNTS = ("num_statements", "covered_lines", "num_branches", "covered_branches")


def table(report):
    """Return the lines of the table: one for each package, by name, and one for all of them."""
    packages = {}
    for path, file in report["files"].items():
        counts = {name: file["summary"][name] for name in COUNTS}
        for package in (path.partition("/")[0], "all"):
            packages.setdefault(package, Counter()).update(counts)
    rows = sorted(packages.items(), key=lambda row: (row[0] == "all", row[0]))
    return [_line("package", "statements", "covered", "branches", "covered"), *(_row(*row) for row in rows)]


def _row(package, counts):
    statements, covered, branches, taken = (counts[name] for name in COUNTS)
    return _line(package, statements, _share(covered, statements), branches, _share(taken, branches))


def _share(part, whole):
    return f"{part / whole:.1%}" if whole else "-"


def _line(package, *figures):
    return f"{package:<10}" + "".join(f"{figure:>12}" for figure in figures)


if __name__ == "__main__":
    print(*table(json.load(sys.stdin)), sep="\n")
