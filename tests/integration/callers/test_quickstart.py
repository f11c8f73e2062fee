"""docs/quickstart.md as it stands: its commands and its Python, in its order, against a real cluster."""

import re
import shlex
import subprocess
import sys

import pytest

from tests.support.commands import ROOT, environment

pytestmark = [pytest.mark.cluster("callers"), pytest.mark.slow]

TEXT = (ROOT / "docs" / "quickstart.md").read_text(encoding="utf-8")
STEP = re.compile(
    r"^```python\n(?P<python>.*?)^```|^    \.venv/bin/hearth (?P<command>[^\n]+)$", re.MULTILINE | re.DOTALL
)
# a command in the page's own process: starting one takes a second each time
HEARTH = f"""
from contextlib import chdir
from workers.cli import main
def hearth(args):
    with chdir({str(ROOT)!r}):
        main(args, prog_name="hearth", standalone_mode=False)
"""


def _script() -> str:
    """The page as one program, with each command as a call of `hearth`."""
    steps = [match["python"] or f"hearth({shlex.split(match['command'])!r})" for match in STEP.finditer(TEXT)]
    return "\n".join(step for step in steps if step != "hearth(['up'])")


@pytest.mark.timeout(180)
def test_the_page_works_from_top_to_bottom(home, redis_url, tmp_path):
    page = tmp_path / "page.py"
    page.write_text(f"{HEARTH}{_script()}", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(page)],
        cwd=tmp_path,
        env=environment(home, REDIS_URL=redis_url),
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:] + done.stdout[-1000:]
    assert "scorecard" in done.stdout
    assert "lead_score-0001" in done.stdout
