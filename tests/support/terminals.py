"""A terminal to look at from outside, and what may come to it."""

import os
import pty
import re
import sys
import termios
import threading
from contextlib import contextmanager

#: what a hostile name holds: a title, a colour, a cleared screen (8 bits too), a turned direction, a line of its own
MARK = "\x1b]0;owned\x07\x1b[31m\x1bc\x9b2J\u202e\u2066\x08\r\nFORGED: yes\tx"
#: the codes of tables and progress bars; a colour is theirs only where they draw
DRAWING = re.compile(r"\r\n|\r(?=\x1b)|\x1b\[[\d;]*m|\x1b\[\d*[AGK]|\x1b\[\?25[hl]")


def forbidden(text):
    """What of a text a terminal would obey."""
    return sorted({one for one in text if not one.isprintable() and one not in "\n\t"})


class Terminal:
    """What was written to it."""

    def __init__(self):
        self.text = ""

    def read(self, master):
        """Take what comes, until the other end is closed."""
        while True:
            try:
                got = os.read(master, 65536)
            except OSError:
                return
            if not got:
                return
            self.text += got.decode(errors="replace")


@contextmanager
def terminal(columns=120):
    """A terminal in the place of stdout and stderr."""
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (50, columns))
    shown = Terminal()
    reader = threading.Thread(target=shown.read, args=(master,))
    before = sys.stdout, sys.stderr
    with os.fdopen(slave, "w", encoding="utf-8") as stream:
        sys.stdout = sys.stderr = stream
        reader.start()
        try:
            yield shown
        finally:
            sys.stdout, sys.stderr = before
    reader.join()
    os.close(master)
