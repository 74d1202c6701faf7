"""The wall clock of processes that run already, moved by a preloaded library; their monotonic clock stays right.

libfaketime moves the monotonic clock too, or `time.sleep` fails with it. Needs a C compiler.
"""

import shutil
import struct
import subprocess
from pathlib import Path

import pytest

DAY = 86_400
JUMPS = {"-1 day": -DAY, "+1 hour": 3600, "+10 days": 10 * DAY, "+3 years": 1095 * DAY}
needs_compiler = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")

_LIBRARY = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t *shared;
__attribute__((constructor)) static void start(void) {
    const char *path = getenv("CLOCK_OFFSET");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return;
    void *found = mmap(0, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
    if (found != MAP_FAILED) shared = found;
    close(file);
}
static int64_t offset(void) { return shared ? *shared : 0; }
int clock_gettime(clockid_t id, struct timespec *at) {
    int done = syscall(SYS_clock_gettime, id, at);
    if (!done && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) at->tv_sec += offset();
    return done;
}
int gettimeofday(struct timeval *at, void *zone) {
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    at->tv_sec = now.tv_sec;
    at->tv_usec = now.tv_nsec / 1000;
    return 0;
}
time_t time(time_t *at) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (at) *at = now.tv_sec;
    return now.tv_sec;
}
"""


class ShiftedClock:
    """The clock of processes that have `environ`, and of their children."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        source, library, self._file = (folder / name for name in ("clock.c", "clock.so", "offset"))
        source.write_text(_LIBRARY)
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", str(library), str(source)], check=True)
        self._file.write_bytes(struct.pack("=q", 0))
        self.environ = {"LD_PRELOAD": str(library), "CLOCK_OFFSET": str(self._file)}

    def set(self, seconds: int) -> None:
        """Wrong by this from now on."""
        with self._file.open("r+b") as file:
            file.write(struct.pack("=q", seconds))
