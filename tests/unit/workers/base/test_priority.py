"""Workers yield the processor; a process of their own shows it, since a nice value cannot be taken back."""

import subprocess
import sys

import pytest

CODE = """
import os, pathlib, sys
from workers.base.priority import yield_processor
yield_processor(int(sys.argv[1]))
session = pathlib.Path("/proc/self/autogroup")
print(os.nice(0), session.read_text().split()[-1] if session.exists() else "-")
"""


@pytest.mark.parametrize(("steps", "nice"), [(0, 0), (5, 5), (19, 19)])
def test_a_process_and_its_session_are_nicer(steps, nice):
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(steps)], capture_output=True, text=True, check=True, start_new_session=True
    )
    own, session = done.stdout.split()
    assert int(own) == nice
    assert session in {str(nice), "-"}
