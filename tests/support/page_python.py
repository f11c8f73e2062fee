"""An interpreter that runs the Python blocks of a page one after the other, as a person's open session does.

`python -P page_python.py FOLDER`: runs each `<n>.py` that appears in FOLDER and writes its exit code into `<n>.ended`.
"""

import itertools
import sys
import time
import traceback
from pathlib import Path


def main(folder: Path) -> None:
    session: dict[str, object] = {"__name__": "__main__"}
    for number in itertools.count(1):
        block = folder / f"{number}.py"
        while not block.exists():
            time.sleep(0.02)
        try:
            exec(compile(block.read_text(encoding="utf-8"), str(block), "exec"), session)
            code = 0
        except BaseException:
            traceback.print_exc()
            code = 1
        sys.stdout.flush()
        (folder / "draft").write_text(str(code))
        (folder / "draft").replace(folder / f"{number}.ended")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
