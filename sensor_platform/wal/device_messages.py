"""What the lander wants to say to devices: small files that the collector publishes and deletes.

A message here may be lost or sent twice without harm: a node that is not heard of is asked for again.
"""

import contextlib
import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from sensor_platform.home import Home
from sensor_platform.kernel.clock import MINUTE
from sensor_platform.wal import parse_name

_AGAIN = MINUTE
"""Microseconds before the same node is asked again."""
_MOST = 100
"""Files that may wait for a collector that is not there."""


class DeviceMessage(msgspec.Struct, frozen=True):
    """One message to publish, QoS 0."""

    topic: str
    payload: bytes
    asked_at: int
    """Microseconds since the epoch, UTC."""


@dataclass(slots=True)
class DeviceOutbox:
    """The lander's end."""

    home: Home
    clock: Callable[[], int]
    asked: dict[str, int] = field(default_factory=dict)

    def ask(self, segment: str, nodes: Iterable[str]) -> None:
        """Ask Sparkplug nodes for their births, by the collector of the segment. A full disk is no reason to stop."""
        now = self.clock()
        due = [node for node in sorted(nodes) if now - self.asked.get(node, -_AGAIN) >= _AGAIN]
        name = parse_name(segment)
        if not due or name is None:
            return
        from sensor_platform.reading.sparkplug.protobuf_schema import rebirth_command

        folder = outbox_folder(self.home.wal, name.collector)
        with contextlib.suppress(OSError):
            folder.mkdir(exist_ok=True)
            for node in due[: _MOST - len(list(folder.glob("*.json")))]:
                group, _, edge = node.partition("/")
                message = DeviceMessage(f"spBv1.0/{group}/NCMD/{edge}", rebirth_command(now // 1000), now)
                path = folder / f"{hashlib.sha256(node.encode()).hexdigest()[:32]}.json"
                temporary = path.with_suffix(".part")
                temporary.write_bytes(msgspec.json.encode(message))
                temporary.replace(path)
                self.asked[node] = now


def outbox_folder(wal: Path, collector: str) -> Path:
    """Where messages for one collector to publish are."""
    return wal / f"{collector}.outbox"


def take_device_messages(wal: Path, collector: str) -> Iterator[DeviceMessage]:
    """The collector's end: every message, whose file is gone once it was taken."""
    folder = outbox_folder(wal, collector)
    for path in sorted(folder.glob("*.json")) if folder.is_dir() else ():
        with contextlib.suppress(OSError, msgspec.DecodeError):
            content = path.read_bytes()
            path.unlink()
            yield msgspec.json.decode(content, type=DeviceMessage)
