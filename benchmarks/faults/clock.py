"""A wrong clock for one process: libfaketime where it is installed, else a small library made with the C compiler."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

#: where packages put libfaketime, below /usr; to look everywhere takes seconds
PLACES = ("lib", "lib64", "lib/*", "local/lib")
SOURCE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
static long offset(void) { const char *s = getenv("FAULTS_CLOCK"); return s ? atol(s) : 0; }
int clock_gettime(clockid_t id, struct timespec *t) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int done = real(id, t);
    if (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE) t->tv_sec += offset();
    return done;
}
int gettimeofday(struct timeval *restrict t, void *restrict zone) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    t->tv_sec = now.tv_sec;
    t->tv_usec = now.tv_nsec / 1000;
    return 0;
}
time_t time(time_t *t) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (t) *t = now.tv_sec;
    return now.tv_sec;
}
"""


def shifted(seconds: int, folder: Path) -> tuple[str, dict[str, str]] | None:
    """How it is done, and the environment of a process whose clock is wrong by `seconds`; None: it cannot be done."""
    faketime = next(
        (found for place in PLACES for found in Path("/usr").glob(f"{place}/faketime/libfaketime.so.1")), None
    )
    if faketime:
        return "libfaketime", {"LD_PRELOAD": str(faketime), "FAKETIME": f"{seconds:+d}", "DONT_FAKE_MONOTONIC": "1"}
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    source, library = folder / "clock.c", folder / "clock.so"
    if not library.exists():
        source.write_text(SOURCE)
        subprocess.run([compiler, "-shared", "-fPIC", "-o", str(library), str(source), "-ldl"], check=True)
    return "preloaded library", {"LD_PRELOAD": str(library), "FAULTS_CLOCK": str(seconds)}
