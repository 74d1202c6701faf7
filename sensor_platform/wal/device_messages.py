"""Messages of the lander to devices: small files that the collector publishes and deletes.

A message may be lost or sent twice without harm: a node that does not answer is asked again.
"""

import contextlib
import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from sensor_platform.home import Home
from sensor_platform.kernel.clock import MINUTE
from sensor_platform.wal.segment_name import parse_name

_REPEAT_MICROS = MINUTE
"""Minimum interval between two requests to the same node, microseconds."""
_MAX_FILES = 100
"""Files that may wait while the collector is not running."""


class DeviceMessage(msgspec.Struct, frozen=True):
    """One message to publish, QoS 0."""

    topic: str
    payload: bytes
    asked_at: int
    """Microseconds since the epoch, UTC."""


@dataclass(slots=True)
class DeviceOutbox:
    """Writer of the messages; used by the lander."""

    home: Home
    clock: Callable[[], int]
    asked: dict[str, int] = field(default_factory=dict)

    def ask(self, segment: str, nodes: Iterable[str]) -> None:
        """Queue rebirth requests to Sparkplug nodes for the collector of the segment. Disk errors are ignored."""
        now = self.clock()
        due = [node for node in sorted(nodes) if now - self.asked.get(node, -_REPEAT_MICROS) >= _REPEAT_MICROS]
        name = parse_name(segment)
        if not due or name is None:
            return
        from sensor_platform.reading.sparkplug.protobuf_schema import rebirth_command

        folder = outbox_folder(self.home.wal, name.collector)
        with contextlib.suppress(OSError):
            folder.mkdir(exist_ok=True)
            for node in due[: _MAX_FILES - len(list(folder.glob("*.json")))]:
                group, _, edge = node.partition("/")
                message = DeviceMessage(f"spBv1.0/{group}/NCMD/{edge}", rebirth_command(now // 1000), now)
                path = folder / f"{hashlib.sha256(node.encode()).hexdigest()[:32]}.json"
                temporary = path.with_suffix(".part")
                temporary.write_bytes(msgspec.json.encode(message))
                temporary.replace(path)
                self.asked[node] = now


def outbox_folder(wal: Path, collector: str) -> Path:
    """The folder with the messages that one collector has to publish."""
    return wal / f"{collector}.outbox"


def take_device_messages(wal: Path, collector: str) -> Iterator[DeviceMessage]:
    """Every waiting message, for the collector to publish; its file is deleted before it is returned."""
    folder = outbox_folder(wal, collector)
    for path in sorted(folder.glob("*.json")) if folder.is_dir() else ():
        with contextlib.suppress(OSError, msgspec.DecodeError):
            content = path.read_bytes()
            path.unlink()
            yield msgspec.json.decode(content, type=DeviceMessage)
