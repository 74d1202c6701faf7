"""Names of segments: `<collector>-<boot>-<seq>`, never reused, in order of creation when sorted."""

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from sensor_platform.errors import WrongUse
from sensor_platform.kernel.durable import write_file

_COLLECTOR = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_NAME = re.compile(r"(?P<collector>.+)-(?P<boot>\d{13})-(?P<seq>\d{8})")


@dataclass(frozen=True, slots=True, order=True)
class SegmentName:
    """The parts of a segment's name."""

    collector: str
    boot: int
    """Milliseconds since the epoch when the collector started, or one more than the boot before it."""
    seq: int

    def __str__(self) -> str:
        return f"{self.collector}-{self.boot:013d}-{self.seq:08d}"


def parse_name(text: str) -> SegmentName | None:
    """The parts of a segment's name (without suffix), or None where it is not such a name."""
    match = _NAME.fullmatch(text)
    if match is None:
        return None
    return SegmentName(match["collector"], int(match["boot"]), int(match["seq"]))


def check_collector(collector: str) -> None:
    """Refuse a collector name that cannot be part of a file name.

    Raises:
        WrongUse: naming the rule.
    """
    if not _COLLECTOR.fullmatch(collector):
        raise WrongUse(
            f"collect.collector {collector!r} cannot be part of a file name",
            "use 1 to 64 letters, digits, dots, dashes and underscores, a letter or digit first",
        )


def segment_names(collector: str, wal: Path, clock_ms: Callable[[], int] | None = None) -> Iterator[str]:
    """Names for one run of a collector; the boot is recorded durably in `wal` before the first name is returned.

    A clock that was set back cannot produce a name twice: the boot is larger than every one that is recorded or in use.

    Raises:
        WrongUse: `collector` cannot be part of a file name.
        OSError: `wal` cannot be written.
    """
    check_collector(collector)
    record = wal / f"{collector}.boot"
    used = [int(record.read_text())] if record.is_file() else []
    used += [name.boot for file in wal.iterdir() if (name := parse_name(file.stem)) and name.collector == collector]
    now = clock_ms() if clock_ms else time.time_ns() // 1_000_000
    boot = max([now, *(earlier + 1 for earlier in used)])
    write_file(record, str(boot).encode())
    return (str(SegmentName(collector, boot, seq)) for seq in count(1))
