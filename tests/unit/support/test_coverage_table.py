"""The table of `make coverage` says of each package what a real measurement of a toy package says."""

import json
import os
import subprocess
import sys

import pytest

from tests.support.coverage_table import table

#: five statements, of which one is not run; one branch of two is taken
HALF = "def half(value):\n    if value % 2:\n        return None\n    return value // 2\nhalf(4)\n"


def coverage(folder, *arguments):
    env = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    command = [sys.executable, "-m", "coverage", *arguments]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=True).stdout


@pytest.mark.slow
def test_a_package_has_its_statements_and_branches(tmp_path):
    for package, text in {"first": HALF, "second": "value = 1\n"}.items():
        (tmp_path / package).mkdir()
        (tmp_path / package / "part.py").write_text(text)
    (tmp_path / "start.py").write_text("import first.part, second.part\n")
    coverage(tmp_path, "run", "--branch", "--source=first,second", "start.py")
    lines = table(json.loads(coverage(tmp_path, "json", "-q", "-o", "-")))
    assert [line.split() for line in lines] == [
        ["package", "statements", "covered", "branches", "covered"],
        ["first", "5", "80.0%", "2", "50.0%"],
        ["second", "1", "100.0%", "0", "-"],
        ["all", "6", "83.3%", "2", "50.0%"],
    ]
