"""The collector on a disk that fails while the file named by FAULT exists: its content says how."""

import errno
import os
import random
from pathlib import Path
from typing import Any

from sensor_platform.cli.main import main

FAULT = Path(os.environ["FAULT"])
real_write, real_fsync, real_replace = os.write, os.fsync, os.replace
dice = random.Random(7)


def fault() -> str:
    try:
        return FAULT.read_text()
    except FileNotFoundError:
        return ""


def write(fd: int, data: Any) -> int:
    how = fault()
    if how == "short":
        return real_write(fd, bytes(data)[: dice.randint(1, max(1, len(data) - 1))])
    if how == "torn":
        real_write(fd, bytes(data)[: len(data) // 2])
    if how in ("torn", "full"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return real_write(fd, data)


def fsync(fd: Any) -> None:
    if fault() == "fsync":
        raise OSError(errno.EIO, os.strerror(errno.EIO))
    real_fsync(fd)


def replace(source: Any, target: Any, **folders: Any) -> None:
    if fault() == "rename":
        raise OSError(errno.EIO, os.strerror(errno.EIO))
    real_replace(source, target, **folders)


os.write, os.fsync, os.replace = write, fsync, replace  # type: ignore[assignment]
main()
