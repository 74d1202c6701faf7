"""Checks of the data folder: write access, free space, file system, duration of an fsync."""

import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from sensor_platform.doctor import Finding, fail, ok, skipped, warn
from sensor_platform.home import Home
from sensor_platform.kernel.durable import flush
from sensor_platform.landing.long_steps import long_steps

_GIB = 1 << 30
_LEAST_FREE_BYTES = 1 * _GIB
_LOW_FREE_BYTES = 5 * _GIB
_SLOW_FSYNC_SECONDS = 0.02
_FSYNCS = 20
_VOLATILE = {"tmpfs", "ramfs"}
_REMOTE = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "afs", "glusterfs"}


def check_home(home: Home) -> Iterator[Finding]:
    """Findings about one data folder. Nothing that is created stays."""
    folder = _nearest(home.root)
    try:
        times = _fsync_seconds(folder)
    except OSError as error:
        yield fail("home writable", f"{home.root}: {error.strerror}", "change its owner, or set SENSOR_PLATFORM_HOME")
        yield skipped("disk space", "home is not writable")
        yield skipped("fsync", "home is not writable")
        return
    note = "" if folder == home.root else f" (does not exist yet; {folder} is writable)"
    yield ok("home writable", f"{home.root}{note}")
    yield _space(folder)
    yield _filesystem(folder, Path("/proc/mounts"))
    yield _fsync(times)


def check_retention(home: Home, keep_days: int, now: int) -> Finding:
    """Whether retention waits for a person, because a clock seems to have jumped.

    Args:
        home: the data folder.
        keep_days: days that landing files are kept, 0 for ever.
        now: microseconds since the epoch, UTC.
    """
    waiting = long_steps(home, keep_days, now)
    if not waiting:
        return ok("retention", "no step waits for a confirmation")
    return warn("retention", "; ".join(each.detail for each in waiting), waiting[0].hint)


def _nearest(path: Path) -> Path:
    """The folder itself, or its nearest parent that exists."""
    return next(folder for folder in (path, *path.parents) if folder.is_dir())


def _fsync_seconds(folder: Path) -> list[float]:
    times = []
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        for _ in range(_FSYNCS):
            file.write(b"x" * 4096)
            begin = time.perf_counter()
            flush(file.fileno())
            times.append(time.perf_counter() - begin)
    return times


def _fsync(times: list[float]) -> Finding:
    median, worst = statistics.median(times), max(times)
    detail = f"median {1000 * median:.1f} ms, worst {1000 * worst:.1f} ms of {len(times)}"
    if median > _SLOW_FSYNC_SECONDS:
        return warn("fsync", detail, "every acknowledgement waits for an fsync: use a local SSD for lower latency")
    return ok("fsync", detail)


def _space(folder: Path) -> Finding:
    usage = shutil.disk_usage(folder)
    detail = f"{usage.free / _GIB:.1f} GiB free of {usage.total / _GIB:.1f}"
    hint = "free some space, or move SENSOR_PLATFORM_HOME; a full disk stops collecting (nothing acknowledged is lost)"
    if usage.free < _LEAST_FREE_BYTES:
        return fail("disk space", detail, hint)
    return warn("disk space", detail, hint) if usage.free < _LOW_FREE_BYTES else ok("disk space", detail)


def _filesystem(folder: Path, mounts: Path) -> Finding:
    kind = _mount_type(folder, mounts)
    if kind in _VOLATILE:
        return warn("file system", f"{kind}: its content is lost at a restart", "put SENSOR_PLATFORM_HOME on a disk")
    if kind in _REMOTE:
        return warn(
            "file system",
            f"{kind}: locks and fsync may not hold over a network",
            "use a local disk for SENSOR_PLATFORM_HOME",
        )
    return ok("file system", kind or "unknown")


def _mount_type(folder: Path, mounts: Path) -> str | None:
    """File system of the longest mount point that holds `folder`; None if the system has no list of mounts."""
    if not mounts.is_file():
        return None
    best, kind = "", None
    for line in mounts.read_text("utf-8", "replace").splitlines():
        _, point, filesystem, *_ = line.split(" ")
        point = point.replace("\\040", " ")
        if folder.resolve().is_relative_to(point) and len(point) >= len(best):
            best, kind = point, filesystem
    return kind
