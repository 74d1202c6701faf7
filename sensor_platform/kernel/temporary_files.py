"""Names of temporary files, and whether whoever made one is gone.

A process id means something only where processes are numbered together: two containers with one data folder have the
same ids for different processes. So a name also says where its process runs (`<name>.<place>.<pid>.tmp`).
"""

import hashlib
import os
import re
import socket
import time
from contextlib import suppress
from functools import cache
from pathlib import Path

FOREIGN_SECONDS = 3600.0
"""A file of a process that we cannot ask about is dead after this time without a write."""
_NAME = re.compile(r".+\.(?P<place>[0-9a-f]{8}p)\.(?P<pid>\d+)\.tmp")
_OLD_NAME = re.compile(r".+\.(?P<pid>\d+)\.tmp")


def temporary_path(path: Path) -> Path:
    """A temporary path beside `path`, for this process alone."""
    return path.with_name(f"{path.name}.{process_place()}.{os.getpid()}.tmp")


def is_dead(temporary: Path) -> bool:
    """Whether the process that made a temporary file is gone, or is this one.

    Of another machine or container that is not known: then it is gone if the file was not written for an hour.
    """
    found = _NAME.fullmatch(temporary.name)
    if found is not None and found["place"] != process_place():
        with suppress(FileNotFoundError):
            return time.time() - temporary.stat().st_mtime > FOREIGN_SECONDS
        return False
    found = found or _OLD_NAME.fullmatch(temporary.name)
    pid = int(found["pid"]) if found else 0
    if pid in {0, os.getpid()}:
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:  # it runs and belongs to another user
        return False
    return False


@cache
def process_place() -> str:
    """Where process ids of ours are valid: machine and process namespace, as eight hex digits and a p."""
    try:
        namespace = str((Path("/proc/self/ns/pid")).stat().st_ino)
    except OSError:  # not Linux
        namespace = ""
    return hashlib.sha256(f"{socket.gethostname()} {namespace}".encode()).hexdigest()[:8] + "p"
