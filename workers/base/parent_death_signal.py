"""End a process with its parent: `python -I -S parent_death_signal.py SIGNAL PARENT PROGRAM ARGUMENT…` runs PROGRAM.

On Linux the kernel sends SIGNAL when the parent is gone, however it went. Doing this in a small program between fork
and exec keeps Python code out of the fork of a process with threads. Standard library only: our packages are not there.
"""

import ctypes
import os
import sys

_PR_SET_PDEATHSIG = 1


def die_with_parent(signum: int, parent: int) -> None:
    """Have the kernel send `signum` when process `parent` ends, at once if it has ended; only on Linux."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signum)
    if os.getppid() != parent:
        os.kill(os.getpid(), signum)


def main() -> None:
    """Ask for the signal, then become the program."""
    signum, parent, *argv = sys.argv[1:]
    die_with_parent(int(signum), int(parent))
    os.execvp(argv[0], argv)  # noqa: S606 - the caller's own program


if __name__ == "__main__":
    main()
